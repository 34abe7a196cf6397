from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from tests.trainer.data.sets import png
from trainer.data import ImageSize
from trainer.data.images.reader import Picture, read_image

Levels = list[int]


def read(data: bytes, width: int, height: int = 1, *, color: bool = True) -> Picture:
    return read_image(io.BytesIO(data), [ImageSize(height, width, color)])


def saved(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def row(picture: Picture) -> list[Levels]:
    """The first row's colors."""
    return [list(map(int, pixel)) for pixel in picture.pixels[0][0]]


def test_cmyk() -> None:
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # magenta and yellow: red
    result = read(saved(ink, "JPEG", quality=100), 16, 16)
    assert np.abs(result.pixels[0].astype(int) - [255, 0, 0]).max() <= 3
    assert (result.conversions, result.mode) == (("CMYK",), "CMYK")


def test_cmyk_is_decoded_small_like_any_jpeg() -> None:
    ink = Image.new("CMYK", (320, 240), (255, 0, 0, 127))  # dark cyan
    (pixels,) = read(saved(ink, "JPEG", quality=100), 160, 120).pixels
    assert np.abs(pixels.astype(int) - [0, 128, 128]).max() <= 3


def test_16_bit_gray_is_scaled_and_not_clipped() -> None:
    values = [0, 128, 129, 257, 300, 32768, 65407, 65535]
    result = read(png(16, 0, [struct.pack(">8H", *values)], 8), 8, color=False)
    assert (
        result.pixels[0].ravel().tolist() == [round(value / 257) for value in values] == [0, 0, 1, 1, 1, 128, 255, 255]
    )
    assert (result.conversions, result.mode) == (("16-bit",), "I;16")


def test_16_bit_color() -> None:
    result = read(png(16, 2, [struct.pack(">6H", 65535, 32768, 0, 255, 256, 65535)], 2), 2)
    assert row(result) == [[255, 128, 0], [1, 1, 255]]
    assert result.conversions == ("16-bit",)


def test_16_bit_gray_with_alpha() -> None:
    result = read(png(16, 4, [struct.pack(">4H", 0, 65535, 0, 0)], 2), 2, color=False)
    assert result.pixels[0].ravel().tolist() == [0, 255]
    assert result.conversions == ("16-bit", "alpha")


def test_16_bit_gray_with_a_clear_value() -> None:
    data = png(16, 0, [struct.pack(">3H", 1000, 1001, 40000)], 3, [(b"tRNS", struct.pack(">H", 1000))])
    result = read(data, 3, color=False)
    assert result.pixels[0].ravel().tolist() == [255, 4, 156]
    assert result.conversions == ("16-bit", "alpha")


def test_palette() -> None:
    palette = b"\x0a\x14\x1e" + b"\xc8\x00\x64"
    result = read(png(8, 3, [b"\1\0\1"], 3, [(b"PLTE", palette)]), 3)
    assert row(result) == [[200, 0, 100], [10, 20, 30], [200, 0, 100]]
    assert (result.conversions, result.mode) == (("palette",), "P")


def test_palette_with_alpha() -> None:
    palette = b"\x00\x00\x00" + b"\xc8\x00\x64"
    data = png(8, 3, [b"\0\1"], 2, [(b"PLTE", palette), (b"tRNS", b"\x00\xff")])
    result = read(data, 2)
    assert row(result) == [[255, 255, 255], [200, 0, 100]]
    assert result.conversions == ("palette", "alpha")


def test_alpha_lets_white_through() -> None:
    image = Image.new("RGBA", (3, 1))
    for x, alpha in enumerate((255, 51, 0)):
        image.putpixel((x, 0), (200, 0, 100, alpha))
    result = read(saved(image), 3)
    assert row(result) == [[200, 0, 100], [244, 204, 224], [255, 255, 255]]
    assert result.conversions == ("alpha",)


def test_gray_with_alpha() -> None:
    image = Image.new("LA", (2, 1))
    image.putpixel((0, 0), (0, 255))
    image.putpixel((1, 0), (0, 51))
    result = read(saved(image), 2, color=False)
    assert result.pixels[0].ravel().tolist() == [0, 204]
    assert result.conversions == ("alpha",)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_gray_with_a_clear_value(depth: int) -> None:
    top = 2**depth - 1
    packed = {1: b"\x40", 2: b"\x30", 4: b"\x0f", 8: b"\x00\xff"}[depth]  # black, white
    assert read(png(depth, 0, [packed], 2), 2, color=False).pixels[0].ravel().tolist() == [0, 255]
    darkened = read(png(depth, 0, [packed], 2, [(b"tRNS", struct.pack(">H", 0))]), 2, color=False)
    assert darkened.pixels[0].ravel().tolist() == [255, 255]
    assert darkened.conversions == ("alpha",)
    lit = read(png(depth, 0, [packed], 2, [(b"tRNS", struct.pack(">H", top))]), 2, color=False)
    assert lit.pixels[0].ravel().tolist() == [0, 255]


def test_gray_of_few_bits_with_a_clear_value_between() -> None:
    data = png(4, 0, [b"\x57"], 2, [(b"tRNS", struct.pack(">H", 5))])  # 5 and 7 of 15
    assert read(data, 2, color=False).pixels[0].ravel().tolist() == [255, 119]


@pytest.mark.parametrize("depth", [8, 16])
def test_color_with_a_clear_color(depth: int) -> None:
    form, scale = (">6B", 1) if depth == 8 else (">6H", 256)
    pixels = struct.pack(form, *(scale * level for level in (10, 20, 30, 10, 20, 31)))
    data = png(depth, 2, [pixels], 2, [(b"tRNS", struct.pack(">3H", 10 * scale, 20 * scale, 30 * scale))])
    result = read(data, 2)
    assert row(result) == [[255, 255, 255], [10, 20, 31]]
    assert result.conversions == (("alpha",) if depth == 8 else ("16-bit", "alpha"))


def test_gray_and_one_bit_need_no_conversion() -> None:
    result = read(saved(Image.new("1", (2, 1), 1)), 2)
    assert row(result) == [[255, 255, 255]] * 2
    assert result.conversions == ()
    assert row(read(saved(Image.new("L", (2, 1), 70), "PNG"), 2)) == [[70, 70, 70]] * 2


def test_the_first_of_several_pictures_is_taken() -> None:
    first, second = Image.new("RGB", (16, 16), "red"), Image.new("RGB", (16, 16), "blue")
    moving = read(saved(first, "PNG", save_all=True, append_images=[second]), 16, 16)
    assert row(moving)[0] == [255, 0, 0]
    phone = read(saved(first, "MPO", save_all=True, append_images=[second]), 16, 16)  # two JPEG pictures in one file
    assert phone.format == "JPEG"
    assert np.abs(phone.pixels[0].astype(int) - [255, 0, 0]).max() <= 3
