from __future__ import annotations

import dataclasses
import os
import random
from pathlib import Path

import pytest

from tests.trainer.data.layouts.files import touch
from tests.trainer.data.sets import CLASSES, write_set
from trainer.data import scan
from trainer.data.index import Side, class_problems
from trainer.data.layouts import allowed
from trainer.errors import DataError


def refused(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        scan(root)
    return str(caught.value)


def test_lists_files_classes_and_splits(tmp_path: Path) -> None:
    root = write_set(tmp_path / "my cells")
    index = scan(root)
    assert index.name == "my cells"
    assert index.root == root
    assert not index.is_demo
    assert index.class_names == CLASSES
    assert list(index.files) == sorted(index.files)
    assert index.files[0] == "TEST/EOSINOPHIL/_0_0.jpeg"
    assert index.sides[0] == "TEST"
    assert index.labels[0] == 0
    assert index.labels[-1] == 1
    first = (root / index.files[0]).stat()
    assert (index.sizes[0], index.mtimes_ns[0]) == (first.st_size, first.st_mtime_ns)
    assert len(index.files) == 2 * (3 + 1) * 2
    assert index.photos == index.files  # listing cannot know photographs
    assert (index.told, index.told_by, index.layout, index.notes) == (("",) * 16, "", "splits", ())


def test_a_subset_keeps_what_belongs_together(tmp_path: Path) -> None:
    root = touch(tmp_path, "A/P1/1.png", "A/P2/1.png", "B/P3/1.png")
    part = scan(root).subset([0, 2])
    assert (part.files, part.labels, part.told) == (("A/P1/1.png", "B/P3/1.png"), (0, 1), ("P1", "P3"))
    assert part.notes == scan(root).notes


@pytest.mark.parametrize(
    ("sides", "problems"),
    [
        (
            {"TRAIN": 1, "TEST": 0},
            [
                "TRAIN/A: 1 photograph; at least 2 are needed, one to train and one to validate",
                "TEST/A: no images; at least 1 is needed",
            ],
        ),
        ({"TRAIN": 1, "VAL": 0, "TEST": 1}, ["VAL/A: no images; at least 1 is needed"]),
        ({"": 2}, ["A: 2 photographs; at least 3 are needed, one each to train, to validate and to test"]),
    ],
)
def test_classes_with_too_few_photographs(tmp_path: Path, sides: dict[Side, int], problems: list[str]) -> None:
    rows = [(side, 0, f"{side} A {n}") for side, count in sides.items() for n in range(count)]
    rows += [(side, 1, f"{side} B {n}") for side in sides for n in range(3)]
    index = dataclasses.replace(
        scan(touch(tmp_path, "A/1.png", "B/1.png")),
        sides=tuple(row[0] for row in rows),
        labels=tuple(row[1] for row in rows),
        photos=tuple(row[2] for row in rows),
    )
    assert class_problems(index) == problems


def test_the_order_of_listing_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_set(tmp_path / "set")
    usual = scan(root)
    listing = os.scandir

    class Shuffled:
        def __init__(self, folder: Path) -> None:
            with listing(folder) as entries:
                self.entries = list(entries)
            random.Random(1).shuffle(self.entries)

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Shuffled)
    assert scan(root) == usual


def test_hidden_and_system_files_are_ignored(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    usual = scan(root)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._photo.jpeg"):
        (root / "TRAIN" / "EOSINOPHIL" / name).write_bytes(b"x")
    (root / "TRAIN" / ".ipynb_checkpoints").mkdir()
    (root / "TRAIN" / "EOSINOPHIL" / ".hidden").mkdir()
    (root / "TRAIN" / "labels.csv").write_text("a,b")
    (root / "README.md").write_text("about")
    assert scan(root) == usual


def test_no_such_folder(tmp_path: Path) -> None:
    assert refused(tmp_path / "none") == (f"{tmp_path}/none does not exist; it should hold {allowed()}.")
    (tmp_path / "file").write_text("x")
    assert "is a file" in refused(tmp_path / "file")


def test_all_problems_of_the_layout_are_told_at_once(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", classes=("A", "B", "C"))
    write_set(root, {"TRAIN": 1}, classes=("few photos",), copies=5)
    (root / "TEST" / "only here").mkdir()
    for file in (root / "TEST" / "B").iterdir():
        file.unlink()
    (root / "TRAIN" / "C" / "more").mkdir()
    (root / "TRAIN" / "lost.PNG").write_bytes(b"x")
    message = refused(root)
    assert message.splitlines()[0] == f"{root} cannot be used as a set of images: 5 problems."
    assert {line.strip() for line in message.splitlines()[1:]} == {
        "TRAIN: no folder for only here, which TEST has; both must have the same classes",
        "TEST: no folder for few photos, which TRAIN has; both must have the same classes",
        "TEST/B: no images; at least 1 is needed",
        "TEST/only here: no images; at least 1 is needed",
        "TRAIN/lost.PNG: an image outside a class folder; allowed: TRAIN/<CLASS>/<image>",
    }


@pytest.mark.parametrize(("classes", "found"), [((), "0 classes (none)"), (("A",), "1 class (A)")])
def test_fewer_than_two_classes(tmp_path: Path, classes: tuple[str, ...], found: str) -> None:
    for side in ("TRAIN", "TEST"):
        (tmp_path / side).mkdir()
    root = write_set(tmp_path / "set", classes=classes) if classes else tmp_path
    assert f"{found}; at least 2 are needed" in refused(root)


def test_a_name_that_is_no_utf8_is_told_escaped(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    try:
        (root / "TRAIN" / "EOSINOPHIL" / os.fsdecode(b"caf\xe9.jpeg")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert "'TRAIN/EOSINOPHIL/caf\\udce9.jpeg': the name is not UTF-8; rename it" in refused(root)


def test_a_name_with_a_line_break_stays_on_its_line(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    (root / "TRAIN" / "two\nlines").mkdir()
    assert "TEST: no folder for 'two\\nlines', which TRAIN has" in refused(root)


def test_the_listing_opens_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_set(tmp_path / "set")

    def no_open(*arguments: object, **named: object) -> None:
        raise AssertionError(f"opened {arguments}")

    monkeypatch.setattr("builtins.open", no_open)
    monkeypatch.setattr(Path, "open", no_open)
    scan(root)
