"""The digest of a value."""

from __future__ import annotations

import hashlib
import json


def digest_of(value: object) -> str:
    """SHA-256 of a value as JSON, in 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
