"""All studies and their state: those of this folder of runs, and those of Optuna and MLflow, whoever ran them.

python -m search.list
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from search.commands import ExitStatus, add_place_options, ended, environment_of, new_console, new_parser
from search.commands.catalogue import Entry, catalogue, running
from search.errors import SearchError
from search.folder.load import recorded
from search.folder.record import DataInfo, StudyRecord
from search.settings import Places
from search.study import Study
from search.study.design import is_at_most, trial_count
from search.study.toml_file import load_study, study_names

COLUMNS = ("study", "trials", "complete", "failed", "state", "owner", "in", "images", "question")
NUMBERS = ("trials", "complete", "failed")
BESIDE_NAME = 90  # characters that the other columns want
QUESTION = 20  # characters of a question that still say something


@dataclass(frozen=True)
class Row:
    """A study in the table."""

    name: str
    trials: str
    complete: str
    failed: str
    state: str
    owner: str = ""
    where: str = ""
    images: str = ""
    question: str = ""
    begun: bool = True


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = new_parser("list", __doc__)
    add_place_options(result)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0; 1 where a store does not answer; 2 for what cannot be read."""
    args = parser().parse_args(argv)
    return ended(lambda: _main(environment_of(args).places))


def _main(places: Places) -> int:
    console = new_console()
    found = catalogue(places)
    rows, damaged = _rows(found.entries)
    _print(rows, f"Studies in {places.runs}, Optuna and MLflow", console)
    for problem in found.problems(places):
        console.print(problem, markup=False, highlight=False, soft_wrap=True)
    for store, error in found.silent.items():
        print(f"{store} could not be asked: {error}", file=sys.stderr)
    for error in [*found.damaged, *damaged]:
        print(error, file=sys.stderr)
    if found.damaged or damaged:
        return ExitStatus.BAD_INPUT
    return ExitStatus.INCOMPLETE if found.silent else ExitStatus.DONE


def _rows(entries: Sequence[Entry]) -> tuple[list[Row], list[SearchError]]:
    """The rows, and what keeps studies out of them."""
    rows, damaged, begun = [], [], set()
    for entry in entries:
        try:
            if entry.folder is not None and entry.manifest is not None:
                begun.add(entry.manifest.study.name)
                rows.append(_here(entry, entry.folder, entry.manifest.study, entry.manifest.record))
            elif entry.where:
                rows.append(_stored(entry))
        except SearchError as error:
            damaged.append(error)
    for name in study_names():
        if name not in begun:
            study = load_study(name)
            planned = f"{'at most ' if is_at_most(study) else ''}{trial_count(study)}"
            rows.append(Row(name, planned, "", "", "not begun", question=study.question, begun=False))
    return rows, damaged


def _here(entry: Entry, folder: Path, study: Study, record: StudyRecord) -> Row:
    found = recorded(folder)
    counts = Counter(trial.state for trial in found.records if trial.terminal)
    total = trial_count(study, dict(record.left), found.results)
    over = counts["COMPLETE"] + counts["FAIL"] + counts["PRUNED"]
    holder = running(entry)
    return Row(
        name=entry.name,
        trials=f"{'at most ' if is_at_most(study, dict(record.left), found.results) else ''}{total}",
        complete=str(counts["COMPLETE"]),
        failed=str(counts["FAIL"] + counts["PRUNED"]),
        state=f"running ({holder})" if holder else "finished" if over >= total else "stopped",
        owner=entry.owner,
        where=", ".join(entry.where),
        images=_images(record.data),
        question=study.question,
    )


def _stored(entry: Entry) -> Row:
    """A study without a folder here: as far as the stores know it."""
    there = [study for study in entry.stored if study.state != "deleted"]
    counted = next((study for study in there if study.complete is not None), there[0])
    states = {study.state for study in there}
    state = next((name for name in ("running", "finished") if name in states), "stopped")
    return Row(
        name=entry.name,
        trials=str(counted.trials or ""),
        complete=str(counted.complete if counted.complete is not None else ""),
        failed=str(counted.failed if counted.failed is not None else ""),
        state=state,
        owner=entry.owner,
        where=", ".join(entry.where),
        question=next((study.question for study in there if study.question), ""),
    )


def _print(rows: Sequence[Row], title: str, console: Console) -> None:
    """As a table; where that would cut names, as a paragraph a study."""
    longest = max((len(row.name) for row in rows), default=0)
    if console.width < longest + BESIDE_NAME:
        _print_paragraphs(rows, title, console)
        return
    table = _table(rows, title, COLUMNS[:-1])
    left = console.width - console.measure(table).maximum - 3
    console.print(_table(rows, title, COLUMNS, left) if left >= QUESTION else table)


def _table(rows: Sequence[Row], title: str, columns: Sequence[str], most: int = 0) -> Table:
    """Of these columns; a question has one line of so many characters at the most, or rows would be paragraphs."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in NUMBERS else "left"
        if column == "question":
            table.add_column(column, no_wrap=True, overflow="ellipsis", max_width=most)
        else:
            table.add_column(column, justify=justify, no_wrap=column == "study")
    for row in rows:
        cells = (row.name, row.trials, row.complete, row.failed, row.state, row.owner, row.where, row.images)
        table.add_row(*map(Text, (*cells, row.question)[: len(columns)]), style="" if row.begun else "dim")
    return table


def _print_paragraphs(rows: Sequence[Row], title: str, console: Console) -> None:
    console.print(Text(title, style="italic"), soft_wrap=True)
    for row in rows:
        console.print(Text(row.name, style="bold" if row.begun else "dim"), soft_wrap=True)  # a name is never cut
        counts = f"{row.trials} trials" if row.trials else ""
        if row.complete:
            counts += f", {row.complete} complete, {row.failed or 0} failed"
        facts = [row.state, counts, row.owner, f"in {row.where}" if row.where else "", row.images, row.question]
        for fact in filter(None, facts):
            console.print(Text(f"  {fact}", style="" if row.begun else "dim"))


def _images(data: DataInfo) -> str:
    return "demo (drawn cells)" if data.is_demo else data.root


if __name__ == "__main__":
    sys.exit(main())
