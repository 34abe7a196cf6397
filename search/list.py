"""All studies and their state.

python -m search.list
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from search.commands import ExitStatus, add_runs_option, ended, new_console, new_parser
from search.errors import SearchError
from search.folder.load import recorded
from search.folder.lock import holder_of
from search.folder.manifest import read_manifest, study_folders
from search.folder.record import DataInfo, StudyRecord
from search.settings import Places
from search.study import Study
from search.study.design import is_at_most, trial_count
from search.study.toml_file import load_study, study_names


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = new_parser("list", __doc__)
    add_runs_option(result)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status."""
    args = parser().parse_args(argv)
    return ended(lambda: _main(Places.of(args.runs)))


def _main(places: Places) -> int:
    table, problems = _table(places)
    new_console().print(table)
    for problem in problems:
        print(problem, file=sys.stderr)
    return ExitStatus.BAD_INPUT if problems else ExitStatus.DONE


def _table(places: Places) -> tuple[Table, list[SearchError]]:
    """The table, and what keeps studies out of it."""
    table = Table(title=f"Studies in {places.runs}", title_justify="left")
    for column in ("study", "trials", "complete", "failed", "state", "images", "question"):
        table.add_column(column, justify="right" if column in ("trials", "complete", "failed") else "left")
    begun, problems = set(), []
    for folder in study_folders(places).values():
        try:
            manifest = read_manifest(folder)
            if manifest is None:
                continue
            study, record = manifest.study, manifest.record
            begun.add(study.name)
            table.add_row(record.name, *_state(folder, study, record), _images(record.data), study.question)
        except SearchError as error:
            problems.append(error)
    for name in study_names():
        if name not in begun:
            study = load_study(name)
            table.add_row(name, _planned(study), "", "", "not begun", "", study.question, style="dim")
    return table, problems


def _state(folder: Path, study: Study, record: StudyRecord) -> tuple[str, str, str, str]:
    found = recorded(folder)
    counts = Counter(record.state for record in found.records if record.terminal)
    total = trial_count(study, dict(record.left), found.results)
    over = counts["COMPLETE"] + counts["FAIL"] + counts["PRUNED"]
    holder = holder_of(folder)
    state = f"running ({holder})" if holder else "finished" if over >= total else "stopped"
    most = "at most " if is_at_most(study, dict(record.left), found.results) else ""
    return f"{most}{total}", str(counts["COMPLETE"]), str(counts["FAIL"] + counts["PRUNED"]), state


def _planned(study: Study) -> str:
    return f"{'at most ' if is_at_most(study) else ''}{trial_count(study)}"


def _images(data: DataInfo) -> str:
    return "demo (drawn cells)" if data.is_demo else data.root


if __name__ == "__main__":
    sys.exit(main())
