"""Images of more than 8 bits a channel: the range of values that a folder has, and its way to 8 bits.

Files do not say how much of 16 bits their camera used: 12-bit values, up to 4095, are kept in 16-bit files, and scaled
by 65535 they would be nearly black. Each image's own range would make all of them equally bright, which destroys what
a dark or a faint cell is known by. So the whole folder has one range, the smallest usual one that holds its largest
value.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Kind = Literal["integer", "float"]
BITS = (8, 10, 12, 14, 16, 32)  # what cameras give, and the two sizes in which files keep it
OVERSHOOT = 2.0  # floats up to here are taken as 0 to 1, a little exceeded where an image was resized with ringing
_BLOCK = 1 << 22  # values that are scaled at a time: floats take 8 bytes each meanwhile

Values = npt.NDArray[Any]


class Extent(NamedTuple):
    """The least and the greatest value of one image, or of several."""

    kind: Kind
    low: float
    high: float


class Range(NamedTuple):
    """The values that become 0 and 255; what lies outside becomes the nearer of the two."""

    low: float
    high: float


class Ranges(NamedTuple):
    """Those of a folder, for its images of whole numbers and for those of floats."""

    integer: Range = Range(0, 65535)
    float: Range = Range(0, 1)

    def of(self, kind: Kind) -> Range:
        """The range of values for images of this kind."""
        return self.integer if kind == "integer" else self.float


FULL = Ranges()  # where nothing is known of other images


def common_ranges(extents: Iterable[Extent | None]) -> Ranges:
    """The ranges for a folder whose images have these extents (None: an image of 8 bits). The order changes nothing."""
    found: dict[Kind, list[Extent]] = {"integer": [], "float": []}
    for extent in extents:
        if extent is not None:
            found[extent.kind].append(extent)
    integer = _integers(found["integer"]) if found["integer"] else FULL.integer
    return Ranges(integer, _floats(found["float"]) if found["float"] else FULL.float)


def _integers(extents: list[Extent]) -> Range:
    low, high = min(extent.low for extent in extents), max(extent.high for extent in extents)
    if low < 0:  # signed numbers, as of a difference of images: no camera's range holds them
        return Range(low, max(high, low + 1))
    return Range(0, next(2**bits - 1 for bits in BITS if high < 2**bits))


def _floats(extents: list[Extent]) -> Range:
    low, high = min(extent.low for extent in extents), max(extent.high for extent in extents)
    if low < 0:
        return Range(low, high)
    if high <= OVERSHOOT:
        return FULL.float
    return next((Range(0, 2**bits - 1) for bits in BITS if high < 2**bits), Range(0, high))


def extent_of(values: Values) -> Extent:
    """The extent of one image.

    Raises:
        ValueError: a value is NaN or infinite.
    """
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("values that are NaN or infinite")
    return Extent("float" if values.dtype.kind == "f" else "integer", low, high)


def to_8_bit(values: Values, span: Range) -> npt.NDArray[np.uint8]:
    """Scaled linearly, rounded, and clipped to the range; same shape."""
    if values.dtype == np.uint16 and span.low == 0:
        return _table(int(span.high))[values]
    scaled = np.empty(values.shape, np.uint8)
    flat_in, flat_out = values.reshape(-1), scaled.reshape(-1)
    for start in range(0, flat_in.size, _BLOCK):
        block = flat_in[start : start + _BLOCK].astype(np.float64)
        block = (block - span.low) * (255 / (span.high - span.low))
        flat_out[start : start + _BLOCK] = np.floor(block.clip(0, 255) + 0.5)
    return scaled


@lru_cache(maxsize=8)
def _table(top: int) -> npt.NDArray[np.uint8]:
    values = np.arange(65536, dtype=np.uint64).clip(0, top)
    table: npt.NDArray[np.uint8] = ((values * 255 + top // 2) // top).astype(np.uint8)
    return table


def kind_name(extent: Extent, span: Range) -> str:
    """What such an image is called where conversions are counted."""
    if extent.kind == "float":
        return f"float ({span.low:,.6g} to {span.high:,.6g})"
    bits = next((bits for bits in BITS if span.high == 2**bits - 1), 0)
    if span.low < 0 or not bits:
        return f"signed ({span.low:,.6g} to {span.high:,.6g})"
    if bits == 8:
        return "16-bit with 8 used (0 to 255)"
    return f"{bits}-bit" + (f" (0 to {2**bits - 1:,})" if bits != 16 else "")
