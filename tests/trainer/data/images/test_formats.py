"""TIFF, BMP and WebP files, and what Pillow passes over or complains of in JPEG and PNG files."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.trainer.data.sets import picture, png, tiff
from trainer.data import ImageSize
from trainer.data.images import reader
from trainer.data.images.formats import webp_size
from trainer.data.images.reader import BadImageError, Picture, read_image

COLOR = ImageSize(24, 32, True)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def read(data: bytes, size: ImageSize = COLOR) -> Picture:
    return read_image(io.BytesIO(data), [size])


def found_in(data: bytes) -> str:
    with pytest.raises(BadImageError) as caught:
        read(data)
    return f"{caught.value.found}; allowed: {caught.value.allowed}"


# ------------------------------------------------------------------------------------------------- the three formats


@pytest.mark.parametrize(
    ("form", "name", "options"),
    [
        ("TIFF", "TIFF", {}),
        ("TIFF", "TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", "TIFF", {"compression": "packbits"}),
        ("TIFF", "TIFF", {"big_tiff": True}),
        ("BMP", "BMP", {}),
        ("WEBP", "WebP", {"lossless": True}),
    ],
)
def test_pixels_are_kept(form: str, name: str, options: dict[str, Any]) -> None:
    image = picture(1)
    result = read(encoded(image, form, **options))
    assert np.array_equal(result.pixels[0], np.asarray(image))
    assert (result.format, result.mode, result.width, result.height) == (name, "RGB", 32, 24)
    assert (result.conversions, result.extent) == ((), None)


@pytest.mark.parametrize("form", ["TIFF", "BMP"])
@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_gray_and_palettes(form: str, mode: str) -> None:
    image = picture(2).convert(mode)
    result = read(encoded(image, form))
    assert np.array_equal(result.pixels[0], np.asarray(image.convert("RGB")))
    assert result.conversions == (("palette",) if mode == "P" else ())


def test_transparent_webp_and_tiff_let_white_through() -> None:
    image = Image.new("RGBA", (32, 24), (200, 0, 100, 0))
    for data in (encoded(image, "WEBP", lossless=True, exact=True), encoded(image, "TIFF")):
        result = read(data)
        assert np.all(result.pixels[0] == 255)
        assert result.conversions == ("alpha",)


def test_tiff_of_inks() -> None:
    result = read(encoded(Image.new("CMYK", (32, 24), (0, 255, 255, 0)), "TIFF"))
    assert np.all(result.pixels[0] == [255, 0, 0])
    assert result.conversions == ("CMYK",)


@pytest.mark.parametrize("form", ["TIFF", "WEBP"])
def test_the_first_of_several_pages_is_taken_and_it_is_said(form: str) -> None:
    first, second = Image.new("RGB", (32, 24), "red"), Image.new("RGB", (32, 24), "blue")
    options = {"lossless": True} if form == "WEBP" else {}
    result = read(encoded(first, form, save_all=True, append_images=[second], **options))
    assert np.all(result.pixels[0] == [255, 0, 0])
    assert result.conversions == ("first of several pages",)


@pytest.mark.parametrize("cut", [0.02, 0.3, 0.6, 0.99])
@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_truncated_files_are_found(form: str, options: dict[str, Any], cut: float) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8))
    data = encoded(noise, form, **options)
    name = "WebP" if form == "WEBP" else form
    found = found_in(data[: int(len(data) * cut)])
    assert found.startswith((f"truncated {name} (", f"damaged {name} ("))
    assert found.endswith(f"; allowed: a whole {name} file")


def test_a_tiff_file_says_how_much_it_lacks() -> None:
    data = tiff(np.zeros((24, 32, 3), np.uint8), {279: 24 * 32 * 3 + 5000})
    lacking = 8 + 24 * 32 * 3 + 5000 - len(data)
    assert found_in(data) == f"truncated TIFF (it lacks {lacking:,} bytes); allowed: a whole TIFF file"


def test_a_tiff_file_without_its_directory() -> None:
    data = tiff(np.zeros((24, 32), np.uint8))
    assert found_in(data[:400]).startswith("truncated TIFF (image file is truncated (its directory is missing))")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_tiff_files_are_turned_upright(orientation: int, kind: type) -> None:
    pixels = np.asarray(picture(5))
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(io.BytesIO(encoded(picture(5), "PNG", exif=exif))) as stored:
        upright = ImageOps.exif_transpose(stored)
    scaled = pixels.astype(kind) * {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[kind]
    result = read(tiff(scaled.astype(kind), {274: orientation}), ImageSize(upright.height, upright.width, True))
    assert np.array_equal(result.pixels[0], np.asarray(upright))
    assert (result.width, result.height) == upright.size
    assert ("EXIF-rotated" in result.conversions) == (orientation > 1)


def test_a_camera_s_raw_file_is_no_image_of_its_small_preview() -> None:
    data = tiff(np.zeros((24, 32, 3), np.uint8), {50706: 1})
    assert found_in(data) == "a camera's raw file (DNG or CR2); allowed: JPEG, PNG, TIFF, BMP or WebP"


def test_other_kinds_of_tiff_are_named() -> None:
    for pixels in (np.zeros((24, 32, 7), np.uint8), np.zeros((24, 32, 7), np.uint16)):
        assert found_in(tiff(pixels)) == (
            f"TIFF with 7 channels of {8 * pixels.itemsize} bits that cannot be read; "
            "allowed: gray, RGB, CMYK or a palette, with alpha or without"
        )


def test_too_many_pixels_are_refused_before_decoding() -> None:
    for pixels in (np.zeros((1, 1), np.uint8), np.zeros((1, 1, 3), np.uint16)):
        data = tiff(pixels, {256: 60_000, 257: 60_000})
        assert found_in(data) == "3600.0 megapixels (60000x60000); allowed: at most 50 megapixels"


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 80}, {"lossless": True, "exif": b"Exif"}])
def test_large_webp_is_refused_before_it_is_opened(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening takes memory for all its pixels."""
    data = encoded(Image.new("RGB", (300, 200)), "WEBP", **options)
    assert webp_size(data) == (300, 200)
    monkeypatch.setattr(reader, "MAX_PIXELS", 59_999)
    monkeypatch.setitem(reader._PLUGINS, "WebP", None)
    assert found_in(data).startswith("0.1 megapixels (300x200); allowed: at most")


# ---------------------------------------------------------------------------------- JPEG: pixels that are not there


def jpeg(**options: Any) -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    return encoded(Image.fromarray(noise), "JPEG", **options)


@pytest.mark.parametrize("options", [{}, {"quality": 30}, {"subsampling": 0}])
def test_nuls_in_place_of_pixels(options: dict[str, Any]) -> None:
    data = jpeg(**options)
    assert read(data)
    half = len(data) // 2
    ended = data[:half] + bytes(len(data) - half)
    hole = data[:half] + bytes(100) + data[half + 100 :]
    for damaged in (ended, hole):
        assert found_in(damaged) == (
            f"damaged JPEG (NUL bytes in place of pixels from byte {damaged.index(bytes(64)):,} on); "
            "allowed: a whole JPEG file"
        )


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}])
@pytest.mark.parametrize("filling", [b"\0", b"\x55"])
def test_something_else_up_to_the_end(options: dict[str, Any], filling: bytes) -> None:
    """As NULs are, where a table of the image's own makes them look like even blocks."""
    data = jpeg(**options)
    half = len(data) // 2
    found = found_in(data[:half] + filling * (2 * half))
    assert found.startswith(("truncated JPEG (it has no end)", "damaged JPEG (NUL bytes in place of pixels"))


def test_a_hole_that_is_too_small_to_be_sure_of_is_passed() -> None:
    data = jpeg()
    assert read(data[: len(data) // 2] + bytes(40) + data[len(data) // 2 + 40 :])


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"progressive": True}, {"restart_marker_blocks": 2}])
def test_flat_images_are_whole(options: dict[str, Any]) -> None:
    """With tables of their own their blocks may be coded as zeros."""
    for color in ("white", "black", "gray"):
        assert read(encoded(Image.new("RGB", (2000, 1500), color), "JPEG", **options))


def test_nuls_beside_the_pixels_do_no_harm() -> None:
    assert read(jpeg(comment=bytes(5000)))
    assert read(jpeg() + bytes(5000))


# -------------------------------------------------------------------------------- PNG: what stands beside the pixels


def with_chunks(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    pixels = np.asarray(picture(3))
    return png(8, 2, [row.tobytes() for row in pixels], 32, chunks)


@pytest.mark.parametrize(
    "chunk",
    [
        (b"zTXt", b"about\0\0" + zlib.compress(bytes(5_000_000))),
        (b"tEXt", b"about\0" + b"long " * 2_000_000),
        (b"iTXt", b"about\0\1\0\0\0" + zlib.compress(bytes(5_000_000))),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(5_000_000))),
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(5_000_000))),
        (b"zTXt", b"about\0\0no zlib"),
        (b"iCCP", b"profile\0\0no zlib"),
        (b"pHYs", b"x"),
        (b"prVt", b"of some program"),
    ],
)
def test_pixels_are_read_whatever_stands_beside_them(chunk: tuple[bytes, bytes]) -> None:
    assert np.array_equal(read(with_chunks([chunk])).pixels[0], np.asarray(picture(3)))


def test_an_orientation_in_xmp_is_still_followed() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="3"/>'
    result = read(with_chunks([(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)]))
    assert np.array_equal(result.pixels[0], np.asarray(picture(3).transpose(Image.Transpose.ROTATE_180)))


def test_damaged_pixels_are_still_found() -> None:
    data = bytearray(with_chunks([]))
    data[60] ^= 255
    assert found_in(bytes(data)).startswith("damaged PNG (")
    length = struct.pack(">I", 2**31 - 1)
    assert found_in(bytes(data[:33]) + length + bytes(data[37:])).startswith(("damaged PNG (", "truncated PNG ("))


def test_a_wrong_checksum_of_pixels() -> None:
    """Pillow passes over it."""
    data = bytearray(with_chunks([]))
    data[-13] ^= 255  # behind it the 12 bytes of IEND
    assert found_in(bytes(data)) == "damaged PNG (the checksum of IDAT is wrong); allowed: a whole PNG file"
