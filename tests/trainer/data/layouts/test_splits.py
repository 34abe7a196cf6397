"""Folders for splits, in them folders for classes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.trainer.data.layouts.files import refused, rows, touch
from trainer.data import scan


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("TRAIN", None, "TEST"),
        ("train", None, "test"),
        ("Train", "Val", "Test"),
        ("train", "valid", "test"),
        ("training", "validation", "testing"),
        ("Training", "Validation", "Testing"),
    ],
)
def test_names_of_splits(tmp_path: Path, train: str, val: str | None, test: str) -> None:
    sides = {train: "TRAIN", test: "TEST"} | ({val: "VAL"} if val else {})
    root = touch(tmp_path / "set", *(f"{place}/{name}/1.png" for place in sides for name in ("A", "B")))
    index = scan(root)
    assert index.layout == "splits"
    assert rows(index) == {
        f"{place}/{name}/1.png": (side, name, "") for place, side in sides.items() for name in ("A", "B")
    }
    assert index.photos == index.files
    assert (index.told_by, index.notes) == ("", (f"{val}/ is kept as the one set to validate on.",) if val else ())


def test_names_of_files_tell_nothing(tmp_path: Path) -> None:
    names = ("_12_3845.jpeg", "_12_17.jpeg", "patient1_cell2.jpeg", "patient1_cell3.jpeg")
    root = touch(tmp_path, *(f"{side}/{name}/{file}" for side in ("TRAIN", "TEST") for name in "AB" for file in names))
    index = scan(root)
    assert index.photos == index.files
    assert set(index.told) == {""}


def test_folders_of_patients(tmp_path: Path) -> None:
    root = touch(
        tmp_path / "set",
        *("TRAIN/A/P1/1.png", "TRAIN/A/P1/2.png", "TRAIN/A/P2/left/eye/1.png", "TRAIN/A/alone.png"),
        *("TRAIN/B/P1/1.png", "TRAIN/B/P3/1.png", "TEST/A/P4/1.png", "TEST/B/P5/1.png"),
    )
    index = scan(root)
    assert rows(index) == {
        "TRAIN/A/P1/1.png": ("TRAIN", "A", "P1"),
        "TRAIN/A/P1/2.png": ("TRAIN", "A", "P1"),
        "TRAIN/A/P2/left/eye/1.png": ("TRAIN", "A", "P2"),
        "TRAIN/A/alone.png": ("TRAIN", "A", ""),
        "TRAIN/B/P1/1.png": ("TRAIN", "B", "P1"),
        "TRAIN/B/P3/1.png": ("TRAIN", "B", "P3"),
        "TEST/A/P4/1.png": ("TEST", "A", "P4"),
        "TEST/B/P5/1.png": ("TEST", "B", "P5"),
    }
    assert index.told_by == "folders"
    assert index.notes == (
        "The 5 folders inside the class folders are taken as patients.",
        "1 of these names stands under several classes or splits, and is the same patient there.",
        "1 image lies in no such folder, and has no patient told.",
    )


def test_a_level_of_one_name_tells_nothing(tmp_path: Path) -> None:
    flat = touch(tmp_path / "flat", *(f"{side}/{name}/images/1.png" for side in ("train", "test") for name in "AB"))
    assert (scan(flat).told_by, set(scan(flat).told)) == ("", {""})
    deep = touch(
        tmp_path / "deep",
        *(f"{side}/{name}/images/{side}{name}{n}/1.png" for side in ("train", "test") for name in "AB" for n in "12"),
    )
    assert len(set(scan(deep).told)) == 8


def test_what_lies_beside_the_splits_is_named(tmp_path: Path) -> None:
    root = touch(tmp_path, *(f"{side}/{name}/1.png" for side in ("TRAIN", "TEST", "TEST_SIMPLE") for name in "AB"))
    touch(root, "README.md", ".git/config", "__MACOSX/x")
    assert scan(root).notes == ("Not used: TEST_SIMPLE/ beside TRAIN/ and TEST/.",)


def test_only_val_beside_train(tmp_path: Path) -> None:
    root = touch(tmp_path / "a set", *(f"{side}/{name}/1.png" for side in ("train", "val") for name in "AB"))
    error = refused(root)
    assert str(error) == (
        f"{root} has train and val, but no folder TEST; TRAIN/<CLASS>/ and TEST/<CLASS>/ are needed (in any case, or "
        f"Training/ and Testing/). If val/ is to test with: mv '{root}/val' '{root}/TEST'"
    )
    shutil.move(root / "val", root / "TEST")
    assert len(scan(root).files) == 4


def test_train_alone(tmp_path: Path) -> None:
    root = touch(tmp_path, "train/A/1.png", "train/B/1.png")
    assert str(refused(root)).endswith(
        "has train, but no folder TEST; TRAIN/<CLASS>/ and TEST/<CLASS>/ are needed (in any case, or Training/ and "
        f"Testing/). To have its images split here: --data {root}/train"
    )
    assert scan(root / "train").layout == "classes"


def test_every_mistake_at_once(tmp_path: Path) -> None:
    root = touch(tmp_path / "set", *(f"{side}/{name}/1.png" for side in ("train", "val", "test") for name in "AB"))
    touch(root, "Training/A/2.png", "train/lost.TIF", "val/Cells/1.png", "test/cells/1.png")
    (root / "train" / "empty").mkdir()
    error = refused(root)
    assert error.summary == f"{root} cannot be used as a set of images: 9 problems."
    assert error.problems == [
        "Training and train: folders for one split; keep one of them, and move the rest",
        "train/lost.TIF: an image outside a class folder; allowed: train/<CLASS>/<image>",
        "Training: no folder for Cells, which val has; all must have the same classes",
        "Training: no folder for cells, which test has; all must have the same classes",
        "val: no folder for cells, which test has; all must have the same classes: mv val/Cells val/cells",
        "val: no folder for empty, which Training has; all must have the same classes",
        "test: no folder for Cells, which val has; all must have the same classes: mv test/cells test/Cells",
        "test: no folder for empty, which Training has; all must have the same classes",
        "Training/empty: no images; at least 1 is needed",
    ]


def test_a_link_back_up_is_no_endless_walk(tmp_path: Path) -> None:
    root = touch(tmp_path, *(f"{side}/{name}/1.png" for side in ("TRAIN", "TEST") for name in "AB"))
    (root / "TRAIN" / "A" / "up").symlink_to(root / "TRAIN" / "A")
    assert refused(root).problems == ["TRAIN/A/up: a link to a folder that it lies in; remove it"]
