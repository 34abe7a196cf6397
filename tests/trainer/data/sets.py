"""Small folders of images, and PNG files that Pillow cannot write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# Copies of one photograph are known only once photographs are found: the listing takes each file for its own.
needs_photographs = pytest.mark.xfail(reason="photographs are not found yet", strict=True)

CLASSES = ("EOSINOPHIL", 'it\'s "round" ü')  # spaces, quotes and letters beyond ASCII


def picture(seed: int, width: int = 32, height: int = 24) -> Image.Image:
    """Smooth colored noise: no two seeds alike, and it survives JPEG."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def write_set(
    root: Path, photos: Mapping[str, int] | None = None, *, copies: int = 2, classes: Sequence[str] = CLASSES
) -> Path:
    """TRAIN and TEST folders; `photos` counts photographs a class by split (default: TRAIN 3, TEST 1)."""
    seed = 0
    for side, count in (photos or {"TRAIN": 3, "TEST": 1}).items():
        for name in classes:
            folder = root / side / name
            folder.mkdir(parents=True)
            for photo in range(count):
                for copy in range(copies):
                    seed += 1
                    picture(seed).save(folder / f"_{photo}_{photo * copies + copy}.jpeg", quality=95)
    return root


def png(
    depth: int, color_type: int, rows: Sequence[bytes], width: int, chunks: Sequence[tuple[bytes, bytes]] = ()
) -> bytes:
    """A PNG file from packed rows (PNG specification, third edition, 5 and 11); `chunks` go before the pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, len(rows), depth, color_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    body = [chunk(b"IHDR", header), *(chunk(*item) for item in chunks), chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)
