from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.trainer.data.sets import CLASSES, write_set
from trainer.data import index as index_module
from trainer.data import scan
from trainer.errors import DataError


def refused(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        scan(root)
    return str(caught.value)


def test_lists_files_classes_splits_and_photographs(tmp_path: Path) -> None:
    root = write_set(tmp_path / "my cells")
    index = scan(root)
    assert index.name == "my cells"
    assert index.root == root
    assert not index.is_demo
    assert index.class_names == CLASSES
    assert list(index.files) == sorted(index.files)
    assert index.files[0] == "TEST/EOSINOPHIL/_0_0.jpeg"
    assert index.photos[0] == "TEST/EOSINOPHIL/_0"
    assert index.sides[0] == "TEST"
    assert index.labels[0] == 0
    assert index.labels[-1] == 1
    first = (root / index.files[0]).stat()
    assert (index.sizes[0], index.mtimes_ns[0]) == (first.st_size, first.st_mtime_ns)
    assert len(index.files) == 2 * (3 + 1) * 2
    assert len(set(index.photos)) == 2 * (3 + 1)


def test_a_photograph_is_known_by_split_class_and_number(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set")
    for name in ("cell.png", "_7_1.JPG", "_7_2.jpg", "_7.jpeg", "x_7_1.jpeg", "_7_1_2.jpeg", "_a_1.jpeg"):
        (root / "TRAIN" / "EOSINOPHIL" / name).write_bytes(b"x")
    index = scan(root)
    photos = dict(zip(index.files, index.photos, strict=True))
    folder = "TRAIN/EOSINOPHIL"
    assert photos[f"{folder}/_7_1.JPG"] == photos[f"{folder}/_7_2.jpg"] == f"{folder}/_7"
    for alone in ("cell.png", "_7.jpeg", "x_7_1.jpeg", "_7_1_2.jpeg", "_a_1.jpeg"):
        assert photos[f"{folder}/{alone}"] == f"{folder}/{alone}"


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

    monkeypatch.setattr(index_module.os, "scandir", Shuffled)
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
    assert refused(tmp_path / "none") == (
        f"{tmp_path}/none does not exist; a folder with TRAIN/<CLASS>/ and TEST/<CLASS>/ is needed."
    )
    (tmp_path / "file").write_text("x")
    assert "is a file" in refused(tmp_path / "file")


def test_without_train_or_test_the_right_folder_is_proposed(tmp_path: Path) -> None:
    inner = write_set(tmp_path / "dataset2-master" / "dataset2-master" / "images")
    assert refused(tmp_path) == (
        f"{tmp_path} has no folder TRAIN and no folder TEST; TRAIN/<CLASS>/ and TEST/<CLASS>/ are needed. "
        f"Did you mean {inner}?"
    )
    (tmp_path / "half" / "TRAIN").mkdir(parents=True)
    assert refused(tmp_path / "half").endswith("has no folder TEST; TRAIN/<CLASS>/ and TEST/<CLASS>/ are needed.")


def test_all_problems_of_the_layout_are_told_at_once(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", classes=("A", "B", "C"))
    write_set(root, {"TRAIN": 1}, classes=("few photos",), copies=5)
    (root / "TEST" / "only here").mkdir()
    for file in (root / "TEST" / "B").iterdir():
        file.unlink()
    (root / "TRAIN" / "C" / "more").mkdir()
    (root / "TRAIN" / "lost.PNG").write_bytes(b"x")
    message = refused(root)
    assert message.splitlines()[0] == f"{root} cannot be used as a set of images: 7 problems."
    assert {line.strip() for line in message.splitlines()[1:]} == {
        "TRAIN: no folder for only here, which TEST has; both must have the same classes",
        "TEST: no folder for few photos, which TRAIN has; both must have the same classes",
        "TEST/B: no images; at least 1 is needed",
        "TEST/only here: no images; at least 1 is needed",
        "TRAIN/few photos: 1 photograph; at least 2 are needed, one to train and one to validate",
        "TRAIN/C/more: a folder inside a class folder; allowed: images directly in TRAIN/C",
        "TRAIN/lost.PNG: an image outside a class folder; allowed: TRAIN/<CLASS>/<image>",
    }


@pytest.mark.parametrize(("classes", "found"), [((), "0 class (none)"), (("A",), "1 class (A)")])
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
