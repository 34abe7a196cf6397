"""A table beside the images."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.data.layouts.files import refused, rows, touch
from trainer.data import scan

SIMPLE = {"one.png": ("", "A", ""), "sub/two.png": ("", "B", "")}


def table(root: Path, *lines: str, name: str = "labels.csv", encoding: str = "utf-8") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("\n".join(lines) + "\n", encoding)
    return root


def problems(root: Path) -> list[str]:
    return refused(root).problems


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("name", "encoding", "header"),
    [
        ("labels.csv", "utf-8", "file,label"),
        ("Labels.CSV", "utf-8-sig", "FILE,Label"),
        ("labels.csv", "utf-16", "File,LABEL"),
    ],
)
def test_the_forms_of_a_table(tmp_path: Path, mark: str, name: str, encoding: str, header: str) -> None:
    lines = [line.replace(",", mark) for line in (header, "one.png,A", "", '"sub/two.png", B ')]
    root = touch(table(tmp_path / "set", *lines, name=name, encoding=encoding), *SIMPLE)
    index = scan(root)
    assert rows(index) == SIMPLE
    assert (index.layout, index.told_by) == ("labels.csv", "")
    assert index.notes == (f"{name} names no splits: the images are split here.",)


@pytest.mark.parametrize(
    "file", ["sub/two.png", "./sub/two.png", "sub\\two.png", "two.png", "TWO.PNG", "two", "{root}/sub/two.png"]
)
def test_the_ways_to_name_a_file(tmp_path: Path, file: str) -> None:
    root = tmp_path / "set"
    table(root, "file,label", "one.png,A", f"{file.format(root=root)},B")
    assert rows(scan(touch(root, *SIMPLE))) == SIMPLE


def test_splits_and_photographs(tmp_path: Path) -> None:
    root = table(
        tmp_path,
        "split,file,label,photograph,remark",
        *("train,1.png,A,p1,x", "Training,2.png,B,p1,", "VALID,3.png,A,p2,", "val,4.png,B,,"),
        *("test,5.png,A,p3,", "TESTING,6.png,B,p4,"),
    )
    index = scan(touch(root, *(f"{n}.png" for n in range(1, 7))))
    assert rows(index) == {
        "1.png": ("TRAIN", "A", "p1"),
        "2.png": ("TRAIN", "B", "p1"),
        "3.png": ("VAL", "A", "p2"),
        "4.png": ("VAL", "B", ""),
        "5.png": ("TEST", "A", "p3"),
        "6.png": ("TEST", "B", "p4"),
    }
    assert index.told_by == "labels.csv"
    assert index.notes == (
        "The images with the split val in labels.csv are kept as the one set to validate on.",
        "labels.csv tells 4 photographs.",
        "1 of its rows tells none.",
    )


def test_the_patient_wins(tmp_path: Path) -> None:
    root = table(tmp_path, "file,label,photograph,patient", "1.png,A,7,P", "2.png,B,8,P", "3.png,B,P,", "4.png,A,,")
    index = scan(touch(root, *(f"{n}.png" for n in range(1, 5))))
    assert index.told == ("P", "P", "photograph P", "")
    assert index.notes[1:] == ("labels.csv tells 2 patients.", "1 of its rows tells none.")


def test_every_mistake_with_its_line(tmp_path: Path) -> None:
    root = table(
        tmp_path / "set",
        "file,label,split,patient",
        *("a.png,A,train,1", "b.png,B,test,2", "gone.png,A,train,3", "c.png,,train,1", "d.png,B,learn,1"),
        *(
            "e.png,A,,1",
            "a.png,B,test,1",
            "b.png,B,Testing,2",
            ",B,train,1",
            "twice.png,A,train,1",
            "../x.png,A,train,1",
        ),
    )
    touch(root, *(f"{letter}.png" for letter in "abcde"), "left/twice.png", "right/twice.png", "notes.txt")
    assert problems(root) == [
        f"labels.csv, line 4: gone.png is not there; a path below {root} is needed",
        "labels.csv, line 5: c.png has no label; a class is needed",
        "labels.csv, line 6: d.png has the split 'learn'; allowed: train, val, test",
        "labels.csv, line 7: e.png has no split; allowed: train, val, test",
        "labels.csv, line 8: a.png has the label B, but A in line 2; keep one row for each file",
        "labels.csv, line 8: a.png has the split test, but train in line 2; keep one row for each file",
        "labels.csv, line 10: no file; a path below the folder is needed",
        "labels.csv, line 11: twice.png is the name of 2 files (left/twice.png, right/twice.png); "
        "write the path below the folder",
        f"labels.csv, line 12: ../x.png is not there; a path below {root} is needed",
        "left/twice.png: no row in labels.csv; add one, or move the file out of the folder",
        "right/twice.png: no row in labels.csv; add one, or move the file out of the folder",
    ]


def test_a_missing_column(tmp_path: Path) -> None:
    root = touch(table(tmp_path, "Image,Category", "1,A"), "1.png")
    assert problems(root) == [
        "labels.csv, line 1: no column file and no column label (found: image, category); needed: file, label; "
        "allowed too: split, photograph, patient. Rename the columns in its first line"
    ]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["file,label,label", "1.png,A,B"], "labels.csv, line 1: more than one column label; keep one of each"),
        (["file,label"], "labels.csv: no rows below its first line; one for each image is needed"),
        (
            ["", ""],
            "labels.csv, line 1: no column file and no column label (found: nothing); needed: file, label; "
            "allowed too: split, photograph, patient. Rename the columns in its first line",
        ),
    ],
)
def test_tables_that_say_nothing(tmp_path: Path, lines: list[str], problem: str) -> None:
    assert problems(touch(table(tmp_path, *lines), "1.png")) == [problem]


def test_a_table_that_is_no_utf8(tmp_path: Path) -> None:
    root = touch(table(tmp_path, "file,label", "1.png,größer", encoding="latin-1"), "1.png")
    assert problems(root) == ["labels.csv, line 2: not UTF-8 (byte 0xf6); mend it with: iconv -f WINDOWS-1252 -t UTF-8"]


def test_a_split_that_no_row_has(tmp_path: Path) -> None:
    root = table(tmp_path, "file,label,split", "1.png,A,train", "2.png,B,train")
    assert problems(touch(root, "1.png", "2.png"))[0] == (
        "labels.csv: no row has the split test; train and test are needed. Without the column split the images "
        "are split here"
    )


def test_a_table_of_something_else_beside_splits(tmp_path: Path) -> None:
    root = touch(tmp_path, *(f"{side}/{name}/1.png" for side in ("TRAIN", "TEST") for name in "AB"))
    table(root, "Image,Category", "1,A")
    assert scan(root).layout == "splits"
    table(root, "file,label", *(f"{side}/{name}/1.png,{name}" for side in ("TRAIN", "TEST") for name in "AB"))
    assert scan(root).layout == "labels.csv"


def test_a_quoted_line_break_keeps_the_count_of_lines(tmp_path: Path) -> None:
    root = table(tmp_path, "file,label,remark", '1.png,A,"two', 'lines"', "2.png,B,", "gone.png,B,")
    touch(root, "1.png", "2.png")
    assert problems(root) == [f"labels.csv, line 5: gone.png is not there; a path below {tmp_path} is needed"]


def test_classes_that_differ_between_splits(tmp_path: Path) -> None:
    root = table(tmp_path, "file,label,split", "1.png,A,train", "2.png,B,train", "3.png,B,test")
    assert problems(touch(root, "1.png", "2.png", "3.png")) == [
        "test: no row for A, which train has; both must have the same classes"
    ]
