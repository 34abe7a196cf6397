"""Images of more than 8 bits: one range for a folder, and what is said of it."""

from __future__ import annotations

import io
import shutil
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.trainer.data.sets import png, tiff
from trainer.data import DataOptions, ImageSize, open_dataset, prepare
from trainer.data.images.depth import FULL, Extent, Range, Ranges, common_ranges, kind_name, to_8_bit
from trainer.data.images.reader import BadImageError, Picture, read_image

EACH = DataOptions(photographs="none")  # ramps resemble each other
GRAY = ImageSize(2, 4, False)
RAMP = np.array([[0, 1, 2, 3], [4, 5, 6, 7]])


def read(data: bytes, ranges: Ranges = FULL, *, color: bool = False) -> Picture:
    return read_image(io.BytesIO(data), [GRAY._replace(color=color)], ranges=ranges)


def deep_set(root: Path, tops: dict[str, int]) -> Path:
    """16-bit TIFF files in classes A and B of TRAIN and TEST, each up to the top that its name has, or to 4,095."""
    for number, place in enumerate(f"{side}/{name}/{n}" for side in ("TRAIN", "TEST") for name in "AB" for n in (1, 2)):
        pixels = (RAMP * tops.get(place, 4095) // 7 - (RAMP > 0) * number).astype(np.uint16)
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{place}.tif").write_bytes(tiff(pixels))
    return root


# ------------------------------------------------------------------------------------------------------ the range


@pytest.mark.parametrize(
    ("high", "top"),
    [
        *((0, 255), (255, 255), (256, 1023), (1023, 1023), (1024, 4095), (4095, 4095), (4096, 16383), (16383, 16383)),
        *((16384, 65535), (65535, 65535), (65536, 2**32 - 1)),
    ],
)
def test_the_smallest_usual_range_that_holds_the_largest_value(high: int, top: int) -> None:
    extents = [Extent("integer", 3, 5), None, Extent("integer", 0, high)]
    assert common_ranges(extents) == common_ranges(extents[::-1]) == Ranges(integer=Range(0, max(top, 255)))


@pytest.mark.parametrize(
    ("low", "high", "span"),
    [
        *((0, 1, (0, 1)), (0.2, 0.7, (0, 1)), (0, 1.05, (0, 1)), (0, 255, (0, 255)), (0, 4000.5, (0, 4095))),
        *((-1, 1, (-1, 1)), (-0.5, 3.25, (-0.5, 3.25)), (0, 1e12, (0, 1e12))),
    ],
)
def test_floats(low: float, high: float, span: tuple[float, float]) -> None:
    assert common_ranges([Extent("float", low, high)]) == Ranges(float=Range(*span))


def test_signed_numbers_keep_their_zero_apart() -> None:
    assert common_ranges([Extent("integer", -100, 50), Extent("integer", 0, 300)]).integer == Range(-100, 300)


def test_integers_and_floats_have_ranges_of_their_own() -> None:
    assert common_ranges([Extent("integer", 0, 4000), Extent("float", 0, 200)]) == Ranges(Range(0, 4095), Range(0, 255))
    assert common_ranges([]) == common_ranges([None]) == FULL


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_scaling_rounds_and_clips(kind: npt.DTypeLike) -> None:
    values = np.array([0, 8, 9, 2048, 4087, 4095, 5000]).astype(kind)
    assert to_8_bit(values, Range(0, 4095)).tolist() == [0, 0, 1, 128, 255, 255, 255]


def test_what_conversions_are_called() -> None:
    spans = {255: "16-bit with 8 used (0 to 255)", 4095: "12-bit (0 to 4,095)", 65535: "16-bit"}
    for top, name in spans.items():
        assert kind_name(Extent("integer", 0, 1), Range(0, top)) == name
    assert kind_name(Extent("integer", -5, 1), Range(-5, 300)) == "signed (-5 to 300)"
    assert kind_name(Extent("float", 0, 1), Range(0, 1)) == "float (0 to 1)"


# ------------------------------------------------------------------------------------------------------ one file


@pytest.mark.parametrize("form", ["TIFF", "PNG"])
def test_12_bits_in_16(form: str) -> None:
    values = (RAMP * 585).astype(np.uint16)  # 7 * 585 = 4095
    data = tiff(values) if form == "TIFF" else png(16, 0, [row.astype(">u2").tobytes() for row in values], 4)
    result = read(data, Ranges(Range(0, 4095)))
    assert result.pixels[0].ravel().tolist() == [round(n * 255 / 7) for n in range(8)]
    assert result.conversions == ("12-bit (0 to 4,095)",)
    assert result.extent == Extent("integer", 0, 4095)
    assert (result.width, result.height) == (4, 2)


@pytest.mark.parametrize("form", ["TIFF", "PNG"])
def test_12_bits_of_color(form: str) -> None:
    """Pillow cuts it to 8 bits: 12-bit values would keep 16 of their 4,096 levels."""
    values = np.stack([RAMP * 585, RAMP[::-1] * 585, RAMP * 0], axis=-1).astype(np.uint16)
    data = tiff(values) if form == "TIFF" else png(16, 2, [row.astype(">u2").tobytes() for row in values], 4)
    result = read(data, Ranges(Range(0, 4095)), color=True)
    wanted = np.rint(values * (255 / 4095))
    assert np.array_equal(result.pixels[0], wanted)
    assert result.conversions == ("12-bit (0 to 4,095)",)


def test_12_bits_packed() -> None:
    packed = np.frombuffer(bytes.fromhex("000 249 492 6db 924 b6d db6 fff".replace(" ", "")), np.uint8)
    data = tiff(packed.reshape(2, 6), {256: 4, 258: 12})
    result = read(data, Ranges(Range(0, 4095)))
    assert result.pixels[0].ravel().tolist() == [round(n * 255 / 7) for n in range(8)]


def test_zero_as_white() -> None:
    result = read(tiff((RAMP * 9362).astype(np.uint16), {262: 0}))
    assert result.pixels[0].ravel().tolist() == [255 - round(n * 9362 / 257) for n in range(8)]


def test_floats_of_gray_and_of_color() -> None:
    gray = read(tiff((RAMP / 7).astype(np.float32)))
    assert gray.pixels[0].ravel().tolist() == [round(n * 255 / 7) for n in range(8)]
    assert gray.conversions == ("float (0 to 1)",)
    color = read(tiff(np.stack([RAMP / 7] * 3, axis=-1).astype(np.float32)), color=True)
    assert np.array_equal(color.pixels[0][..., 2], gray.pixels[0][..., 0])
    assert color.conversions == ("float (0 to 1)",)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers(value: float) -> None:
    with pytest.raises(BadImageError) as caught:
        read(tiff(np.full((2, 4), value, np.float32)))
    assert str(caught.value) == "TIFF with values that are NaN or infinite; allowed: finite values"


def test_color_with_alpha() -> None:
    values = np.zeros((2, 4, 4), np.uint16)
    values[..., :3], values[..., 3] = 585, np.array([[0, 65535, 0, 65535]] * 2)
    result = read(tiff(values), Ranges(Range(0, 4095)))
    assert result.pixels[0][0].ravel().tolist() == [255, 36, 255, 36]
    assert result.conversions == ("12-bit (0 to 4,095)", "alpha")


def test_a_clear_color_is_compared_with_all_its_bits() -> None:
    pixels = struct.pack(">6H", 1000, 2000, 3000, 1000, 2000, 3001)
    data = png(16, 2, [pixels], 2, [(b"tRNS", struct.pack(">3H", 1000, 2000, 3000))])
    result = read_image(io.BytesIO(data), [ImageSize(1, 2, True)], ranges=Ranges(Range(0, 4095)))
    assert result.pixels[0][0].tolist() == [[255, 255, 255], [62, 125, 187]]


# ------------------------------------------------------------------------------------------------------ a folder


def test_the_range_is_that_of_the_folder(tmp_path: Path) -> None:
    root = deep_set(tmp_path / "set", {"TRAIN/A/1": 1000})  # a dark image, which must stay dark
    report = prepare(root, tmp_path / "cache", [GRAY], EACH)
    assert report.sentence() == "8 of 8 images were converted to 8-bit gray or RGB: 8 12-bit (0 to 4,095)."
    dataset = open_dataset(root, tmp_path / "cache", GRAY, EACH)
    brightest = {file: int(dataset.images[row].max()) for row, file in enumerate(dataset.files)}
    assert brightest.pop("TRAIN/A/1.tif") == round(1000 * 255 / 4095)
    assert set(brightest.values()) <= {254, 255}
    assert dataset.ranges == Ranges(Range(0, 4095))


def test_one_file_of_16_bits_makes_the_range_that_of_all(tmp_path: Path) -> None:
    root = deep_set(tmp_path / "set", {"TEST/B/2": 65535})
    assert prepare(root, tmp_path / "cache", [GRAY], EACH).conversions == {"16-bit": 8}
    (root / "TEST" / "B" / "2.tif").unlink()
    assert prepare(root, tmp_path / "cache", [GRAY], EACH).conversions == {"12-bit (0 to 4,095)": 7}


def test_8_bit_images_beside_deep_ones_are_kept(tmp_path: Path) -> None:
    root = deep_set(tmp_path / "set", {})
    Image.fromarray((RAMP * 30).astype(np.uint8)).save(root / "TRAIN" / "A" / "plain.png")
    dataset = open_dataset(root, tmp_path / "cache", GRAY, EACH)
    assert np.array_equal(dataset.images[dataset.files.index("TRAIN/A/plain.png")][..., 0], RAMP * 30)
    assert dataset.conversions == {"12-bit (0 to 4,095)": 8}


def test_processes_give_the_same_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trainer.data.cache import workers

    root = deep_set(tmp_path / "set", {})
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(workers, "CHUNK", 2)
    for name, count in (("one", 1), ("two", 2)):
        prepare(root, tmp_path / name, [GRAY], EACH, workers=count, progress=lambda *step: seen.append(step))
    first, second = (open_dataset(root, tmp_path / name, GRAY, EACH) for name in ("one", "two"))
    assert np.array_equal(first.images, second.images)
    assert first.ranges == second.ranges != FULL
    assert seen[-1] == (16, 16)  # each file twice, since its range was known only behind the last


def test_a_bad_file_has_no_part_in_the_range(tmp_path: Path) -> None:
    root = deep_set(tmp_path / "set", {})
    bad = tiff(np.full((2, 4), 65535, np.uint16))
    (root / "TRAIN" / "A" / "bad.tif").write_bytes(bad[:12] + bad[14:])
    report = prepare(root, tmp_path / "cache", [GRAY], DataOptions(photographs="none", skip_bad_files=True))
    assert (len(report.bad_files), report.conversions) == (1, {"12-bit (0 to 4,095)": 8})


def test_the_range_is_kept_in_the_cache(tmp_path: Path) -> None:
    root = deep_set(tmp_path / "set", {})
    prepare(root, tmp_path / "cache", [GRAY], EACH)
    shutil.copytree(tmp_path / "cache", tmp_path / "copy")
    assert open_dataset(root, tmp_path / "copy", GRAY, EACH).ranges == Ranges(Range(0, 4095))
