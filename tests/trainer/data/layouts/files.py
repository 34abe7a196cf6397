"""Files for tests of layouts: nothing opens them."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.data import Index, scan
from trainer.errors import DataError


def touch(root: Path, *files: str) -> Path:
    """Makes small files, with their folders."""
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(b"x")
    return root


def refused(root: Path) -> DataError:
    """What `scan` says."""
    with pytest.raises(DataError) as caught:
        scan(root)
    return caught.value


def rows(index: Index) -> dict[str, tuple[str, str, str]]:
    """For each file its side, class and what is told of it."""
    return {
        file: (side, index.class_names[label], told)
        for file, side, label, told in zip(index.files, index.sides, index.labels, index.told, strict=True)
    }
