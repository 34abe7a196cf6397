"""The trainer's code, and a study's own files, on their way to another machine."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from trainer.fingerprint import code_files, fingerprint_of


def code_as_tar() -> bytes:
    """The package `trainer` of this checkout, its Python files alone, as a compressed tar."""
    return _tar({f"trainer/{name}": path for name, path in code_files().items()})


def own_code_as_tar(folder: Path) -> tuple[str, bytes]:
    """A name that follows from a study's own files, everything in their folder, and the files as a compressed tar."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    files = {path.relative_to(folder).as_posix(): path for path in paths}
    return f"own-{fingerprint_of(files)}", _tar(files)


def _tar(files: Mapping[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, path in files.items():
            tar.add(path, name, recursive=False)
    return buffer.getvalue()
