"""Which images show the same photograph: told by the user, or found in the pixels; and what the names make of it."""

from trainer.data.photographs.names import NamesAgreement, names_agreement
from trainer.data.photographs.pixels import FINDER_VERSION, Found, Link, find_photographs
from trainer.data.photographs.told import BESIDE, from_csv, from_pattern

__all__ = [
    "BESIDE",
    "FINDER_VERSION",
    "Found",
    "Link",
    "NamesAgreement",
    "find_photographs",
    "from_csv",
    "from_pattern",
    "names_agreement",
]
