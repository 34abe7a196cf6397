"""Tables that people write beside their images, as Excel and other programs save them: CSV of any usual kind."""

from __future__ import annotations

import csv
import io
from typing import NamedTuple

DELIMITERS = (",", ";", "\t")


class TableError(ValueError):
    """The table cannot be read. The text names the line and what is wrong with it."""


class Line(NamedTuple):
    """A line of a table that is not empty: its number in the file, from 1, and its cells."""

    number: int
    cells: list[str]


def header_of(data: bytes) -> list[str]:
    """The names of the columns, in lower case, from the first bytes of a table, which may end anywhere."""
    text = _decoded(data, "replace")
    try:
        return _names(next(csv.reader([_first_line(text)], delimiter=_delimiter(text)), []))
    except csv.Error:
        return []


def read_table(data: bytes) -> tuple[list[str], list[Line]]:
    """The names of the columns, in lower case, and the lines below them; lines without a word are passed over.

    UTF-8 with or without a byte order mark, or UTF-16 (Excel's "Unicode text"); commas, semicolons or tabs; ends of
    lines of any system.

    Raises:
        TableError: it is in another encoding, or is no CSV.
    """
    try:
        text = _decoded(data, "strict")
    except UnicodeDecodeError as error:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise TableError(f"not UTF-16, as its first bytes say ({error.reason} at byte {error.start})") from None
        line = data.count(b"\n", 0, error.start) + 1
        found = f"line {line}: not UTF-8 (byte {data[error.start]:#04x})"
        raise TableError(f"{found}; mend it with: iconv -f WINDOWS-1252 -t UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    lines: list[Line] = []
    began = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines.append(Line(began, cells))
            began = reader.line_num + 1
    except csv.Error as error:
        raise TableError(f"line {reader.line_num}: {error}") from None
    return _names(lines[0].cells) if lines else [], lines[1:]


def _decoded(data: bytes, errors: str) -> str:
    is_utf_16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = data.decode("utf-16" if is_utf_16 else "utf-8-sig", errors)
    return text if "\n" in text else text.replace("\r", "\n")  # as old programs on the Mac write


def _first_line(text: str) -> str:
    return text.lstrip("\r\n").split("\n", 1)[0].rstrip("\r")


def _delimiter(text: str) -> str:
    first = _first_line(text)
    return max(DELIMITERS, key=first.count)  # of several, the first in their order


def _names(cells: list[str]) -> list[str]:
    return [cell.strip().lower() for cell in cells]
