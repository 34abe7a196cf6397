"""Which images show the same photograph: told by the user, or found in the pixels; and what the names make of it.

OpenCV is imported when pixels are looked at, not before.
"""

from trainer.data.photographs.finder import find_photographs, foreseen_seconds
from trainer.data.photographs.found import FINDER_VERSION, Found, Link
from trainer.data.photographs.in_process import FEW, find_in_process
from trainer.data.photographs.names import NamesAgreement, names_agreement
from trainer.data.photographs.told import from_csv, from_pattern, table_beside, table_path

__all__ = [
    "FEW",
    "FINDER_VERSION",
    "Found",
    "Link",
    "NamesAgreement",
    "find_in_process",
    "find_photographs",
    "foreseen_seconds",
    "from_csv",
    "from_pattern",
    "names_agreement",
    "table_beside",
    "table_path",
]
