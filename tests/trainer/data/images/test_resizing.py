"""What happens to images of another aspect ratio, and what is said of it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.trainer.data.sets import picture, write_set
from trainer.data import ImageSize, open_dataset, prepare
from trainer.data.images.reader import read_image
from trainer.data.images.resizing import Fit, aspect, reshaped

# A square: white, with a red border on the left and the right, and a blue one at the top and the bottom.
SQUARE = Image.new("RGB", (240, 240), "white")
SQUARE.paste("red", (0, 0, 30, 240))
SQUARE.paste("red", (210, 0, 240, 240))
SQUARE.paste("blue", (30, 0, 210, 30))
SQUARE.paste("blue", (30, 210, 210, 240))
RED, BLUE, WHITE, BLACK = [255, 0, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]


def colors(image: Image.Image, fit: Fit, form: str = "PNG", height: int = 90, width: int = 120) -> list[list[int]]:
    """The colors in the middle of the left, the right, the top and the bottom border."""
    file = io.BytesIO()
    image.save(file, form, **({"quality": 100, "subsampling": 0} if form == "JPEG" else {}))
    (pixels,) = read_image(io.BytesIO(file.getvalue()), [ImageSize(height, width, True, fit)]).pixels
    assert pixels.shape == (height, width, 3)
    places = ((height // 2, 3), (height // 2, width - 4), (3, width // 2), (height - 4, width // 2))
    return [np.where(pixels[place] > 127, 255, 0).tolist() for place in places]


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_the_three_ways(form: str) -> None:
    assert colors(SQUARE, "stretch", form) == [RED, RED, BLUE, BLUE]
    assert colors(SQUARE, "crop", form) == [RED, RED, WHITE, WHITE]
    assert colors(SQUARE, "pad", form) == [BLACK, BLACK, BLUE, BLUE]
    assert colors(SQUARE, "crop", form, 120, 90) == [WHITE, WHITE, BLUE, BLUE]
    assert colors(SQUARE, "pad", form, 120, 90) == [RED, RED, BLACK, BLACK]


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_an_image_of_the_same_shape_is_the_same_in_all_ways(fit: Fit) -> None:
    file = io.BytesIO()
    picture(1, 320, 240).save(file, "JPEG")
    sizes = [ImageSize(60, 80, True), ImageSize(60, 80, True, fit)]
    first, second = read_image(io.BytesIO(file.getvalue()), sizes).pixels
    assert np.array_equal(first, second)


def test_cropping_keeps_the_middle_at_its_scale() -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (48, 128, 3), np.uint8))
    file = io.BytesIO()
    image.save(file, "PNG")
    (cropped,) = read_image(io.BytesIO(file.getvalue()), [ImageSize(48, 64, True, "crop")]).pixels
    assert np.array_equal(cropped, np.asarray(image)[:, 32:96])


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_rotated_image_is_fitted_as_it_is_seen(fit: Fit, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored, upright = io.BytesIO(), io.BytesIO()
    image = picture(2, 90, 50)
    image.save(stored, "PNG", exif=exif)
    turn = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_270, 8: Image.Transpose.ROTATE_90}
    method = turn[orientation]
    (image if method is None else image.transpose(method)).save(upright, "PNG")
    size = ImageSize(40, 40, True, fit)
    seen, wanted = (read_image(io.BytesIO(file.getvalue()), [size]).pixels[0] for file in (stored, upright))
    assert np.abs(seen.astype(int) - wanted).mean() < 1


def test_a_thin_image_keeps_a_pixel() -> None:
    file = io.BytesIO()
    Image.new("RGB", (1000, 1), "red").save(file, "PNG")
    for fit in ("crop", "pad"):
        (pixels,) = read_image(io.BytesIO(file.getvalue()), [ImageSize(20, 20, True, fit)]).pixels
        assert pixels.shape == (20, 20, 3)
        assert pixels[..., 0].max() == 255


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        *(((320, 240), "4:3"), ((240, 320), "3:4"), ((363, 360), "1:1"), ((1920, 1080), "16:9"), ((80, 64), "5:4")),
        *(((1388, 1040), "4:3"), ((2560, 1100), "7:3"), ((1000, 10), "100.00:1"), ((10, 1000), "1:100.00")),
    ],
)
def test_how_ratios_are_written(shape: tuple[int, int], name: str) -> None:
    assert aspect(*shape) == name


def test_the_sentence() -> None:
    size = ImageSize(120, 160, False)
    assert reshaped({(320, 240): 5, (321, 240): 1, (161, 120): 1}, size) == ""
    assert reshaped({(100, 100): 1200, (320, 240): 5}, size) == "1,200 images of 1:1 were stretched to 4:3."
    assert reshaped({(100, 100): 1}, size._replace(fit="crop")) == "1 image of 1:1 was cropped to 4:3."
    many = {(100, 100): 3, (300, 200): 2, (160, 90): 1, (50, 100): 1, (200, 200): 1, (100, 30): 1}
    assert reshaped(many, size._replace(fit="pad")) == (
        "9 images of 1:1, 3:2, 10:3 and 2 other ratios were padded to 4:3."
    )


def test_it_is_said_and_each_way_has_a_cache_of_its_own(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    sizes = [ImageSize(12, 12, False, fit) for fit in ("stretch", "crop", "pad")]
    report = prepare(root, tmp_path / "cache", [*sizes, ImageSize(12, 16, False)])
    assert report.reshaped == tuple(
        f"16 images of 4:3 were {what} to 1:1." for what in ("stretched", "cropped", "padded")
    )
    assert report.sentence() == " ".join(report.reshaped)
    names = sorted(file.name.rsplit("-", 1)[0] for file in (tmp_path / "cache").glob("*.npy"))
    assert names == ["images-12x12-gray", "images-12x12-gray-crop", "images-12x12-gray-pad", "images-12x16-gray"]
    first, second, third = (open_dataset(root, tmp_path / "cache", size).images for size in sizes)
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)
    assert str(sizes[1]) == "12x12 gray cropped"
