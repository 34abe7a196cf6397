"""Deletes studies: the folder with journals and models, the study in Optuna, and its experiment in MLflow.

    python -m search.delete pooling-demo          says what would go, and asks
    python -m search.delete pooling-demo --yes    asks nothing
    python -m search.delete pooling --dry-run     says what would go

Folder and Optuna study are gone for good. MLflow hides an experiment that is deleted: `mlflow experiments restore`
brings it back until `python -m search.clean` removes it. Images and the image cache stay.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence

from search.addresses.urls import shown_url
from search.commands import (
    ExitStatus,
    add_place_options,
    add_question_options,
    confirmed,
    ended,
    environment_of,
    new_parser,
)
from search.commands.catalogue import Catalogue, Entry, catalogue
from search.errors import LockedError, SettingsError, StorageError
from search.folder.lock import StudyLock, holder_of
from search.settings import Places
from search.stores.optuna import delete_study
from search.text import bytes_in, size
from trainer.outside import typed


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = new_parser("delete", __doc__)
    result.add_argument("studies", nargs="+", metavar="STUDY", help=f"as `{typed('search.list')}` has it")
    add_question_options(result)
    add_place_options(result)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0; 1 where nothing was confirmed; 2 for bad input."""
    args = parser().parse_args(argv)
    return ended(lambda: _main(args))


def _main(args: argparse.Namespace) -> int:
    places = environment_of(args).places
    found = catalogue(places)
    for store, error in found.silent.items():  # what it has would stay behind
        raise StorageError(f"Nothing was deleted, for {store} could not be asked: {error}")
    entries = [_entry(name, found, places) for name in dict.fromkeys(args.studies)]
    for entry in entries:
        print(f"{entry.name}{f', of {entry.owner}' if entry.owner else ''}:")
        for line in _lines(entry, places):
            print(f"  {line}")
    if args.dry_run:
        return ExitStatus.DONE
    if not confirmed("Delete this?", args.yes):
        return ExitStatus.INCOMPLETE
    for entry in entries:
        delete(entry, places)
        print(f"{entry.name}: deleted")
    return ExitStatus.DONE


def _entry(name: str, found: Catalogue, places: Places) -> Entry:
    """The study of a name.

    Raises:
        SettingsError: there is none, there are several, or its folder is in another folder of runs.
        LockedError: a controller works on it.
    """
    named = [entry for entry in found.named(name) if entry.folder or entry.where]
    here = [entry for entry in named if entry.folder]
    chosen = here or named
    if not chosen:
        there = ", ".join(dict.fromkeys(entry.name for entry in found.entries if entry.folder or entry.where))
        raise SettingsError(f"{name}: no such study in {places.runs}, Optuna or MLflow; there are: {there or 'none'}")
    if len(chosen) > 1:
        owners = "; ".join(f"{entry.owner or 'unknown'} ({entry.place or 'no folder noted'})" for entry in chosen)
        raise SettingsError(
            f"{name}: the stores have {len(chosen)} studies of this name, of {owners}. Delete yours in its own folder "
            "of runs (--runs DIR), or by hand in MLflow or on the dashboard"
        )
    entry = chosen[0]
    if entry.elsewhere is not None:
        raise SettingsError(
            f"{name}: its folder is {entry.elsewhere}. Delete it there: "
            f"{typed('search.delete', name, '--runs', str(entry.elsewhere.parent.parent))}"
        )
    if entry.folder is not None and (holder := holder_of(entry.folder)):
        raise LockedError(f"The study {name} is being worked on by {holder}. Stop that first.")
    return entry


def _lines(entry: Entry, places: Places) -> list[str]:
    """Says what will be deleted, one line for each place."""
    lines = []
    if entry.folder is not None:
        trials = len(list((entry.folder / "trials").glob("[0-9]*.jsonl")))
        lines.append(f"folder: {entry.folder}, journals of {trials} trials, {size(bytes_in(entry.folder))}, for good")
    for study in entry.optuna:
        lines.append(f"Optuna: {study.name} in {shown_url(places.storage_url)}, {study.trials} trials, for good")
    for study in entry.mlflow:
        state = "hidden already" if study.state == "deleted" else "to be hidden"
        lines.append(f"MLflow: experiment {study.name} in {shown_url(places.tracking_uri)}, {state}")
    return lines


def delete(entry: Entry, places: Places) -> None:
    """Deletes a study wherever it is; the folder last, so that what fails can be done again.

    Raises:
        LockedError: a controller works on it.
        StorageError: a store does not answer, or the folder cannot be removed.
    """
    if entry.folder is None:
        _delete_stored(entry, places)
        return
    with StudyLock(entry.folder, entry.name):
        _delete_stored(entry, places)
        try:
            shutil.rmtree(entry.folder)
        except OSError as error:
            raise StorageError(f"{error.filename or entry.folder}: cannot be removed: {error.strerror}") from None


def _delete_stored(entry: Entry, places: Places) -> None:
    for study in entry.optuna:
        delete_study(places.storage_url, study)
    shown = [study for study in entry.mlflow if study.state != "deleted"]
    if shown:
        from search.stores.mlflow.catalog import Catalog  # imports mlflow: a second or two

        with Catalog(places.tracking_uri, places.artifacts) as catalog:
            for study in shown:
                catalog.hide(study)


if __name__ == "__main__":
    sys.exit(main())
