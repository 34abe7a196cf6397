"""Files that appear whole, or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A place to write a file, which then takes the place of `path` by rename; nothing is left where the block raises.

    The place is in the same folder, which must be there: `.NAME.PID.partial.ENDING`, with the file's own ending, by
    which libraries choose a format.

    Raises:
        OSError: it cannot be renamed.
    """
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)  # a full disk
