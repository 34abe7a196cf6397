from __future__ import annotations

from pathlib import Path

import pytest

from trainer.data.photographs.told import from_csv, from_pattern, table_beside, table_path
from trainer.errors import DataError

FILES = ("TEST/A/c.png", "TRAIN/A/a.png", "TRAIN/B/b.png")


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "my photographs.csv"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        "file,photograph\nTEST/A/c.png,p3\nTRAIN/A/a.png,p1\nTRAIN/B/b.png,p1\n",
        "\ufefffile;photograph;note\r\nTEST/A/c.png;p3;x\r\nTRAIN\\A\\a.png; p1 ;\r\n./TRAIN/B/b.png;p1;\r\n",
        "Photograph\tFile\np3\tc.png\np1\ta.png\np1\tb.png\n",
        "file,photograph,patient\nTEST/A/c.png,x,p3\nTRAIN/A/a.png,y,p1\nTRAIN/B/b.png,z,p1\n",
        "file,photograph\rTEST/A/c.png,p3\rTRAIN/A/a.png,p1\rTRAIN/B/b.png,p1\r",
        "\r\n\nfile,photograph\n\nTEST/A/c.png,p3\nTRAIN/A/a.png,p1\n,\nTRAIN/B/b.png,p1\n",
    ],
    ids=["plain", "as Excel writes it", "tabs and bare names", "the patient wins", "an old Mac's", "empty lines"],
)
def test_a_table_tells(tmp_path: Path, text: str) -> None:
    assert from_csv(table(tmp_path, text), FILES) == ["p3", "p1", "p1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name,photograph\nx,y\n",
            "needs the columns file and photograph (or file and patient); found: name, photograph.",
        ),
        ("", "needs the columns file and photograph (or file and patient); found: none."),
        ("file,photograph\n", "has no lines below its first; every image needs one."),
        ("file,photograph,photograph\nx,y,z\n", "has more than one column photograph; keep one of each."),
        (f"file,photograph\n{'x' * 140_000},y\n", "cannot be used: line 2: field larger than field limit (131072)."),
        ("file,photograph\nx,1\n\nx\\y,2\nx/y,3\n", "cannot be used:\n  line 5: x/y is 3, and 2 further up"),
        (
            "file,photograph\nTEST/A/c.png,\n,p1\n",
            "cannot be used:\n  line 2: no photograph; every line needs both\n  line 3: no file; every line needs both",
        ),
        (
            "file,photograph\na.png,p1\nb.png,p1\nc.png,p1\nb.png,p2\n",
            "cannot be used:\n  line 5: b.png is p2, and p1 further up",
        ),
        (
            "file,photograph\na.png,p1\n",
            "has no entry for 2 of 3 files; every image needs one (a name below the folder of images, as "
            "`TRAIN/MONOCYTE/a.jpeg`):\n  TEST/A/c.png\n  TRAIN/B/b.png",
        ),
    ],
)
def test_a_table_that_does_not(tmp_path: Path, text: str, message: str) -> None:
    path = table(tmp_path, text)
    with pytest.raises(DataError) as caught:
        from_csv(path, FILES)
    assert str(caught.value) == f"{path} {message}"


def test_a_table_in_utf_16_tells(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("file\tphotograph\r\nc.png\tp3\r\na.png\tp1\r\nb.png\tp1\r\n".encode("utf-16"))
    assert from_csv(path, FILES) == ["p3", "p1", "p1"]


def test_names_with_spaces_around_them_and_accents_apart_are_found(tmp_path: Path) -> None:
    files = ["TRAIN/A/ a.png ", "TRAIN/A/e\u0301.png"]
    assert from_csv(table(tmp_path, "file,photograph\nTRAIN/A/ a.png ,1\nTRAIN/A/\u00e9.png,2\n"), files) == ["1", "2"]


@pytest.mark.parametrize("rule", ["~nobody-of-that-name(x)", "(" + "a" * 300 + ")", "nothing.csv", "a\0b"])
def test_what_is_no_path_names_no_table(rule: str) -> None:
    assert table_path(rule) is None


def test_the_table_in_the_folder_is_found_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "photographs.csv").mkdir()
    assert table_beside(tmp_path) is None
    (tmp_path / "Photographs.CSV").write_text("file,photograph\n")
    assert table_beside(tmp_path) == tmp_path / "Photographs.CSV"


def test_a_table_in_the_folder_that_is_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photographs.csv").symlink_to(tmp_path / "moved.csv")
    with pytest.raises(DataError, match=r"photographs\.csv is a link to nothing; mend it, or remove it"):
        table_beside(tmp_path)


def test_a_table_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"file,photograph\n\xff\xfe,1\n")
    with pytest.raises(
        DataError, match=r"cannot be used: line 2: not UTF-8 \(byte 0x[0-9a-f]{2}\); mend it with: iconv"
    ):
        from_csv(path, FILES)


def test_a_bare_name_that_two_files_share_tells_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no entry for 2 of 2 files"):
        from_csv(table(tmp_path, "file,photograph\na.png,p1\n"), ["TRAIN/A/a.png", "TRAIN/B/a.png"])


def test_many_missing_files_are_counted(tmp_path: Path) -> None:
    files = [f"TRAIN/A/{number:02d}.png" for number in range(14)]
    with pytest.raises(DataError) as caught:
        from_csv(table(tmp_path, "file,photograph\nx,1\n"), files)
    assert caught.value.problems == [*files[:10], "... and 4 more"]


def test_a_pattern_tells() -> None:
    files = ["TRAIN/A/patient7_cell1.png", "TRAIN/B/patient7_cell2.png", "TEST/A/patient12_cell1.png"]
    assert from_pattern(r"patient(\d+)_", files) == ["7", "7", "12"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            r"patient\d+_",
            "no such file, and as a regular expression it has 0 groups; one is needed, around what names the "
            "photograph, as in 'patient(\\d+)_'.",
        ),
        (r"(a)(b)", "no such file, and as a regular expression it has 2 groups; one is needed"),
        (
            r"patient(",
            "no such file, and no regular expression (missing ), unterminated subpattern at position 7); allowed:",
        ),
    ],
)
def test_a_pattern_that_is_none(pattern: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        from_pattern(pattern, FILES)
    assert str(caught.value).startswith(f"--photographs {pattern}: {message}")


def test_a_pattern_that_some_names_lack() -> None:
    with pytest.raises(DataError) as caught:
        from_pattern(r"TRAIN/(.)", FILES)
    assert str(caught.value) == (
        "--photographs TRAIN/(.): the pattern finds no photograph in 1 of 3 names:\n  TEST/A/c.png"
    )
