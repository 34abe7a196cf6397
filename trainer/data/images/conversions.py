"""Any mode that an image file can have, made 8-bit gray or RGB: CMYK, 16 bits, palette, transparency."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image

from trainer.data.images.depth import Extent, Ranges, Values, extent_of, kind_name, to_8_bit

CMYK, SIXTEEN_BIT, PALETTE, ALPHA = "CMYK", "16-bit", "palette", "alpha"
FIRST_PAGE, ROTATED = "first of several pages", "EXIF-rotated"  # found by the reader
# In the order in which they are told. Deep images have their range in the name; see `depth.kind_name`.
KINDS = (CMYK, r"\d+-bit.*", r"float .*", r"signed .*", PALETTE, ALPHA, FIRST_PAGE, ROTATED)

_FULL_ALPHA = {"u": 65535, "i": 65535, "f": 1}  # what is opaque, by NumPy's kind of number


def ordered(counts: Mapping[str, int]) -> dict[str, int]:
    """Kinds of conversion in the order in which they are told, without those that no image needed."""

    def place(kind: str) -> tuple[int, str]:
        return next((at for at, known in enumerate(KINDS) if re.fullmatch(known, kind)), len(KINDS)), kind

    return {kind: counts[kind] for kind in sorted(counts, key=place) if counts[kind]}


def flatten(image: Image.Image, bit_depth: int = 8) -> tuple[Image.Image, list[str]]:
    """The image in mode "L" or "RGB", and the kinds of conversion that this took.

    What is transparent lets white through, as an empty slide does under the microscope. Gray and color of 8 bits or
    fewer are kept as they are.

    Args:
        image: loaded; of 8 bits or fewer a channel.
        bit_depth: bits a channel in the file. Pillow gives 16-bit CMYK as 8 bits already, without saying so.
    """
    kinds = []
    clear = image.info.get("transparency")  # a PNG file's tRNS chunk: one gray value, one color, or an alpha a color
    if bit_depth == 16:
        kinds.append(SIXTEEN_BIT)
    if image.mode == "CMYK":
        kinds.append(CMYK)
    if image.mode in ("P", "PA"):
        kinds.append(PALETTE)
    if clear is not None or image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        kinds.append(ALPHA)
    if ALPHA in kinds:
        return _on_white(image, bit_depth), kinds
    if image.mode in ("L", "RGB"):
        return image, kinds
    return image.convert("L" if image.mode == "1" else "RGB"), kinds


def flatten_deep(
    values: Values, clear: object, inverted: bool, ranges: Ranges
) -> tuple[Image.Image, list[str], Extent]:
    """`flatten` for an image of more than 8 bits a channel.

    Args:
        values: of shape (height, width) or (height, width, 2 to 4); the last of 2 or 4 is alpha.
        clear: the value or the color that lets white through; None for none.
        inverted: 0 is white.
        ranges: of the folder.

    Returns:
        The image in mode "L" or "RGB", the kinds of conversion, and the extent of its values.

    Raises:
        ValueError: a value is NaN or infinite.
    """
    alpha = values[..., -1] if values.ndim == 3 and values.shape[2] in (2, 4) else None
    color = values[..., :-1] if alpha is not None else values
    if color.ndim == 3 and color.shape[2] == 1:
        color = color[..., 0]
    extent = extent_of(color)
    span = ranges.of(extent.kind)
    kinds = [kind_name(extent, span)]
    flat = to_8_bit(color, span)
    if inverted:
        flat = 255 - flat
    if isinstance(clear, int | tuple):
        kinds.append(ALPHA)
        same = color == np.asarray(clear)
        flat[same.all(axis=-1) if same.ndim == 3 else same] = 255
    elif alpha is not None:
        kinds.append(ALPHA)
        flat = _lit(flat, to_8_bit(alpha, type(span)(0, _FULL_ALPHA[alpha.dtype.kind])))
    return Image.fromarray(np.ascontiguousarray(flat)), kinds, extent


def _lit(flat: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    image = Image.fromarray(np.ascontiguousarray(flat))
    white = Image.new(image.mode, image.size, "white")
    white.paste(image, mask=Image.fromarray(alpha))
    return np.asarray(white)


def _on_white(image: Image.Image, bit_depth: int) -> Image.Image:
    clear = image.info.get("transparency")
    if image.mode == "L" and isinstance(clear, int) and bit_depth < 8:  # Pillow scales the pixels, not this value
        image.info["transparency"] = clear * 255 // (2**bit_depth - 1)
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    white = Image.new("RGB", rgba.size, "white")
    white.paste(rgba, mask=rgba.getchannel("A"))
    return white
