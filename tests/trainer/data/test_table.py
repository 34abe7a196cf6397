"""Tables as people's programs save them."""

from __future__ import annotations

import pytest

from trainer.data.table import Line, TableError, header_of, read_table

ROWS = [Line(2, ["a.png", "Größe"]), Line(4, ["b, c.png", "p2"])]


def saved(delimiter: str = ",", end: str = "\n") -> str:
    quoted = '"b, c.png"'
    return end.join([f" File {delimiter}PHOTOGRAPH", f"a.png{delimiter}Größe", "", f"{quoted}{delimiter}p2", ""])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_every_usual_kind_is_read_alike(encoding: str, end: str, delimiter: str) -> None:
    data = saved(delimiter, end).encode(encoding)
    assert read_table(data) == (["file", "photograph"], ROWS)
    assert header_of(data[: len(data) * 2 // 3]) == ["file", "photograph"]


def test_a_line_within_quotes_counts() -> None:
    assert read_table(b'file,label\n"a\nb.png",x\nc.png,y\n')[1] == [
        Line(2, ["a\nb.png", "x"]),
        Line(4, ["c.png", "y"]),
    ]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("file,label\nGröße.png,x\n".encode("latin-1"), "line 2: not UTF-8 (byte 0xf6); mend it with: iconv"),
        (b"\xff\xfea", "not UTF-16, as its first bytes say"),
        (b"file,label\na.png," + b"x" * 200_000, "line 2: field larger than field limit"),
    ],
)
def test_what_cannot_be_read_is_named(data: bytes, found: str) -> None:
    with pytest.raises(TableError) as refused:
        read_table(data)
    assert found in str(refused.value)


def test_an_empty_table_has_no_columns() -> None:
    assert read_table(b"") == ([], [])
    assert header_of(b"\n\n") == []
