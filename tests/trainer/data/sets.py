"""Small folders of images, and PNG files that Pillow cannot write."""

from __future__ import annotations

import csv
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

CLASSES = ("EOSINOPHIL", 'it\'s "round" ü')  # spaces, quotes and letters beyond ASCII


def picture(seed: int, width: int = 32, height: int = 24) -> Image.Image:
    """Smooth colored noise: no two seeds alike, and it survives JPEG."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def write_set(
    root: Path, photos: Mapping[str, int] | None = None, *, copies: int = 2, classes: Sequence[str] = CLASSES
) -> Path:
    """TRAIN and TEST folders; `photos` counts photographs a class by split (default: TRAIN 3, TEST 1).

    `photographs.csv` in it tells the photographs, for no two images look alike: "TRAIN/EOSINOPHIL/_0" and so on.
    """
    seed = 0
    for side, count in (photos or {"TRAIN": 3, "TEST": 1}).items():
        for name in classes:
            folder = root / side / name
            folder.mkdir(parents=True)
            for photo in range(count):
                for copy in range(copies):
                    seed += 1
                    picture(seed).save(folder / f"_{photo}_{photo * copies + copy}.jpeg", quality=95)
    return tell(root)


def tell(root: Path) -> Path:
    """Writes `photographs.csv` for what is there now: `_0_3.jpeg` is of photograph `_0`, others of their own."""
    with (root / "photographs.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "photograph"])
        for path in sorted(root.glob("*/*/*")):
            name = str(path.relative_to(root))
            table.writerow([name, re.sub(r"(/_\d+)_\d+\.jpeg$", r"\1", name)])
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


def tiff(pixels: npt.NDArray[Any], tags: Mapping[int, int] | None = None, *, big: bool = False) -> bytes:
    """An uncompressed TIFF file of one strip (TIFF 6.0, sections 2 and 8), of any kind of number; BigTIFF if `big`.

    Args:
        pixels: of shape (height, width) or (height, width, channels).
        tags: more tags, or others in place of the usual ones: 274 orientation, 262 photometric interpretation, ...
        big: offsets of 8 bytes.
    """
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    kind = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    data = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    start = 16 if big else 8
    after = start + len(data)
    lists = struct.pack(f"<{2 * channels}H", *[8 * pixels.dtype.itemsize] * channels, *[kind] * channels)
    in_place = channels * 2 <= (8 if big else 4)
    usual = {256: width, 257: height, 259: 1, 262: 2 if channels >= 3 else 1, 273: start, 277: channels, 278: height}
    usual |= {279: len(data), 284: 1, **(tags or {})}
    entries = {tag: (4, 1, value) for tag, value in usual.items()}
    for place, tag in enumerate((258, 339)):
        if tag in usual:
            continue
        at = place * 2 * channels
        packed = lists[at : at + 2 * channels]
        entries[tag] = (3, channels, int.from_bytes(packed, "little") if in_place else after + at)
    if channels in (2, 4):
        entries[338] = (3, 1, 2)  # unassociated alpha
    directory = b"".join(
        struct.pack("<HHQQ" if big else "<HHII", tag, *entry) for tag, entry in sorted(entries.items())
    )
    counted = struct.pack("<Q" if big else "<H", len(entries)) + directory + bytes(8 if big else 4)
    place = after + len(lists)
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, place) if big else struct.pack("<2sHI", b"II", 42, place)
    return head + data + lists + counted
