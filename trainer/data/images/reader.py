"""One image file to pixels: what is accepted, how it is converted and how it is resized.

Accepted are whole JPEG, PNG, TIFF, BMP and WebP files, known by their content and not by their name, of at most 50
megapixels. The format comes from the first bytes and the size from the header, before anything is decoded; then the
file is decoded in full, because Pillow's `verify()` passes truncated JPEG files. Of several pages the first is taken.

Images of more than 8 bits are scaled by the range that the caller gives: a folder has one
(`trainer.data.images.depth`). Resizing is described in `trainer.data.images.resizing`.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin
from PIL.ImageFile import ImageFile

from trainer.data.images import formats, jpeg_file, png_file
from trainer.data.images.conversions import FIRST_PAGE, ROTATED, flatten, flatten_deep
from trainer.data.images.depth import FULL, Extent, Ranges, Values
from trainer.data.images.formats import BMP, JPEG, NO_END, PNG, TIFF, WEBP, content_format, webp_size
from trainer.data.images.png_file import pixels_alone
from trainer.data.images.resizing import SWAPS_SIDES, TRANSPOSE, ImageSize, Pixels, fit, halvings
from trainer.data.images.tiff_file import TiffHeader, deep_color, tiff_header

READER_VERSION = 2  # raised when the same file gives other pixels than before; part of the cache's key
MAX_PIXELS = 50_000_000  # above any microscope camera's; one decoded image stays under 0.5 GiB, or 1 if it is deep

ORIENTATION_TAG = 0x0112  # EXIF 2.32, table 4; the values are 1 to 8
_LARGEST_DRAFT = 8  # libjpeg decodes at 1/1, 1/2, 1/4 and 1/8
_DEEP_MODES = ("I", "F")  # and "I;16" with its variants
_PLUGINS: dict[str, Callable[[BinaryIO], ImageFile]] = {
    JPEG: JpegImagePlugin.JpegImageFile,
    PNG: PngImagePlugin.PngImageFile,
    TIFF: TiffImagePlugin.TiffImageFile,
    BMP: BmpImagePlugin.BmpImageFile,
    WEBP: WebPImagePlugin.WebPImageFile,
}


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
    """An image file, decoded.

    Attributes:
        pixels: for each size asked for, uint8 of shape (height, width, 1 or 3).
        conversions: those that were needed; `trainer.data.images.conversions.KINDS` has their forms.
        format: one of `trainer.data.images.formats.FORMATS`.
        mode: Pillow's name for the pixels in the file: "L", "RGB", "CMYK", "P", "I;16", ...; "RGB;16" and the like for
            color that has more bits than Pillow gives.
        width: pixels, as the file is displayed (EXIF rotation applied).
        height: likewise.
        extent: of the values of an image of more than 8 bits; None for others.
    """

    pixels: tuple[Pixels, ...]
    conversions: tuple[str, ...]
    format: str
    mode: str
    width: int
    height: int
    extent: Extent | None = None


def read_image(
    file: BinaryIO, sizes: Sequence[ImageSize], memory_limit: int | None = None, ranges: Ranges = FULL
) -> Picture:
    """Decode `file` (seekable, at its start) to each of `sizes`.

    Args:
        file: is left open.
        sizes: at least one.
        memory_limit: bytes; None grants all.
        ranges: what becomes 0 and 255 in an image of more than 8 bits.

    Raises:
        BadImageError: the file is no image that can be used.
        TooLargeNowError: decoding would take about more than `memory_limit` bytes.
    """
    head = file.read(64)
    name = content_format(head)
    if name not in formats.FORMATS:
        raise BadImageError(name, formats.FORMATS_ALLOWED)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what it mends: damaged EXIF, odd palettes
            return _Decoding(head + file.read(), name, sizes, ranges).decode(memory_limit)
    except (BadImageError, TooLargeNowError, MemoryError):
        raise
    except Exception as error:  # a damaged file can raise anything in Pillow: OSError, SyntaxError, struct.error, ...
        what = "truncated" if "truncated" in str(error).lower() else "damaged"
        raise BadImageError(f"{what} {name} ({str(error) or type(error).__name__})", f"a whole {name} file") from error


class _Decoding:
    """One file on its way to pixels."""

    def __init__(self, data: bytes, name: str, sizes: Sequence[ImageSize], ranges: Ranges) -> None:
        self.data, self.name, self.sizes, self.ranges = data, name, sizes, ranges
        self.tiff: TiffHeader | None = None
        self.bit_depth = data[24] if name == PNG and len(data) > 24 else 8  # PNG specification, 11.2.1: IHDR
        self.extent: Extent | None = None

    def decode(self, memory_limit: int | None) -> Picture:
        """Decodes the file at all sizes; see `read_image`."""
        if self.name == TIFF:
            self.tiff = tiff_header(self.data)
            self._check_tiff(self.tiff)
        if self.name == WEBP:
            _check_size(*webp_size(self.data))  # opening it takes 8 bytes a pixel
        image = self._open_or_none()
        mode, (width, height) = self._described(image)
        _check_size(width, height)
        orientation = 1  # that is still to be applied; Pillow and OpenCV apply a TIFF file's own
        if image is not None and self.name not in (TIFF, PNG):
            orientation = _orientation(image)
        if memory_limit is not None and self._memory(image, (width, height), orientation) > memory_limit:
            raise TooLargeNowError
        conversions: list[str] = []
        if image is not None:
            conversions = [FIRST_PAGE] if self.name in (TIFF, WEBP) and getattr(image, "n_frames", 1) > 1 else []
            self._check(image)
            if self.name == PNG:
                orientation = _orientation(image)  # it can stand behind the pixels: asked for earlier, all is decoded
        pixels, kinds = self._pixels(image, (width, height), orientation)
        if orientation >= SWAPS_SIDES:
            width, height = height, width
        turned = orientation > 1 or (self.tiff is not None and self.tiff.orientation > 1)
        kinds = [*kinds, *conversions, *([ROTATED] if turned else [])]
        return Picture(pixels, tuple(kinds), self.name, mode, width, height, self.extent)

    def _described(self, image: ImageFile | None) -> tuple[str, tuple[int, int]]:
        """Mode and size, of a TIFF file as it is displayed."""
        if image is None:
            assert self.tiff is not None
            mode = f"{ {1: 'L', 2: 'LA', 3: 'RGB', 4: 'RGBA'}.get(self.tiff.samples, '?') };{self.tiff.bits}"
            width, height = self.tiff.width, self.tiff.height
            return mode, (width, height) if self.tiff.orientation < SWAPS_SIDES else (height, width)
        return image.mode, image.size

    def _pixels(
        self, image: ImageFile | None, source: tuple[int, int], orientation: int
    ) -> tuple[tuple[Pixels, ...], list[str]]:
        drafts: dict[int, list[int]] = {}  # JPEG is decoded once for each power of 2 that its sizes can start from
        for place, size in enumerate(self.sizes):
            factor = min(halvings(source, size, orientation), _LARGEST_DRAFT) if self.name == JPEG else 1
            drafts.setdefault(factor, []).append(place)
        pixels: dict[int, Pixels] = {}
        kinds: list[str] = []
        first = image
        for factor, places in drafts.items():
            flat, kinds = self._flat(first or (self._open() if image is not None else None), factor, source)
            first = None
            for place in places:
                pixels[place] = fit(flat, self.sizes[place], orientation)
        return tuple(pixels[place] for place in range(len(self.sizes))), kinds

    def _flat(self, image: ImageFile | None, factor: int, source: tuple[int, int]) -> tuple[Image.Image, list[str]]:
        """The image in mode "L" or "RGB", without transparency."""
        if image is not None:
            if factor > 1:
                image.draft(None, (source[0] // factor, source[1] // factor))
            image.load()
        values, clear = self._deep(image)
        if values is None:
            assert image is not None
            try:
                return flatten(image, self.tiff.bits if self.tiff else self.bit_depth)
            except ValueError as error:
                allowed = "gray, RGB, CMYK or a palette, with alpha or without"
                raise BadImageError(f"{self.name} with pixels of the kind {image.mode}", allowed) from error
        inverted = self.tiff is not None and self.tiff.inverted
        try:
            flat, kinds, self.extent = flatten_deep(values, clear, inverted, self.ranges)
        except ValueError as error:
            raise BadImageError(f"{self.name} with {error}", "finite values") from error
        return flat, kinds

    def _deep(self, image: ImageFile | None) -> tuple[Values | None, object]:
        """All bits of an image of more than 8 a channel, and what is transparent in it; None for others."""
        if image is None:
            values = deep_color(self.data)
            if values is None:
                raise self._unknown_kind()
            return values, None
        clear = image.info.get("transparency")
        if image.mode in _DEEP_MODES or image.mode.startswith("I;16"):
            return np.asarray(image), clear
        if self.bit_depth == 16:
            has_alpha, is_gray = image.mode in ("RGBA", "LA"), self.data[25] == 4  # IHDR: gray with alpha
            values = deep_color(pixels_alone(self.data, transparency=False).getvalue())
            if values is None:
                raise self._bad("damaged", "its pixels cannot be read")
            if is_gray and has_alpha and values.ndim == 3:
                values = values[..., [0, -1]]
            return values, clear
        return None, None

    def _open(self) -> ImageFile:
        """Read the header. `Image.open` would add a limit of its own, which is a process-wide setting."""
        if self.name != PNG:
            return _PLUGINS[self.name](io.BytesIO(self.data))
        try:
            return PngImagePlugin.PngImageFile(pixels_alone(self.data))
        except ValueError:  # a text that is too long
            return PngImagePlugin.PngImageFile(pixels_alone(self.data, orientation=False))

    def _open_or_none(self) -> ImageFile | None:
        """`_open`; None where Pillow cannot give the pixels, or not all bits of them, but OpenCV can."""
        if self.tiff is None:
            return self._open()
        if self.tiff.is_deep_color:
            return None
        try:
            return self._open()
        except SyntaxError as error:
            if self.tiff.bits > 8 and self.tiff.samples <= 4:
                return None
            raise self._unknown_kind() from error

    def _unknown_kind(self) -> BadImageError:
        assert self.tiff is not None
        found = f"TIFF with {self.tiff.samples} channel{'s' if self.tiff.samples != 1 else ''} of {self.tiff.bits} bits"
        return BadImageError(f"{found} that cannot be read", "gray, RGB, CMYK or a palette, with alpha or without")

    def _check(self, image: ImageFile) -> None:
        """What the decoder would pass over.

        Raises:
            BadImageError: pixels are missing.
        """
        mistake = ""
        if self.name == JPEG:
            mistake = jpeg_file.mistake_in(self.data)
        elif self.name == PNG:
            image.load()
            mistake = png_file.mistake_in(self.data)
        elif self.name == WEBP and int.from_bytes(self.data[4:8], "little") + 8 > len(self.data):  # RIFF: its length
            mistake = NO_END
        if mistake:
            raise self._bad("truncated" if mistake == NO_END else "damaged", mistake)

    def _check_tiff(self, header: TiffHeader) -> None:
        if header.is_raw:
            raise BadImageError("a camera's raw file (DNG or CR2)", formats.FORMATS_ALLOWED)
        if (lacking := header.end - len(self.data)) > 0:
            raise self._bad("truncated", f"it lacks {lacking:,} bytes")

    def _bad(self, what: str, why: str) -> BadImageError:
        return BadImageError(f"{what} {self.name} ({why})", f"a whole {self.name} file")

    def _memory(self, image: ImageFile | None, source: tuple[int, int], orientation: int) -> int:
        """About how many bytes decoding takes: Pillow keeps 4 a pixel, and up to three copies while it converts."""
        pixels = source[0] * source[1]
        if image is None or self.bit_depth == 16:
            bits = self.tiff.bits if self.tiff else 16
            return pixels * (bits // 2 + 8)  # 4 channels with all bits, and 8 bits of each, twice
        if self.name != JPEG:
            return pixels * 12
        coefficients = pixels * 6 if image.info.get("progressive") else 0  # libjpeg keeps 3 of 16 bits a pixel
        factor = min(halvings(source, size, orientation) for size in self.sizes)
        return coefficients + pixels * 12 // min(factor, _LARGEST_DRAFT) ** 2


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        found = f"{width * height / 1e6:.1f} megapixels ({width}x{height})"
        raise BadImageError(found, f"at most {MAX_PIXELS // 1_000_000} megapixels")


def _orientation(image: ImageFile) -> int:
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # damaged EXIF beside whole pixels: the image is good
        return 1
    return value if isinstance(value, int) and value in TRANSPOSE else 1
