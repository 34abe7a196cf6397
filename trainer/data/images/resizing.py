"""From an 8-bit image of any shape to the shape that a model takes.

Resizing has two steps. The image is first halved as often as it stays at least as large as the target: for JPEG inside
the decoder (`draft`, up to 8 times smaller, which also saves most of the decoding), for the rest by box averaging
(`reduce`). The remaining factor is below 2 unless the shape changes, and is done by `Image.resize` with the BILINEAR
filter, whose triangle Pillow widens with the factor, so nothing aliases; BOX alone would weigh pixels unevenly at
factors that are no whole number. On the blood-cell set, 320x240 to 160x120, both ways of halving differ by 0.24 of 255
levels on average and 13 at most (measured over 100 images). How a size comes out never depends on which other sizes
are asked for.

An image of another shape is stretched to the target, as `keras.utils.image_dataset_from_directory` does, or cropped
around its center, as that function's `crop_to_aspect_ratio` does, or padded with black (`pad_to_aspect_ratio`).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Fit = Literal["stretch", "crop", "pad"]
FITTED: dict[Fit, str] = {"stretch": "stretched", "crop": "cropped", "pad": "padded"}

TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SWAPS_SIDES = 5  # orientations from 5 on lie on their side
_SAME = 0.01  # aspect ratios that differ by less are written the same way, and nobody sees them differ
_NAMED = 3  # aspect ratios in one sentence; the rest is counted

Pixels = npt.NDArray[np.uint8]
Shape = tuple[int, int]  # (width, height)


class ImageSize(NamedTuple):
    """The shape of a cached image: pixels, 3 channels (`color`) or 1, and what is done to another aspect ratio."""

    height: int
    width: int
    color: bool
    fit: Fit = "stretch"

    @property
    def channels(self) -> int:
        """How many channels an image has: 3 in color, 1 in gray."""
        return 3 if self.color else 1

    def __str__(self) -> str:
        fit = "" if self.fit == "stretch" else f" {FITTED[self.fit]}"
        return f"{self.height}x{self.width} {'color' if self.color else 'gray'}{fit}"


def halvings(source: Shape, size: ImageSize, orientation: int) -> int:
    """The largest power of 2 by which `source` can be divided and lose nothing that `size` can show."""
    (width, height), (inner_width, inner_height) = _window(source, size, orientation)
    return 1 << max(0, min(width // inner_width, height // inner_height).bit_length() - 1)


def fit(flat: Image.Image, size: ImageSize, orientation: int) -> Pixels:
    """An 8-bit gray or RGB image as uint8 of shape (height, width, 1 or 3), turned upright."""
    target = _target(size, orientation)
    window, inner = _window(flat.size, size, orientation)
    if window != flat.size:
        left, top = (flat.width - window[0]) // 2, (flat.height - window[1]) // 2
        flat = flat.crop((left, top, left + window[0], top + window[1]))
    factor = halvings(flat.size, size._replace(fit="stretch" if size.fit == "crop" else size.fit), orientation)
    if factor > 1:
        flat = flat.reduce(factor)
    if flat.size != inner:
        flat = flat.resize(inner, Image.Resampling.BILINEAR)
    if inner != target:
        black = Image.new(flat.mode, target)
        black.paste(flat, ((target[0] - inner[0]) // 2, (target[1] - inner[1]) // 2))
        flat = black
    if orientation > 1:
        flat = flat.transpose(TRANSPOSE[orientation])
    return np.asarray(flat.convert("RGB" if size.color else "L")).reshape(size.height, size.width, size.channels)


def _target(size: ImageSize, orientation: int) -> Shape:
    """(width, height) to resize to before the image is turned upright."""
    return (size.height, size.width) if orientation >= SWAPS_SIDES else (size.width, size.height)


def _window(source: Shape, size: ImageSize, orientation: int) -> tuple[Shape, Shape]:
    """The part of the source that is kept, and the part of the target that it fills; both in the middle."""
    target = _target(size, orientation)
    if size.fit == "stretch":
        return source, target
    wider = source[0] * target[1] - source[1] * target[0]  # above 0: the source is wider than the target
    if size.fit == "crop":
        if wider > 0:
            return (max(1, round(source[1] * target[0] / target[1])), source[1]), target
        return (source[0], max(1, round(source[0] * target[1] / target[0]))), target
    if wider > 0:
        return source, (target[0], max(1, round(source[1] * target[0] / source[0])))
    return source, (max(1, round(source[0] * target[1] / source[1])), target[1])


def aspect(width: int, height: int) -> str:
    """An aspect ratio as people write it: "4:3", "1:1", or "1.34:1" where there is no short one within 1 %."""
    ratio = Fraction(width, height)
    for largest in (5, 10, 16):
        near = ratio.limit_denominator(largest)
        if near.numerator <= 21 and near > 0 and abs(near / ratio - 1) < _SAME:
            return f"{near.numerator}:{near.denominator}"
    return f"{width / height:.2f}:1" if width >= height else f"1:{height / width:.2f}"


def reshaped(shapes: Mapping[Shape, int], size: ImageSize) -> str:
    """A sentence on the images of another aspect ratio than `size`; empty where there are none.

    Args:
        shapes: how many images have each (width, height), as displayed.
        size: what they are resized to.
    """
    counts: dict[str, int] = {}
    for (width, height), count in shapes.items():
        if abs(width * size.height / (height * size.width) - 1) >= _SAME:
            name = aspect(width, height)
            counts[name] = counts.get(name, 0) + count
    if not counts:
        return ""
    total, common = sum(counts.values()), sorted(counts, key=lambda name: (-counts[name], name))
    images = "1 image" if total == 1 else f"{total:,} images"
    of = ", ".join(common[:_NAMED])
    if rest := len(common) - _NAMED if len(common) > _NAMED else 0:
        of += f" and {rest:,} other ratio{'s' if rest > 1 else ''}"
    shape = aspect(size.width, size.height)
    return f"{images} of {of} {'was' if total == 1 else 'were'} {FITTED[size.fit]} to {shape}."
