"""Which reader a folder gets, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.data.layouts.files import refused, touch
from trainer.data import scan
from trainer.data.index import example_image
from trainer.data.layouts import READERS, reader
from trainer.errors import DataError

ALLOWED = (
    "TRAIN/<CLASS>/ and TEST/<CLASS>/ with images, or a folder of images for each class, or a labels.csv with the "
    "columns file and label"
)


def test_the_table_of_readers() -> None:
    assert list(READERS) == ["splits", "classes", "labels.csv"]
    assert all(reader(name) is found and found.name == name for name, found in READERS.items())


def test_an_unknown_reader(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        scan(touch(tmp_path, "A/1.png"), layout="coco")
    assert str(caught.value) == "'coco' is no layout of images; allowed: splits, classes, labels.csv."


def test_a_reader_that_is_asked_for(tmp_path: Path) -> None:
    root = touch(tmp_path, "train/1.png", "test/1.png")
    assert scan(root, layout="classes").class_names == ("test", "train")


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ((), "it is empty"),
        (("1.png", "2.jpeg", "notes.txt"), "it holds 2 images, 1 other file"),
        (("1.png", ".hidden/x"), "it holds 1 image"),
    ],
)
def test_what_was_found_and_what_is_allowed(tmp_path: Path, files: tuple[str, ...], found: str) -> None:
    assert str(refused(touch(tmp_path, *files))) == f"{tmp_path} is no set of images: {found}. Allowed: {ALLOWED}."


def test_empty_folders(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "B").mkdir()
    assert str(refused(tmp_path)) == f"{tmp_path} is no set of images: it holds 2 folders. Allowed: {ALLOWED}."


@pytest.mark.parametrize("inner", ["images", "dataset2-master/dataset2-master/images"])
def test_the_folder_that_was_meant(tmp_path: Path, inner: str) -> None:
    touch(tmp_path, *(f"{inner}/{side}/{name}/1.jpeg" for side in ("TRAIN", "TEST") for name in "AB"))
    assert str(refused(tmp_path)) == (
        f"{tmp_path} is no set of images: it holds 1 folder. Allowed: {ALLOWED}. Did you mean {tmp_path}/{inner}?"
    )


def test_the_folder_with_a_table_that_was_meant(tmp_path: Path) -> None:
    (touch(tmp_path, "set/1.png") / "set" / "labels.csv").write_text("file,label\n1.png,A\n")
    assert f"Did you mean {tmp_path}/set?" in str(refused(tmp_path))


def test_an_example_is_of_the_test_images(tmp_path: Path) -> None:
    root = touch(tmp_path / "set", *(f"{side}/{name}/P/1.png" for side in ("train", "test") for name in "AB"))
    assert example_image(root) == root / "test/A/P/1.png"
    assert example_image(touch(tmp_path / "classes", "A/1.png", "B/1.png")) == tmp_path / "classes/A/1.png"
    assert example_image(tmp_path / "none") is None
