"""The trainer's code on its way to another machine."""

from __future__ import annotations

import io
import tarfile

from trainer.fingerprint import code_files


def code_as_tar() -> bytes:
    """The package `trainer` of this checkout, its Python files alone, as a compressed tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, path in code_files().items():
            tar.add(path, f"trainer/{name}", recursive=False)
    return buffer.getvalue()
