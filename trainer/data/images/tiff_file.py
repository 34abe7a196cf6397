"""What Pillow does not say of a TIFF file, and the pixels that it cannot give: color of more than 8 bits.

Tags: TIFF 6.0 (Adobe 1992), and DNG 1.7 for camera raw files, which have the form of TIFF files.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from trainer.data.images.depth import Values

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES = 256, 257, 258, 262, 277
_OFFSETS, _COUNTS = (273, 324), (279, 325)  # of strips, of tiles
_ORIENTATION, _DNG_VERSION = 274, 50706
_WHITE_IS_ZERO, _CMYK = 0, 5


@dataclass(frozen=True)
class TiffHeader:
    """The first directory of a TIFF file.

    Attributes:
        width, height: pixels, as stored.
        bits: of the deepest channel.
        samples: channels.
        orientation: 1 to 8; 1 where none is said.
        inverted: 0 is white.
        is_raw: of a camera; its first picture is often a small preview.
        is_cmyk: its channels are inks.
        end: bytes that the file needs for its pixels.
    """

    width: int
    height: int
    bits: int
    samples: int
    orientation: int
    inverted: bool
    is_raw: bool
    is_cmyk: bool
    end: int

    @property
    def is_deep_color(self) -> bool:
        """Whether Pillow cannot give all bits of its color."""
        return self.bits > 8 and 1 < self.samples <= 4 and not self.is_cmyk


def tiff_header(data: bytes) -> TiffHeader:
    """Reads the header of a TIFF file from its bytes.

    Raises:
        OSError: the file ends before its directory.
        Exception: anything, for a damaged file.
    """
    file = io.BytesIO(data)
    head = file.read(8)
    if head[2:3] == b"+" or head[3:4] == b"+":
        head += file.read(8)
    tags: Any = ImageFileDirectory_v2(head, prefix=head[:2])
    if tags.next >= len(data):
        raise OSError("image file is truncated (its directory is missing)")
    file.seek(tags.next)
    tags.load(file)
    ends = [
        max((offset + count for offset, count in zip(_all(tags, at), _all(tags, size), strict=False)), default=0)
        for at, size in zip(_OFFSETS, _COUNTS, strict=True)
    ]
    orientation = tags.get(_ORIENTATION, 1)
    return TiffHeader(
        width=int(tags.get(_WIDTH, 0)),
        height=int(tags.get(_HEIGHT, 0)),
        bits=max(_all(tags, _BITS), default=1),
        samples=int(tags.get(_SAMPLES, 1)),
        orientation=orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        inverted=tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO,
        is_raw=_DNG_VERSION in tags or data[8:10] == b"CR",
        is_cmyk=tags.get(_PHOTOMETRIC) == _CMYK,
        end=max(ends),
    )


def deep_color(data: bytes) -> Values | None:
    """All bits of the pixels of a PNG or TIFF file: (height, width, 3 or 4) in the order red, green, blue, alpha.

    A TIFF file is turned upright. Pillow cuts them to 8 bits, so OpenCV reads them; None where it cannot.
    """
    import cv2  # a tenth of a second and 40 MiB, which no other image needs
    import numpy as np

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it prints what is told here
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        return None
    if values.ndim == 3 and values.shape[2] == 4:
        return values[..., [2, 1, 0, 3]]
    return values[..., ::-1] if values.ndim == 3 else values


def _all(tags: Any, tag: int) -> tuple[int, ...]:
    value = tags.get(tag, ())
    return tuple(value) if isinstance(value, tuple) else (value,)
