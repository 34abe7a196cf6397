from __future__ import annotations

import errno
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainer.data import DEMO_VERSION, ensure_demo, prepare, scan, write_demo
from trainer.data.demo import demo
from trainer.data.demo.demo import demo_truth
from trainer.data.demo.smear import draw_photograph
from trainer.data.demo.white_cells import DRAWN
from trainer.data.images.resizing import ImageSize
from trainer.data.index import photograph_counts
from trainer.data.photographs import names_agreement
from trainer.errors import DataError


def small(folder: Path, seed: int = 0) -> Path:
    write_demo(folder, seed=seed, train_photos=2, test_photos=1, copies=(2, 2))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_layout_is_that_of_the_real_set(tmp_path: Path) -> None:
    root = small(tmp_path / "the demo")
    index = scan(root)
    assert index.is_demo
    assert index.name == "demo"
    assert index.class_names == ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")
    truth = demo_truth(root)
    assert sorted(truth) == list(index.files)
    drawn = replace(index, photos=tuple(truth[file] for file in index.files))
    counts = {(side, label): n for side, n in (("TRAIN", 2), ("TEST", 1)) for label in range(4)}
    assert photograph_counts(drawn) == counts
    assert all(re.fullmatch(r"(TRAIN|TEST)/[A-Z]+/_[01]_\d{1,4}\.jpeg", file) for file in index.files)
    with Image.open(index.root / index.files[0]) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (320, 240))
    assert json.loads((index.root / "demo.json").read_text())["version"] == DEMO_VERSION


def test_it_can_be_trained_on(tmp_path: Path) -> None:
    report = prepare(small(tmp_path / "demo"), tmp_path / "cache", [ImageSize(60, 80, False)])
    assert (report.images, report.bad_files, report.converted) == (24, (), 0)


def test_the_same_seed_draws_the_same_images(tmp_path: Path) -> None:
    first, again, other = (contents(small(tmp_path / str(n), seed)) for n, seed in enumerate((3, 3, 4)))
    assert first == again
    assert not {data for name, data in first.items() if name != "demo.json"} & set(other.values())


def test_no_two_images_are_alike(tmp_path: Path) -> None:
    drawn = contents(small(tmp_path / "demo"))
    assert len(set(drawn.values())) == len(drawn)


def test_an_existing_demo_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small(tmp_path / "demo")
    monkeypatch.setattr(demo, "_draw", None)  # drawing again would fail
    assert ensure_demo(folder) == folder


def test_an_older_demo_is_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small(tmp_path / "demo")
    marker = folder / "demo.json"
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"version": DEMO_VERSION - 1}))
    (folder / "TRAIN" / "old").mkdir()
    monkeypatch.setattr(demo, "_draw", lambda drawn, *_: (drawn.mkdir(), (drawn / "new").touch()))
    ensure_demo(folder)
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert scan(small(tmp_path / "empty")).is_demo


@pytest.mark.parametrize("marker", [None, "no json", '{"other": 1}', "[]", '{"version": "x"}'])
def test_a_folder_with_other_things_is_refused(tmp_path: Path, marker: str | None) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    if marker is not None:
        (tmp_path / "demo.json").write_text(marker)
    before = contents(tmp_path)
    with pytest.raises(DataError) as caught:
        ensure_demo(tmp_path)
    assert str(caught.value) == (
        f"The demo set cannot be written to {tmp_path}: the folder has other things in it (no demo.json says that they "
        "are a demo set). A new or empty folder is needed."
    )
    assert contents(tmp_path) == before


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="it is a file; a new or empty folder is needed"):
        ensure_demo(tmp_path / "file")


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save = Image.Image.save
    saved: list[Path] = []

    def fills(image: Image.Image, path: Path, **options: object) -> None:
        if len(saved) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved.append(path)
        save(image, path, **options)

    monkeypatch.setattr(Image.Image, "save", fills)
    with pytest.raises(DataError) as caught:
        small(tmp_path / "demo")
    assert str(caught.value) == f"The demo set cannot be written to {tmp_path}/demo: No space left on device."
    assert list(tmp_path.iterdir()) == []


def test_another_process_may_finish_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "demo"
    draw = demo._draw

    def slow(drawn: Path, seed: int, photos: tuple[int, int], copies: tuple[int, int]) -> None:
        monkeypatch.setattr(demo, "_draw", draw)
        small(folder)
        draw(drawn, seed, (2, 1), (1, 1))

    monkeypatch.setattr(demo, "_draw", slow)
    ensure_demo(folder)
    assert len(scan(folder).files) == 24  # the other's, whole
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


@pytest.mark.parametrize("name", DRAWN)
def test_a_photograph_has_one_dark_cell_on_a_light_ground_with_pale_red_cells(name: str) -> None:
    """Coarse facts about a stain. What it looks like only a person can say: python -m trainer.data audit."""
    for seed in range(6):
        levels = np.asarray(draw_photograph(name, np.random.default_rng([7, seed])), float)
        red, green, blue = levels[..., 0], levels[..., 1], levels[..., 2]
        assert 150 < np.median(levels) < 250
        nucleus = (green < 0.55 * np.median(green)) & (blue > green + 15)  # violet
        assert 0.004 < nucleus.mean() < 0.12
        red_cells = (red > green + 15) & (red > blue + 10) & (green > 0.5 * np.median(green))
        assert 0.02 < red_cells.mean() < 0.6


def test_monocytes_are_large_and_lymphocytes_small() -> None:
    def stained(name: str) -> float:
        shares = []
        for seed in range(8):
            levels = np.asarray(draw_photograph(name, np.random.default_rng([8, seed])), float)
            green, blue, red = levels[..., 1], levels[..., 2], levels[..., 0]
            shares.append(((blue > red + 8) & (blue > green + 8)).mean())  # blue and violet: nucleus and blue cytoplasm
        return float(np.median(shares))

    assert stained("MONOCYTE") > 1.5 * stained("LYMPHOCYTE")


def test_the_names_do_not_tell_the_photographs(tmp_path: Path) -> None:
    """As Keras's generator writes them: a position in a shuffled epoch, and a random number."""
    write_demo(tmp_path / "demo", train_photos=8, test_photos=2, copies=(8, 8))
    truth = demo_truth(tmp_path / "demo")
    found = names_agreement(list(truth), list(truth.values()))
    assert found is not None
    assert abs(found.index) < 0.15
