from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile

from tests.trainer.data.sets import picture, png
from trainer.data import ImageSize
from trainer.data.images.reader import BadImageError, Picture, TooLargeNowError, read_image

GRAY, COLOR = ImageSize(24, 32, False), ImageSize(24, 32, True)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def read(data: bytes, *sizes: ImageSize, memory_limit: int | None = None) -> Picture:
    return read_image(io.BytesIO(data), sizes, memory_limit)


def found_in(data: bytes) -> tuple[str, str]:
    with pytest.raises(BadImageError) as caught:
        read(data, GRAY)
    return caught.value.found, caught.value.allowed


# ------------------------------------------------------------------------------------------------ what comes out


def test_shapes_and_dtypes() -> None:
    result = read(encoded(picture(1), "PNG"), GRAY, COLOR)
    assert [(array.shape, array.dtype) for array in result.pixels] == [
        ((24, 32, 1), np.dtype(np.uint8)),
        ((24, 32, 3), np.dtype(np.uint8)),
    ]
    assert (result.format, result.mode, result.width, result.height) == ("PNG", "RGB", 32, 24)
    assert result.conversions == ()


def test_an_image_of_the_target_size_is_kept_to_the_pixel() -> None:
    image = picture(1)
    (color,) = read(encoded(image, "PNG"), COLOR).pixels
    assert np.array_equal(color, np.asarray(image))
    (gray,) = read(encoded(image, "PNG"), GRAY).pixels
    assert np.array_equal(gray[..., 0], np.asarray(image.convert("L")))


def test_halving_averages_squares_of_pixels() -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (96, 128), np.uint8))
    (quarter,) = read(encoded(image, "PNG"), GRAY).pixels
    means = np.asarray(image, float).reshape(24, 4, 32, 4).mean((1, 3))
    assert np.abs(quarter[..., 0] - means).max() <= 0.5


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((72, 96), np.uint8)
    stripes[:, ::2] = 255  # finer than the target can show: it must come out as an even gray
    (small,) = read(encoded(Image.fromarray(stripes), "PNG"), ImageSize(40, 50, False)).pixels
    assert np.abs(small[:, 2:-2].astype(int) - 127).max() < 20


def test_a_small_image_is_enlarged_smoothly() -> None:
    (large,) = read(encoded(Image.fromarray(np.array([[0, 200]], np.uint8)), "PNG"), ImageSize(4, 8, False)).pixels
    assert np.all(np.diff(large[0, :, 0].astype(int)) >= 0)
    assert 50 < large[0, 3, 0] < large[0, 4, 0] < 150


@pytest.mark.parametrize("size", [(120, 160), (60, 80), (75, 100), (31, 45), (240, 320)])
def test_jpeg_decoded_small_is_close_to_jpeg_decoded_in_full(size: tuple[int, int]) -> None:
    image = picture(3, 320, 240)
    data = encoded(image, "JPEG", quality=95)
    (drafted,) = read(data, ImageSize(*size, True)).pixels
    with Image.open(io.BytesIO(data)) as whole:
        (full,) = read(encoded(whole, "PNG"), ImageSize(*size, True)).pixels
    difference = np.abs(drafted.astype(int) - full)
    assert difference.mean() < 0.6
    assert difference.max() <= 12


def test_a_size_comes_out_the_same_whatever_else_is_asked_for() -> None:
    data = encoded(picture(4, 320, 240), "JPEG")
    sizes = [ImageSize(h, w, c) for h, w in ((30, 40), (120, 160), (100, 140), (240, 320)) for c in (False, True)]
    together = read(data, *sizes).pixels
    for size, pixels in zip(sizes, together, strict=True):
        assert np.array_equal(pixels, read(data, size).pixels[0]), size
    for size, pixels in zip(sizes, reversed(read(data, *reversed(sizes)).pixels), strict=True):
        assert np.array_equal(pixels, together[sizes.index(size)]), size


def test_jpeg_is_decoded_at_the_size_that_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[tuple[int, int]] = []
    load = ImageFile.load

    def watched(image: ImageFile) -> Any:
        decoded.append(image.size)
        return load(image)

    monkeypatch.setattr(ImageFile, "load", watched)
    read(encoded(picture(4, 320, 240), "JPEG"), ImageSize(120, 160, False))
    assert decoded[0] == (160, 120)


# ------------------------------------------------------------------------------------------------ EXIF rotation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_exif_rotation_is_applied(orientation: int, form: str) -> None:
    image = picture(5, 32, 24)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(image, form, exif=exif, **({"quality": 95} if form == "JPEG" else {}))
    with Image.open(io.BytesIO(data)) as stored:
        upright = ImageOps.exif_transpose(stored)
    result = read(data, ImageSize(upright.height, upright.width, True))
    assert np.array_equal(result.pixels[0], np.asarray(upright))
    assert (result.width, result.height) == upright.size
    assert result.conversions == (() if orientation == 1 else ("EXIF-rotated",))


def test_a_rotated_jpeg_is_drafted_for_its_own_direction() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = picture(5, 320, 240)
    (small,) = read(encoded(image, "JPEG", exif=exif), ImageSize(160, 120, True)).pixels
    expected = np.asarray(image.resize((160, 120), Image.Resampling.BOX).transpose(Image.Transpose.ROTATE_270))
    assert np.abs(small.astype(int) - expected).mean() < 3


def test_a_damaged_exif_block_spoils_nothing() -> None:
    data = encoded(picture(5), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert read(data, COLOR).conversions == ()


# ------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "0 bytes"),
        (b"<!DOCTYPE html>\n<title>404", 'text (it begins "<!DOCTYPE html>")'),
        ("größer als".encode(), 'text (it begins "größer als")'),
        (b"\x00\x01\x02\x03\x04", "no known image format (first bytes 00 01 02 03)"),
        (encoded(picture(1), "GIF"), "GIF"),
        (b"BMW, Mini and others", 'text (it begins "BMW, Mini and others")'),
        (encoded(picture(1), "PDF"), "PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"PK\x03\x04rest", "ZIP archive"),
    ],
)
def test_other_formats_are_named(data: bytes, found: str) -> None:
    assert found_in(data) == (found, "JPEG, PNG, TIFF, BMP or WebP")


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(("form", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {})])
def test_truncated_files_are_found(form: str, options: dict[str, Any], cut: float) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8))
    data = encoded(noise, form, **options)
    found, allowed = found_in(data[: int(len(data) * cut)])
    assert found.startswith((f"truncated {form}", f"damaged {form}"))
    assert allowed == f"a whole {form} file"


@pytest.mark.parametrize(("form", "cut"), [("PNG", 1), ("PNG", 20), ("JPEG", 1), ("JPEG", 2)])
def test_a_file_cut_behind_its_last_pixel_is_truncated_too(form: str, cut: int) -> None:
    data = encoded(picture(1), form)
    assert found_in(data[:-cut])[0].startswith(f"truncated {form}")
    assert read(data + b"what a tool appended", GRAY)


def test_a_file_with_only_the_first_bytes_right() -> None:
    found, allowed = found_in(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    assert found.startswith("damaged PNG (")
    assert allowed == "a whole PNG file"
    assert found_in(b"\xff\xd8\xff\xe0nothing")[0].startswith(("damaged JPEG (", "truncated JPEG ("))


def test_too_many_pixels_are_refused_before_decoding() -> None:
    assert found_in(header_of(60_000, 60_000)) == ("3600.0 megapixels (60000x60000)", "at most 50 megapixels")
    assert found_in(header_of(10_000, 5_001)) == ("50.0 megapixels (10000x5001)", "at most 50 megapixels")
    assert found_in(header_of(10_000, 5_000))[0].startswith("truncated PNG")  # allowed, but there are no pixels


def header_of(width: int, height: int) -> bytes:
    """A PNG file of one gray pixel whose header says another size."""
    data = png(8, 0, [b"\0"], 1)
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + data[24:29]
    return data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[33:]


def test_more_memory_than_granted_is_refused_for_now() -> None:
    data = encoded(Image.new("RGB", (1000, 1000)), "PNG")
    assert read(data, GRAY, memory_limit=12_000_000)
    with pytest.raises(TooLargeNowError):
        read(data, GRAY, memory_limit=11_999_999)
    jpeg = encoded(Image.new("RGB", (1000, 1000)), "JPEG")
    assert read(jpeg, GRAY, memory_limit=200_000)  # decoded at an eighth
    with pytest.raises(TooLargeNowError):
        read(encoded(Image.new("RGB", (1000, 1000)), "JPEG", progressive=True), GRAY, memory_limit=5_000_000)
