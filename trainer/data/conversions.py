"""Any mode that a JPEG or PNG file can have, made 8-bit gray or RGB: CMYK, 16 bits, palette, transparency."""

from __future__ import annotations

import numpy as np
from PIL import Image

CMYK, SIXTEEN_BIT, PALETTE, ALPHA, ROTATED = "CMYK", "16-bit", "palette", "alpha", "EXIF-rotated"
KINDS = (CMYK, SIXTEEN_BIT, PALETTE, ALPHA, ROTATED)  # ROTATED is found by the reader

_TO_8_BIT = ((np.arange(65536, dtype=np.uint32) * 255 + 32767) // 65535).astype(np.uint8)  # round(v / 257)


def flatten(image: Image.Image, bit_depth: int = 8) -> tuple[Image.Image, list[str]]:
    """The image in mode "L" or "RGB", and the kinds of conversion that this took.

    What is transparent lets white through, as an empty slide does under the microscope. 16-bit values are scaled
    to 8 bits (Pillow's own `convert` would clip them); gray and color of 8 bits or fewer are kept as they are.

    Args:
        image: loaded; any mode of a JPEG or PNG file.
        bit_depth: bits a channel in the file. Pillow gives 16-bit color as 8 bits already, without saying so.
    """
    kinds = []
    clear = image.info.get("transparency")  # a PNG file's tRNS chunk: one gray value, one color, or an alpha a color
    if bit_depth == 16:
        kinds.append(SIXTEEN_BIT)
    if image.mode == "CMYK":
        kinds.append(CMYK)
    if image.mode in ("P", "PA"):
        kinds.append(PALETTE)
    if clear is not None or image.mode in ("LA", "PA", "RGBA"):
        kinds.append(ALPHA)
    if image.mode.startswith("I"):
        return _from_16_bit(image, clear), kinds
    if ALPHA in kinds:
        return _on_white(image, bit_depth), kinds
    if image.mode in ("L", "RGB"):
        return image, kinds
    return image.convert("L" if image.mode == "1" else "RGB"), kinds


def _from_16_bit(image: Image.Image, clear: object) -> Image.Image:
    values = np.asarray(image)
    scaled = _TO_8_BIT[values.clip(0, 65535) if values.dtype.itemsize > 2 else values]
    if isinstance(clear, int):
        scaled = np.where(values == clear, np.uint8(255), scaled)
    return Image.fromarray(scaled)


def _on_white(image: Image.Image, bit_depth: int) -> Image.Image:
    clear = image.info.get("transparency")
    if image.mode == "L" and isinstance(clear, int) and bit_depth < 8:  # Pillow scales the pixels, not this value
        image.info["transparency"] = clear * 255 // (2**bit_depth - 1)
    elif image.mode == "RGB" and isinstance(clear, tuple) and bit_depth == 16:
        image.info["transparency"] = tuple(value >> 8 for value in clear)  # as Pillow cuts the pixels
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    white = Image.new("RGB", rgba.size, "white")
    white.paste(rgba, mask=rgba.getchannel("A"))
    return white
