"""Which trainer this is: a fingerprint of its code, so that two machines know whether they train alike."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def code_files(package: Path = PACKAGE) -> dict[str, Path]:
    """The Python files of the package, by their path below it with forward slashes, sorted."""
    return {path.relative_to(package).as_posix(): path for path in sorted(package.rglob("*.py"))}


@cache
def code_fingerprint(package: Path = PACKAGE) -> str:
    """Of the names and the contents of the package's Python files: 16 hexadecimal digits, taken once a process."""
    return fingerprint_of(code_files(package))


def fingerprint_of(files: Mapping[str, Path]) -> str:
    """Of the names of files, in their order, and their contents: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, path in files.items():
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]
