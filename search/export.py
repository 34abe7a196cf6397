"""Writes what a study found as tables, for R, pandas, a spreadsheet or a paper's supplement.

    python -m search.export --study pooling pooling-tables                  CSV files
    python -m search.export --study pooling --format parquet DIR            the same for pandas, Polars, DuckDB

DIR gets a file a table, columns.csv, which says what every column means and in which unit, and answer.json, the whole
answer in one document. Tables: trials (settings, state, measures, costs, machine), epochs, predictions (a photograph a
row), levels (with intervals), comparisons (difference, interval, p, verdict), in their place effects where a study
crosses two parameters. A study may still be running.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from search.commands import ExitStatus, add_runs_option, ended, new_parser
from search.errors import SettingsError, StorageError
from search.settings import Places

if TYPE_CHECKING:
    import pandas as pd

    from search.api.answer import StudyAnswer

FORMATS = ("csv", "json", "parquet")
ANSWER, COLUMNS = "answer.json", "columns.csv"
SHOWN = 3  # names of files in the way that a message lists


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = new_parser("export", __doc__)
    result.add_argument("folder", type=Path, metavar="DIR", help="where to; it appears whole or not at all")
    result.add_argument("--study", required=True, metavar="NAME", help="one that was begun")
    result.add_argument("--format", choices=FORMATS, default="csv", help="of the tables (default: csv)")
    result.add_argument(
        "--force", action="store_true", help="write into a folder that has files; those of the same names are replaced"
    )
    add_runs_option(result)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0, or 2 for bad input."""
    args = parser().parse_args(argv)
    return ended(lambda: _main(args))


def _main(args: argparse.Namespace) -> int:
    _check_folder(args.folder, force=args.force)
    if args.format == "parquet" and find_spec("pyarrow") is None:
        raise SettingsError("--format parquet needs pyarrow, which is not installed: pip install pyarrow")
    from search.answer import answer_of, find  # NumPy, SciPy and pandas: not for --help
    from search.api.conversion import study_answer

    found = find(args.study, Places.of(args.runs))
    if not found.records:
        raise SettingsError(f"--study {args.study}: no trial of {found.name} has begun, so there is nothing to export")
    names = export(study_answer(answer_of(found)), args.folder, args.format)
    print(f"{found.name}: {found.progress} have ended")
    for name, rows in names.items():
        print(f"  {args.folder / name}" + (f"  ({rows:,} row{'' if rows == 1 else 's'})" if rows is not None else ""))
    return ExitStatus.DONE


def export(answer: StudyAnswer, folder: Path, form: str = "csv") -> dict[str, int | None]:
    """Writes the files. A new folder appears whole or not at all; in one that is there, each file does.

    Returns:
        The names of the files, with how many rows they have.

    Raises:
        StorageError: the disk refuses.
    """
    from search.api.dictionary import dictionary

    tables = answer.tables()
    target = folder.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror or error}") from None
    names: dict[str, int | None] = {}
    try:
        for table, rows in tables.items():
            name = f"{table}.{form}"
            WRITERS[form](rows, partial / name)
            names[name] = len(rows)
        _csv(dictionary(tables, answer.class_names), partial / COLUMNS)
        text = json.dumps(answer.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        (partial / ANSWER).write_text(f"{text}\n", encoding="utf-8")
        names |= {COLUMNS: None, ANSWER: None}
        _move(partial, target)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return names


def _check_folder(folder: Path, *, force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"{folder}: this is a file; name a folder, new or empty")
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if there and not force:
        more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
        raise SettingsError(
            f"{folder}: there are files in this folder ({', '.join(there[:SHOWN])}{more}). Name a new or an empty one, "
            "or write into it with --force: files of the same names are replaced, others stay."
        )


def _move(partial: Path, target: Path) -> None:
    if target.is_dir() and any(target.iterdir()):
        for path in partial.iterdir():
            path.replace(target / path.name)
        return
    umask = os.umask(0)
    os.umask(umask)
    partial.chmod(0o777 & ~umask)  # a temporary folder is its owner's alone
    partial.replace(target)


def _csv(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _json(table: pd.DataFrame, path: Path) -> None:
    plain = table.astype(object).where(table.notna(), None)
    text = json.dumps(plain.to_dict("records"), indent=1, ensure_ascii=False, default=lambda value: value.isoformat())
    path.write_text(f"{text}\n", encoding="utf-8")


def _parquet(table: pd.DataFrame, path: Path) -> None:
    table.to_parquet(path, index=False, engine="pyarrow")


WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {"csv": _csv, "json": _json, "parquet": _parquet}


if __name__ == "__main__":
    sys.exit(main())
