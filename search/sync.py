"""Tells Optuna and MLflow what they missed while they were away, from the journals. Trains nothing.

python -m search.sync                        all studies
python -m search.sync --study pooling        one
python -m search.sync --again                also what was told before, as to an MLflow that was emptied
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from search.commands import ExitStatus, add_place_options, ended, environment_of, new_parser
from search.controller.log import logged_in
from search.controller.recovery import reconcile
from search.controller.results import Results
from search.errors import SearchError, SettingsError
from search.folder.lock import StudyLock
from search.folder.manifest import (
    check_storage,
    identified,
    read_manifest,
    say_moved,
    study_folders,
    write_manifest,
)
from search.settings import Places
from search.stores.optuna import OptunaStudy
from search.stores.stores import Stores
from trainer.outside import typed

PATIENCE_S = 60.0  # without a trial told

Say = Callable[[str], None]


@dataclass(frozen=True)
class Caught:
    """How far the stores of one study are now: trials told and trials still not told, by store; what was refused; and
    whether MLflow knows how the study stands.
    """

    told: dict[str, int]
    untold: dict[str, int]
    refused: list[str]
    ended: bool


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = new_parser("sync", __doc__)
    result.add_argument(
        "--study",
        action="append",
        metavar="NAME",
        help=f"as `{typed('search.list')}` has it; may be given several times",
    )
    result.add_argument("--again", action="store_true", help="tell MLflow of every trial, whatever was noted")
    add_place_options(result)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0; 1 where a store is still behind; 2 for bad input."""
    args = parser().parse_args(argv)
    return ended(lambda: _main(args))


def _main(args: argparse.Namespace) -> int:
    places = environment_of(args).places
    folders = _folders(places, args.study)
    if not folders:
        print(f"No studies in {places.runs}.")
    status = ExitStatus.DONE
    for folder in folders:
        try:
            caught = catch_up(folder, places, print, again=args.again)
        except SearchError as error:  # the other studies are told all the same
            print(error, file=sys.stderr)
            status = ExitStatus.BAD_INPUT
            continue
        for line in _lines(folder.name, caught):
            print(line)
        if not caught.ended or any(caught.untold.values()) or caught.refused:
            status = max(status, ExitStatus.INCOMPLETE)
    return status


def _folders(places: Places, names: Sequence[str] | None) -> list[Path]:
    """Those of the studies.

    Raises:
        SettingsError: there is no study of a name.
    """
    there = study_folders(places)
    if names is None:
        return list(there.values())
    missing = [name for name in names if name not in there]
    if missing:
        raise SettingsError(
            f"--study {missing[0]}: no such study in {places.runs}; there are: {', '.join(there) or 'none'}"
        )
    return [there[name] for name in dict.fromkeys(names)]


def catch_up(folder: Path, places: Places, say: Say, *, again: bool = False) -> Caught:
    """Has both stores told of everything in a study's journals.

    Args:
        folder: the study's.
        places: the stores.
        say: called with a sentence when a store stops or starts to answer.
        again: whether MLflow is told of trials that it is noted to know.

    Raises:
        SearchError: a controller works on the study, or Optuna's storage cannot be opened.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise SettingsError(f"{folder}: no study has begun here")
    study, record = manifest.study, manifest.record
    check_storage(record.name, folder, places)
    trials, results = folder / "trials", Results(study, folder / "models")
    results.left = dict(record.left)
    with StudyLock(folder, record.name), logged_in(folder):
        say_moved(folder, places, say)
        stores = Stores(trials, places, say)
        try:
            uid, claims = identified(folder)
            stores.study = record = replace(record, uid=uid, claims=claims)
            stores.store = store = OptunaStudy(places.storage_url, record.name, study, uid, claims=claims)
            write_manifest(folder, replace(manifest, record=record))
            stores.open_mlflow(catch_up=False).wait()
            reconcile(study, record.name, trials, store, stores.outboxes, results)
            if again:
                for number in results.numbers:
                    stores.mlflow.catch_up(number)
            behind = {outbox.name: outbox.behind for outbox in stores.outboxes}
            tally = results.tally("")
            status: Literal["FINISHED", "KILLED"] = "FINISHED" if tally.over >= tally.total else "KILLED"
            stores.mlflow.later(lambda: stores.tracker.end_study(record, status, results.ended_at))
            untold = {outbox.name: outbox.close(PATIENCE_S) for outbox in stores.outboxes}
            refused = [f"{outbox.name}: {lost}" for outbox in stores.outboxes for lost in outbox.lost]
            told = {name: behind[name] - untold[name] for name in behind}
            return Caught(told, untold, refused, ended=not stores.mlflow.has_jobs)
        finally:
            stores.close()
            stores.tracker.close()


def _lines(name: str, caught: Caught) -> list[str]:
    told = ", ".join(f"{store} {_trials(count)}" for store, count in caught.told.items() if count)
    behind = [f"{store} is still behind by {_trials(count)}" for store, count in caught.untold.items() if count]
    if not caught.ended and not behind:
        behind = ["MLflow does not answer, and was not told how the study stands"]
    return [
        f"{name}: " + (f"told {told}" if told else "nothing was missing" if not behind else "nothing could be told"),
        *(f"  {line}" for line in behind),
        *(f"  refused by {refusal}" for refusal in caught.refused),
    ]


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count:,} trials"


if __name__ == "__main__":
    sys.exit(main())
