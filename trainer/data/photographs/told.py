"""Photographs as a user tells them: in a CSV file, or by a pattern that finds them in the files' paths."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from trainer.data.index import shown
from trainer.data.table import Line, TableError, read_table
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
    header, rows = _rows(path)
    columns = {name: header.index(name) for name in ("file", "photograph", "patient") if name in header}
    unit = "patient" if "patient" in columns else "photograph"
    if "file" not in columns or unit not in columns:
        found = ", ".join(map(shown, filter(None, header))) or "none"
        raise DataError(f"{path} needs the columns file and photograph (or file and patient); found: {found}.")
    if doubled := [name for name in columns if header.count(name) > 1]:
        raise DataError(f"{path} has more than one column {' and '.join(doubled)}; keep one of each.")
    if not rows:
        raise DataError(f"{path} has no lines below its first; every image needs one.")
    known: dict[str, str] = {}
    problems = []
    for line, row in rows:
        written, value = (row[place] if place < len(row) else "" for place in (columns["file"], columns[unit]))
        value = value.strip()
        if not written.strip() or not value:
            problems.append(f"line {line}: no {unit if written.strip() else 'file'}; every line needs both")
            continue
        for name in _spellings(written):  # of two lines on one file, both count
            if known.setdefault(name, value) != value:
                problems.append(f"line {line}: {shown(name)} is {shown(value)}, and {shown(known[name])} further up")
                break
    if problems:
        raise DataError(f"{path} cannot be used:", problems[:NAMED] + _more(problems))
    bare = _bare_names(files)
    entries = [_entry(known, file) or _entry(known, bare.get(file, "")) for file in files]
    lacking = [shown(file) for file, value in zip(files, entries, strict=True) if value is None]
    if lacking:
        raise DataError(
            f"{path} has no entry for {len(lacking):,} of {len(files):,} files; every image needs one (a name below "
            "the folder of images, as `TRAIN/MONOCYTE/a.jpeg`):",
            lacking[:NAMED] + _more(lacking),
        )
    return [str(value) for value in entries]


def table_path(rule: str) -> Path | None:
    """The file that `--photographs` names; None where it names none, and so is a pattern or a word."""
    try:
        path = Path(rule).expanduser()
        return path if path.is_file() else None
    except (OSError, RuntimeError, ValueError):  # longer than a path can be, or `~` before what is no user
        return None


def table_beside(root: Path) -> Path | None:
    """The table in the folder of images, its name in any case; None where there is none.

    Raises:
        DataError: there is a link of that name to nothing.
    """
    found = sorted(path for path in root.iterdir() if path.name.lower() == BESIDE and not path.is_dir())
    if found and not found[0].exists():
        raise DataError(f"{found[0]} is a link to nothing; mend it, or remove it.")
    return found[0] if found else None


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


def _rows(path: Path) -> tuple[list[str], list[Line]]:
    """The names of the columns in lower case, and the other lines; empty lines are passed over."""
    try:
        return read_table(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except TableError as error:
        raise DataError(f"{path} cannot be used: {error}.") from error


def _spellings(written: str) -> list[str]:
    """A file's name as it is written, and as it may be meant: without spaces around it, as Windows and `find .` write.

    Names in Unicode have several forms; tables and disks differ in them (macOS writes accents apart from letters).
    """
    names = [written, written.strip()]
    names += [name.replace("\\", "/").removeprefix("./") for name in names]
    names += [unicodedata.normalize("NFC", name) for name in names]
    return list(dict.fromkeys(names))


def _entry(known: Mapping[str, str], file: str) -> str | None:
    return known.get(file) or known.get(unicodedata.normalize("NFC", file))


def _bare_names(files: Sequence[str]) -> dict[str, str]:
    """The last part of each path, where no other file has the same."""
    names = [PurePosixPath(file).name for file in files]
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    return {file: name for file, name in zip(files, names, strict=True) if seen[name] == 1}


def _more(lines: Sequence[str]) -> list[str]:
    return [f"... and {len(lines) - NAMED:,} more"] if len(lines) > NAMED else []
