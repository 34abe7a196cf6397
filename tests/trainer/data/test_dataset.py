from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.data.sets import CLASSES, picture, write_set
from trainer.data import DataOptions, Dataset, ImageSize, open_dataset, write_demo

SIZE = ImageSize(12, 16, False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_set(tmp_path / "my cells", {"TRAIN": 10, "TEST": 2})


def sides_of(dataset: Dataset) -> dict[str, set[str]]:
    """The photographs of each split."""
    return {
        name: {dataset.photo_names[photo] for photo in dataset.photos[rows]} for name, rows in dataset.splits.items()
    }


def test_everything_fits_together(root: Path, tmp_path: Path) -> None:
    dataset = open_dataset(root, tmp_path / "cache", SIZE)
    count = 2 * 2 * (10 + 2)
    assert isinstance(dataset.images, np.memmap)
    assert (dataset.images.shape, dataset.images.dtype) == ((count, 12, 16, 1), np.dtype(np.uint8))
    assert (dataset.labels.shape, dataset.labels.dtype) == ((count,), np.dtype(np.int32))
    assert (dataset.photos.shape, dataset.photos.dtype) == ((count,), np.dtype(np.int32))
    assert dataset.class_names == CLASSES
    assert dataset.photo_names == tuple(sorted(dataset.photo_names))
    assert (dataset.name, dataset.is_demo, dataset.bad_files, dataset.conversions) == ("my cells", False, 0, {})
    for row, file in enumerate(dataset.files):
        side, name, base = file.split("/")
        assert dataset.class_names[dataset.labels[row]] == name
        assert dataset.photo_names[dataset.photos[row]] == f"{side}/{name}/{base.rsplit('_', 1)[0]}"
    for rows in dataset.splits.values():
        assert rows.dtype == np.int64
        assert np.all(np.diff(rows) > 0)
    together = np.sort(np.concatenate(list(dataset.splits.values())))
    assert np.array_equal(together, np.arange(count))


def test_nothing_can_be_written(root: Path, tmp_path: Path) -> None:
    dataset = open_dataset(root, tmp_path / "cache", SIZE)
    for array in (dataset.images, dataset.labels, dataset.photos, dataset.splits["train"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.name = "other"  # type: ignore[misc]


def test_no_photograph_is_in_two_splits(root: Path, tmp_path: Path) -> None:
    for seed in range(5):
        dataset = open_dataset(root, tmp_path / "cache", SIZE, split_seed=seed)
        sides = sides_of(dataset)
        assert not sides["train"] & sides["val"]
        assert not (sides["train"] | sides["val"]) & sides["test"]
        assert all(name.startswith("TEST/") for name in sides["test"])
        for name in CLASSES:
            assert sum(photo.startswith(f"TRAIN/{name}/") for photo in sides["val"]) == 2
            assert sum(photo.startswith(f"TRAIN/{name}/") for photo in sides["train"]) == 8


def test_every_photograph_validates_once_over_the_folds(root: Path, tmp_path: Path) -> None:
    for folds, each in ((5, 4), (2, 10)):
        opened = [open_dataset(root, tmp_path / "cache", SIZE, folds=folds, fold=fold) for fold in range(folds)]
        validating = [sides_of(dataset)["val"] for dataset in opened]
        assert [len(photos) for photos in validating] == [each] * folds
        assert len(set.union(*validating)) == 20
        assert {dataset.folds for dataset in opened} == {folds}


def test_the_folds_follow_the_seed(root: Path, tmp_path: Path) -> None:
    def validating(seed: int) -> set[str]:
        return sides_of(open_dataset(root, tmp_path / "cache", SIZE, split_seed=seed))["val"]

    assert validating(0) == validating(0)
    assert validating(0) != validating(1)


def test_a_fold_beyond_those_there_are_is_counted_round(tmp_path: Path) -> None:
    root = write_set(tmp_path / "few", {"TRAIN": 3, "TEST": 1})
    fourth, first = (open_dataset(root, tmp_path / "cache", SIZE, folds=5, fold=fold) for fold in (3, 0))
    assert fourth.folds == 3
    assert np.array_equal(fourth.splits["val"], first.splits["val"])


def test_the_split_is_the_same_for_a_copy_elsewhere(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other name"
    for file in sorted(root.rglob("*.*"), reverse=True):  # written in another order
        target = copy / file.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    first, second = open_dataset(root, tmp_path / "c", SIZE), open_dataset(copy, tmp_path / "c", SIZE)
    assert first.files == second.files
    assert first.fingerprint == second.fingerprint
    assert np.array_equal(first.images, second.images)
    assert all(np.array_equal(first.splits[name], second.splits[name]) for name in first.splits)


def test_photographs_that_share_a_file_are_one(root: Path, tmp_path: Path) -> None:
    folder = root / "TRAIN" / CLASSES[0]
    shutil.copy(folder / "_1_2.jpeg", folder / "_4_99.jpeg")
    shutil.copy(folder / "_4_8.jpeg", folder / "another name.jpeg")
    with (root / "photographs.csv").open("a") as table:
        for name, photo in (("_4_99.jpeg", "_4"), ("another name.jpeg", "of its own")):
            table.write(f"\nTRAIN/{CLASSES[0]}/{name},TRAIN/{CLASSES[0]}/{photo}")
    dataset = open_dataset(root, tmp_path / "cache", SIZE)
    rows = [
        dataset.files.index(f"TRAIN/{CLASSES[0]}/{name}") for name in ("_1_2.jpeg", "_4_8.jpeg", "another name.jpeg")
    ]
    assert {dataset.photo_names[dataset.photos[row]] for row in rows} == {f"TRAIN/{CLASSES[0]}/_1"}


def test_many_classes_of_images_that_are_photographs_of_their_own(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for side, count in (("TRAIN", 3), ("TEST", 1)):
        for label in range(30):
            folder = root / side / f"class {label}"
            folder.mkdir(parents=True)
            for number in range(count):
                picture(label * 10 + number + (5 if side == "TEST" else 0)).save(folder / f"{number}.png")
    dataset = open_dataset(root, tmp_path / "cache", ImageSize(12, 16, True), DataOptions(photographs="none"))
    assert len(dataset.class_names) == 30
    assert len(dataset.photo_names) == 120
    assert {name: len(rows) for name, rows in dataset.splits.items()} == {"train": 60, "val": 30, "test": 30}


def test_the_demo_says_so(tmp_path: Path) -> None:
    write_demo(tmp_path / "x", train_photos=2, test_photos=1, copies=(1, 1))
    dataset = open_dataset(tmp_path / "x", tmp_path / "cache", SIZE)
    assert dataset.is_demo
    assert dataset.name == "demo"
