"""One image file to pixels: what is accepted, how it is converted and how it is resized.

Accepted are whole JPEG and PNG files, known by their content and not by their name, of at most 50 megapixels. The
format comes from the first bytes and the size from the header, before anything is decoded; then the file is decoded in
full, because Pillow's `verify()` passes truncated JPEG files.

Resizing has two steps. The image is first halved as often as it stays at least as large as the target: for JPEG inside
the decoder (`draft`, up to 8 times smaller, which also saves most of the decoding), for the rest by box averaging
(`reduce`). The remaining factor is below 2 unless the shape changes, and is done by `Image.resize` with the BILINEAR
filter, whose triangle Pillow widens with the factor, so nothing aliases; BOX alone would weigh pixels unevenly at
factors that are no whole number. On the blood-cell set, 320x240 to 160x120, both ways of halving differ by 0.24 of 255
levels on average and 13 at most (measured over 100 images). How a size comes out never depends on which other sizes
are asked for. An image of another shape is stretched to the target, as `keras.utils.image_dataset_from_directory` does.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin, PngImagePlugin
from PIL.ImageFile import ImageFile

from trainer.data.conversions import ROTATED, flatten
from trainer.data.formats import JPEG, PNG, content_format

READER_VERSION = 1  # raised when the same file gives other pixels than before; part of the cache's key
MAX_PIXELS = 50_000_000  # above any microscope camera's; the memory of one decoded image stays under 0.5 GiB
FORMATS_ALLOWED = "JPEG or PNG"

_ORIENTATION_TAG = 0x0112  # EXIF 2.32, table 4; the values are 1 to 8
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPS_SIDES = 5  # orientations from 5 on lie on their side
_LARGEST_DRAFT = 8  # libjpeg decodes at 1/1, 1/2, 1/4 and 1/8

Pixels = npt.NDArray[np.uint8]


class ImageSize(NamedTuple):
    """The shape of a cached image: pixels, and 3 channels (`color`) or 1."""

    height: int
    width: int
    color: bool

    @property
    def channels(self) -> int:
        """3 or 1."""
        return 3 if self.color else 1

    def __str__(self) -> str:
        return f"{self.height}x{self.width} {'color' if self.color else 'gray'}"


class BadImageError(Exception):
    """A file that is no usable image: what was found, and what is allowed."""

    def __init__(self, found: str, allowed: str) -> None:
        self.found = found
        self.allowed = allowed
        super().__init__(f"{found}; allowed: {allowed}")


class TooLargeNowError(Exception):
    """Decoding would take more memory than the caller grants at the moment."""


@dataclass(frozen=True)
class Picture:
    """A decoded file.

    Attributes:
        pixels: for each size asked for, uint8 of shape (height, width, 1 or 3).
        conversions: the members of `trainer.data.conversions.KINDS` that were needed.
        format: "JPEG" or "PNG".
        mode: Pillow's name for the pixels in the file: "L", "RGB", "CMYK", "P", "I;16", ...
        width: pixels, as the file is displayed (EXIF rotation applied).
        height: likewise.
    """

    pixels: tuple[Pixels, ...]
    conversions: tuple[str, ...]
    format: str
    mode: str
    width: int
    height: int


def read_image(file: BinaryIO, sizes: Sequence[ImageSize], memory_limit: int | None = None) -> Picture:
    """Decode `file` (seekable, at its start) to each of `sizes`.

    Raises:
        BadImageError: the file is no image that can be used.
        TooLargeNowError: decoding would take about more than `memory_limit` bytes.
    """
    head = file.read(64)
    name = content_format(head)
    if name not in (JPEG, PNG):
        raise BadImageError(name, FORMATS_ALLOWED)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what it mends: damaged EXIF, odd palettes
            return _decode(file, name, head, sizes, memory_limit)
    except (BadImageError, TooLargeNowError, MemoryError):
        raise
    except Exception as error:  # a damaged file can raise anything in Pillow: OSError, SyntaxError, struct.error, ...
        what = "truncated" if "truncated" in str(error).lower() else "damaged"
        raise BadImageError(f"{what} {name} ({str(error) or type(error).__name__})", f"a whole {name} file") from error


def _decode(file: BinaryIO, name: str, head: bytes, sizes: Sequence[ImageSize], memory_limit: int | None) -> Picture:
    image: ImageFile | None = _open(file, name)
    assert image is not None
    mode, (width, height) = image.mode, image.size
    if width * height > MAX_PIXELS:
        found = f"{width * height / 1e6:.1f} megapixels ({width}x{height})"
        raise BadImageError(found, f"at most {MAX_PIXELS // 1_000_000} megapixels")
    if memory_limit is not None and _memory(image, name, sizes) > memory_limit:
        raise TooLargeNowError
    if name == PNG:
        image.load()  # its EXIF can stand after the pixels
        _check_end(file)
    orientation = _orientation(image)
    drafts: dict[int, list[int]] = {}  # JPEG is decoded once for each power of 2 that its sizes can start from
    for place, size in enumerate(sizes):
        factor = min(_halvings((width, height), _target(size, orientation)), _LARGEST_DRAFT) if name == JPEG else 1
        drafts.setdefault(factor, []).append(place)
    pixels: dict[int, Pixels] = {}
    conversions: list[str] = []
    for factor, places in drafts.items():
        image = image or _open(file, name)
        if factor > 1:
            image.draft(None, (width // factor, height // factor))
        image.load()
        flat, conversions = flatten(image, bit_depth=head[24] if name == PNG else 8)  # PNG specification, 11.2.1: IHDR
        image = None
        for place in places:
            pixels[place] = _fit(flat, sizes[place], orientation)
    if orientation > 1:
        conversions = [*conversions, ROTATED]
    if orientation >= _SWAPS_SIDES:
        width, height = height, width
    return Picture(tuple(pixels[place] for place in range(len(sizes))), tuple(conversions), name, mode, width, height)


def _check_end(file: BinaryIO) -> None:
    """Pillow takes a PNG file that was cut behind its last pixel for whole.

    Raises:
        OSError: there is no IEND chunk.
    """
    file.seek(8)  # behind the signature; then chunks of length, name, data and checksum
    while len(start := file.read(8)) == 8:
        if start[4:] == b"IEND" and len(file.read(4)) == 4:
            return
        file.seek(int.from_bytes(start[:4], "big") + 4, os.SEEK_CUR)
    raise OSError("image file is truncated (it has no end)")


def _open(file: BinaryIO, name: str) -> ImageFile:
    """Read the header. `Image.open` would add a limit of its own, which is a process-wide setting."""
    file.seek(0)
    return JpegImagePlugin.JpegImageFile(file) if name == JPEG else PngImagePlugin.PngImageFile(file)


def _memory(image: ImageFile, name: str, sizes: Sequence[ImageSize]) -> int:
    """About how many bytes decoding takes: Pillow keeps 4 a pixel, and up to three copies while it converts."""
    pixels = image.width * image.height
    if name == PNG:
        return pixels * 12
    coefficients = pixels * 6 if image.info.get("progressive") else 0  # libjpeg keeps 3 of 16 bits a pixel
    factor = min(_halvings(image.size, (size.width, size.height)) for size in sizes)
    return coefficients + pixels * 12 // min(factor, _LARGEST_DRAFT) ** 2


def _orientation(image: ImageFile) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # damaged EXIF beside whole pixels: the image is good
        return 1
    return value if isinstance(value, int) and value in _TRANSPOSE else 1


def _target(size: ImageSize, orientation: int) -> tuple[int, int]:
    """(width, height) to resize to before the image is turned upright."""
    return (size.height, size.width) if orientation >= _SWAPS_SIDES else (size.width, size.height)


def _halvings(source: tuple[int, int], target: tuple[int, int]) -> int:
    """The largest power of 2 by which `source` can be divided and stay at least as large as `target` both ways."""
    return 1 << max(0, min(source[0] // target[0], source[1] // target[1]).bit_length() - 1)


def _fit(flat: Image.Image, size: ImageSize, orientation: int) -> Pixels:
    """An 8-bit gray or RGB image as uint8 of shape (height, width, 1 or 3)."""
    target = _target(size, orientation)
    factor = _halvings(flat.size, target)
    if factor > 1:
        flat = flat.reduce(factor)
    if flat.size != target:
        flat = flat.resize(target, Image.Resampling.BILINEAR)
    if orientation > 1:
        flat = flat.transpose(_TRANSPOSE[orientation])
    return np.asarray(flat.convert("RGB" if size.color else "L")).reshape(size.height, size.width, size.channels)
