"""The trainer's code, and a study's own files, on their way to another machine."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

from trainer.fingerprint import code_files


def code_as_tar() -> bytes:
    """The package `trainer` of this checkout, its Python files alone, as a compressed tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, path in code_files().items():
            tar.add(path, f"trainer/{name}", recursive=False)
    return buffer.getvalue()


def own_code_as_tar(folder: Path) -> tuple[str, bytes]:
    """A name that follows from a study's own files, everything in their folder, and the files as a compressed tar."""
    digest = hashlib.sha256()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            name = path.relative_to(folder).as_posix()
            content = path.read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
            tar.add(path, name, recursive=False)
    return f"own-{digest.hexdigest()[:16]}", buffer.getvalue()
