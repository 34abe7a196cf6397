"""Digests: of a value, and of what is in an image file."""

from __future__ import annotations

import hashlib
import json
from io import BufferedReader


def digest_of(value: object) -> str:
    """SHA-256 of a value as JSON, in 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def content_digest(file: BufferedReader) -> str:
    """SHA-256 of an open file from where it stands, in the 32 hexadecimal digits by which a content is known."""
    return hashlib.file_digest(file, "sha256").hexdigest()[:32]
