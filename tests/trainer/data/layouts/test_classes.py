"""A folder for each class, without splits."""

from __future__ import annotations

from pathlib import Path

from tests.trainer.data.layouts.files import refused, rows, touch
from trainer.data import scan


def test_a_folder_of_classes(tmp_path: Path) -> None:
    root = touch(tmp_path / "cells", "A/1.png", "A/2.tif", "B/1.bmp", "README.md", "photographs.csv")
    index = scan(root)
    assert index.layout == "classes"
    assert rows(index) == {"A/1.png": ("", "A", ""), "A/2.tif": ("", "A", ""), "B/1.bmp": ("", "B", "")}
    assert index.notes == ("The folders name no splits: the images are split here.",)


def test_patients_in_classes(tmp_path: Path) -> None:
    index = scan(touch(tmp_path, "A/P1/1.png", "A/P2/1.png", "B/P3/day 1/1.png"))
    assert (index.layout, index.told, index.told_by) == ("classes", ("P1", "P2", "P3"), "folders")
    assert index.notes[1] == "The 3 folders inside the class folders are taken as patients."


def test_a_class_may_be_called_test(tmp_path: Path) -> None:
    index = scan(touch(tmp_path, "control/1.png", "test/1.png"))
    assert (index.layout, index.class_names) == ("classes", ("control", "test"))


def test_mistakes(tmp_path: Path) -> None:
    root = touch(tmp_path, "A/1.png", "lost.webp")
    (root / "B").mkdir()
    assert refused(root).problems == [
        "lost.webp: an image outside a class folder; allowed: <CLASS>/<image>",
        "B: no images; at least 1 is needed",
    ]


def test_a_folder_that_was_packed_once_more(tmp_path: Path) -> None:
    touch(tmp_path, "images/A/1.png", "images/B/1.png")
    error = refused(tmp_path)
    assert error.summary == f"{tmp_path} cannot be used as a set of images: 1 problem. Did you mean {tmp_path}/images?"
    assert error.problems == ["1 class (images); at least 2 are needed"]


def test_a_folder_that_was_packed_twice(tmp_path: Path) -> None:
    touch(tmp_path, "a/b/A/1.png", "a/b/B/1.png")
    assert f"Did you mean {tmp_path}/a/b?" in refused(tmp_path).summary
