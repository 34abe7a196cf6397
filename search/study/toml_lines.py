"""On which line of a TOML text each key and each item of a list stands, which `tomllib` does not say.

For messages only: it takes a text that `tomllib` has read, and where it is unsure it says less, never fails.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
    | (?P<string>\"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
    | (?P<newline>\n)
    | (?P<mark>[][{}=,])
    | (?P<bare>[^][{}=,\#"'\s]+)""",
    re.VERBOSE | re.DOTALL,
)


def key_lines(text: str) -> dict[Path, int]:
    """Lines, from 1, by path: ("scientific", "pooling", "levels", 2) is the third item of that list."""
    lines: dict[Path, int] = {}
    table: Path = ()  # the last [header]
    key: list[str] = []  # of the statement now read
    header = False
    open_: list[tuple[str, Path, int]] = []  # brackets in a value: the bracket, its path, the index in it
    value: Path | None = None  # what stands after "=", until it is read

    line, counted = 1, 0
    for token in _TOKEN.finditer(text):
        word, line, counted = token.group(), line + text.count("\n", counted, token.start()), token.start()
        in_list = bool(open_) and open_[-1][0] == "["
        if token.lastgroup == "comment":
            continue
        if token.lastgroup == "newline":
            if header:
                table = tuple(key)
                _record(lines, table, line)
            key, header, value = [], False, None
        elif word == "=" and value is None:
            value = (open_[-1][1] if open_ else table) + tuple(key)
            _record(lines, value, line)
            key = []
        elif word == "[" and not open_ and value is None:
            header = True
        elif header and word == "]":
            continue
        elif word == "," and open_:
            bracket, path, index = open_[-1]
            open_[-1] = (bracket, path, index + 1)
            value = None
        elif word in ("]", "}") and open_:
            open_.pop()
            value = None
        elif value is None and not in_list:
            key += _parts(word)
        else:  # a value, or a bracket that begins one
            if in_list:
                value = (*open_[-1][1], open_[-1][2])
                _record(lines, value, line)
            if word in ("[", "{") and value is not None:
                open_.append((word, value, 0))
            value = None if open_ else value
    if header:
        _record(lines, tuple(key), text.count("\n") + 1)
    return lines


def line_of(lines: dict[Path, int], path: Sequence[str | int]) -> int:
    """The line of a path, or of the nearest thing that it is in."""
    for length in range(len(path), 0, -1):
        if (line := lines.get(tuple(path[:length]))) is not None:
            return line
    return 1


def _record(lines: dict[Path, int], path: Path, line: int) -> None:
    for length in range(1, len(path) + 1):
        lines.setdefault(path[:length], line)


def _parts(word: str) -> list[str]:
    if word[0] not in "\"'":
        return [part for part in word.split(".") if part]
    try:
        return [str(tomllib.loads(f"key = {word}")["key"])]
    except ValueError:
        return [word]
