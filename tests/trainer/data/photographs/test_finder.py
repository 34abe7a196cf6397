from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from tests.trainer.data.photographs.scenes import contents, darkened, find, scene, sheared, turned, write
from trainer.data import write_demo
from trainer.data.demo.demo import demo_truth
from trainer.data.photographs import Found, find_photographs, foreseen_seconds
from trainer.errors import DataError

COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "compressed again": lambda image: image.resize(image.size, box=(0.3, 0.3, 239.7, 179.7)),
    "turned a little": lambda image: turned(image, 17),
    "turned far": lambda image: turned(image, 131),
    "turned by a quarter": lambda image: image.rotate(90, expand=True),
    "smeared corners": lambda image: turned(image, -25, None),
    "white corners": lambda image: turned(image, 20, "white"),
    "mirrored": ImageOps.mirror,
    "flipped": ImageOps.flip,
    "mirrored and turned": lambda image: turned(ImageOps.mirror(image), 40),
    "shifted": lambda image: image.rotate(0, translate=(45, -30)),
    "cut": lambda image: image.crop((50, 20, 230, 150)),
    "larger": lambda image: image.resize((300, 225)).crop((30, 20, 270, 200)),
    "another size": lambda image: image.resize((480, 360)),
    "sheared": lambda image: sheared(image, 0.2),
    "darkened": lambda image: darkened(image, 0.4),
    "very dark": lambda image: darkened(image, 0.12),
    "brighter": lambda image: darkened(image, 1.12),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1.2)),
    "gray": lambda image: image.convert("L"),
}


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight scenes of nothing else."""
    return write(tmp_path_factory.mktemp("others"), {f"other {n}.jpeg": scene(n) for n in range(100, 108)})


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_the_same_photograph_and_nothing_else_is(kind: str, tmp_path: Path, others: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(others, folder)
    write(folder, {"a.jpeg": scene(1), "b.jpeg": COPIES[kind](scene(1))}, quality=75)
    found = find(folder)
    assert found.groups == (0, 0, *range(1, 9)), found.doubtful
    (link,) = found.links
    assert (link.first, link.second, link.accepted) == (0, 1, True)
    assert link.inliers >= 15
    assert link.agreement > 0.7
    assert link.overlap > 0.4
    assert link.mirrored == (kind in ("mirrored", "flipped", "mirrored and turned"))
    assert found.plain == ()


def test_scenes_on_one_background_are_not_merged(tmp_path: Path) -> None:
    """Dust on the lens and a frame stand in every image at the same place."""

    def labelled(seed: int) -> Image.Image:
        image = scene(seed, spots=30)
        draw = ImageDraw.Draw(image)
        random = np.random.default_rng(3)
        for _ in range(25):
            x, y, r = random.uniform(0, 240), random.uniform(0, 180), random.uniform(3, 5)
            draw.ellipse((x - r, y - r, x + r, y + r), fill="black")
            draw.ellipse((x - r, y - 1, x, y + 1), fill="white")
        draw.rectangle((1, 1, 238, 178), outline="black")
        return image.filter(ImageFilter.GaussianBlur(0.7))

    found = find(write(tmp_path, {f"{n:02}.jpeg": labelled(n) for n in range(12)}))
    assert found.groups == tuple(range(12)), found.links
    background = [link for link in found.doubtful if link.inliers >= 8]
    assert background  # it was seen: only the agreement tells
    assert not any(link.accepted for link in background)


def test_black_corners_join_nothing(tmp_path: Path) -> None:
    found = find(write(tmp_path, {f"{n:02}.jpeg": turned(scene(n), 20) for n in range(10)}))
    assert found.photographs == 10
    assert max((link.inliers for link in found.doubtful), default=0) < 7


def test_overlapping_parts_of_a_smear_are_linked(tmp_path: Path) -> None:
    smear = scene(5, 400, 180, spots=120)
    parts = {"left.png": smear.crop((0, 0, 240, 180)), "right.png": smear.crop((150, 0, 390, 180))}
    assert find(write(tmp_path, {**parts, "x.png": scene(6)})).groups == (0, 0, 1)


def test_classes_and_sides_make_no_difference(tmp_path: Path) -> None:
    images = {"TEST/A/1.jpeg": scene(1), "TRAIN/A/1.jpeg": scene(2), "TRAIN/B/it's 1.jpeg": turned(scene(1), 9)}
    assert find(write(tmp_path, images)).groups == (0, 1, 0)


def test_equal_bytes_are_one_image(tmp_path: Path) -> None:
    write(tmp_path, {"a.png": Image.new("L", (20, 20), 200), "c.png": scene(1)})
    shutil.copy(tmp_path / "a.png", tmp_path / "b.png")
    shutil.copy(tmp_path / "c.png", tmp_path / "d.png")
    found = find(tmp_path)
    assert found.groups == (0, 0, 1, 1)
    assert found.plain == (0, 1)
    assert found.links == ()


def test_the_demo_set_comes_out_right_to_the_image(tmp_path: Path) -> None:
    """Twenty photographs a class of eleven copies come out right too; fewer keep the test short."""
    write_demo(tmp_path / "demo", train_photos=3, test_photos=2, copies=(6, 6))
    files = sorted(str(path.relative_to(tmp_path / "demo")) for path in (tmp_path / "demo").rglob("*.jpeg"))
    found = find(tmp_path / "demo", files, workers=2)
    drawn = demo_truth(tmp_path / "demo")
    truth = [drawn[name] for name in files]
    assert len(set(zip(truth, found.groups, strict=True))) == len(set(truth)) == found.photographs == 20
    assert min(link.inliers for link in found.links) >= 15


def test_the_result_is_the_same_for_any_workers_and_any_order(tmp_path: Path) -> None:
    images = {f"{n}-{turn}.jpeg": turned(scene(n), turn) for n in range(6) for turn in (0, 20, 200)}
    write(tmp_path, images)
    names = sorted(images)
    one, two = find(tmp_path, names, workers=1), find(tmp_path, names, workers=3)
    assert one == two
    back = find(tmp_path, names[::-1])
    assert back.groups == one.groups  # six of three: the same numbers from either end
    assert {frozenset((17 - link.first, 17 - link.second)) for link in back.links} == {
        frozenset((link.first, link.second)) for link in one.links
    }


def test_progress_counts_images(tmp_path: Path) -> None:
    write(tmp_path, {f"{n}.jpeg": scene(n, spots=20) for n in range(5)})
    names = sorted(path.name for path in tmp_path.iterdir())
    seen: list[tuple[int, int]] = []
    find_photographs(tmp_path, names, contents(tmp_path, names), store=None, progress=lambda *step: seen.append(step))
    assert seen == [(n, 5) for n in range(1, 6)]


def test_no_images_and_one_image(tmp_path: Path) -> None:
    assert find_photographs(tmp_path, [], [], store=None) == Found((), (), (), (), 0)
    assert find(write(tmp_path, {"a.png": scene(1)})).groups == (0,)


def test_bad_files_are_all_listed(tmp_path: Path) -> None:
    write(tmp_path, {"good.jpeg": scene(1)})
    (tmp_path / "cut.jpeg").write_bytes((tmp_path / "good.jpeg").read_bytes()[:3000])
    (tmp_path / "text.jpeg").write_text("hello")
    names = ["cut.jpeg", "gone.jpeg", "good.jpeg", "text.jpeg"]
    with pytest.raises(DataError) as caught:
        find_photographs(tmp_path, names, ["1", "2", "3", "4"], store=None)
    assert caught.value.summary == (f"{tmp_path}: photographs cannot be found, for 3 files are no usable images:")
    assert [line.partition(":")[0] for line in sorted(caught.value.problems)] == ["cut.jpeg", "gone.jpeg", "text.jpeg"]
    assert "gone.jpeg: unreadable (No such file or directory)" in caught.value.problems


def test_an_image_that_lies_on_its_side_in_exif_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    scene(1).rotate(90, expand=True).save(tmp_path / "a.jpeg", exif=exif)
    write(tmp_path, {"b.jpeg": scene(1), "c.jpeg": scene(2)})
    assert find(tmp_path).groups == (0, 0, 1)


def test_large_images_are_decoded_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.data.photographs.extraction.MEMORY", 240 * 180 * 12)
    images = {f"{n}.png": scene(n) for n in range(4)}
    assert find(write(tmp_path, {**images, "large.png": scene(0, 720, 540)}), workers=2).photographs == 5


def test_the_time_foreseen_grows_with_images_and_shrinks_with_workers() -> None:
    full = foreseen_seconds(12_444, workers=2)
    assert 30 < full < 180
    assert foreseen_seconds(50_000, workers=2) < 1800
    assert foreseen_seconds(12_444, workers=1) > 1.9 * foreseen_seconds(12_444, workers=2)


def test_opencv_is_imported_only_when_it_is_used() -> None:
    program = "import sys, trainer.data, trainer.data.photographs; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_opencv_keeps_its_threads_afterwards(tmp_path: Path) -> None:
    import cv2

    before = cv2.getNumThreads()
    find(write(tmp_path, {"a.png": scene(1)}))
    assert cv2.getNumThreads() == before


def test_as_many_contents_as_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 files and 1 contents"):
        find_photographs(tmp_path, ["a", "b"], ["1"], store=None)
