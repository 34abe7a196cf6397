"""Photographs as a user tells them: in a CSV file, or by a pattern that finds them in the files' paths."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from trainer.data.index import shown
from trainer.errors import DataError

BESIDE = "photographs.csv"  # looked for in the folder of images
NAMED = 10  # files that a message names; the others are counted


def from_csv(path: Path, files: Sequence[str]) -> list[str]:
    """The photograph of each file, or its patient where the table has a column `patient`.

    Args:
        path: a CSV file with the columns `file` and `photograph`, or `file` and `patient`; others are ignored. A file
            is named by its path below the folder of images, or by its bare name where no two files share that.
        files: paths below the folder of images, with forward slashes.

    Raises:
        DataError: the table cannot be read, lacks a column, contradicts itself, or has no entry for a file.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")  # line breaks inside quotes stay as they are
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8 ({error.reason} at byte {error.start}).") from error
    rows = list(csv.DictReader(io.StringIO(text), delimiter=_delimiter(text)))
    columns = {name.strip().lower(): name for name in (rows[0] if rows else {}) if name}
    unit = "patient" if "patient" in columns else "photograph"
    if "file" not in columns or unit not in columns:
        found = ", ".join(columns) or "none"
        raise DataError(f"{path} needs the columns file and photograph (or file and patient); found: {found}.")
    known: dict[str, str] = {}
    problems = []
    for line, row in enumerate(rows, 2):
        name = (row[columns["file"]] or "").strip()
        value = (row[columns[unit]] or "").strip()
        if not name or not value:
            problems.append(f"line {line}: no {unit if name else 'file'}; every line needs both")
        elif known.setdefault(name, value) != value:
            problems.append(f"line {line}: {shown(name)} is {shown(value)}, and {shown(known[name])} further up")
    if problems:
        raise DataError(f"{path} cannot be used:", problems[:NAMED] + _more(problems))
    bare = _bare_names(files)
    for name, value in list(known.items()):  # as Windows and `find .` write paths
        known.setdefault(name.replace("\\", "/").removeprefix("./"), value)
    entries = [known.get(file) or known.get(bare.get(file, "")) for file in files]
    lacking = [shown(file) for file, value in zip(files, entries, strict=True) if value is None]
    if lacking:
        raise DataError(
            f"{path} has no entry for {len(lacking):,} of {len(files):,} files; every image needs one (a name below "
            "the folder of images, as `TRAIN/MONOCYTE/a.jpeg`):",
            lacking[:NAMED] + _more(lacking),
        )
    return [str(value) for value in entries]


def from_pattern(pattern: str, files: Sequence[str]) -> list[str]:
    """The photograph of each file: what the one group of `pattern` matches in its path, wherever it stands there.

    Raises:
        DataError: the text is no regular expression, has not one group, or a file does not match.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(
            f"--photographs {pattern}: no such file, and no regular expression ({error}); allowed: a CSV file, a "
            "regular expression with one group as 'patient(\\d+)_', pixels, none."
        ) from error
    if compiled.groups != 1:
        raise DataError(
            f"--photographs {pattern}: no such file, and as a regular expression it has {compiled.groups} groups; "
            "one is needed, around what names the photograph, as in 'patient(\\d+)_'."
        )
    matches = [compiled.search(file) for file in files]
    lacking = [shown(file) for file, match in zip(files, matches, strict=True) if match is None or not match[1]]
    if lacking:
        raise DataError(
            f"--photographs {pattern}: the pattern finds no photograph in {len(lacking):,} of {len(files):,} names:",
            lacking[:NAMED] + _more(lacking),
        )
    return [match[1] for match in matches if match is not None]


def _delimiter(text: str) -> str:
    head = text.split("\n", 1)[0]
    return max(",;\t", key=head.count)


def _bare_names(files: Sequence[str]) -> dict[str, str]:
    """The last part of each path, where no other file has the same."""
    names = [PurePosixPath(file).name for file in files]
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    return {file: name for file, name in zip(files, names, strict=True) if seen[name] == 1}


def _more(lines: Sequence[str]) -> list[str]:
    return [f"... and {len(lines) - NAMED:,} more"] if len(lines) > NAMED else []
