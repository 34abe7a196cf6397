"""Notes on the Optuna dashboard: the answer on the study's page, the MLflow run on each trial's."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import optuna

from search.addresses.urls import shown_url
from search.errors import StorageError
from search.stores.marked import merged
from search.stores.optuna import close_storage, open_storage, storage_errors
from search.stores.optuna.identity import place_of
from search.stores.relinking import in_our_part

# A trial's note stands among the study's attributes, and each one written reads all of them: a thousand would take
# minutes. Trials beyond that have the address of their MLflow run among their user attributes, like all others.
MOST_TRIALS = 200


class Notes:
    """The notes of one study, where it is in the storage, under whatever name.

    Raises:
        StorageError: the storage does not answer, or has no such study. Methods raise it too.
    """

    def __init__(self, storage_url: str, name: str, uid: str = "") -> None:
        self._url = storage_url
        with storage_errors(storage_url):
            self._storage = open_storage(storage_url)
            place = place_of(self._storage, name, uid)
            if place is None:
                close_storage(self._storage)
                raise StorageError(f"Optuna's storage {shown_url(storage_url)} has no study {name}")
            self._study = optuna.load_study(study_name=place.name, storage=self._storage)

    @property
    def study_id(self) -> int:
        """The number in the addresses of its pages."""
        return int(self._study._study_id)

    def write(self, study_note: str, trial_notes: Mapping[int, str]) -> None:
        """Markdown for the study, and for the first trials by number: our part of what stands there. A note that says
        so already is left.
        """
        module = _note_module()

        def write(place: optuna.Study | optuna.Trial, text: str) -> None:
            there = module.get_note(place)
            # As older versions wrote it, without marks: the same first line, or for a trial the same text.
            noted = merged(there, text, ours=there.splitlines()[:1] == text.splitlines()[:1])
            if there != noted:
                module.save_note(place, noted)

        with storage_errors(self._url):
            write(self._study, study_note)
            ids = {trial.number: trial._trial_id for trial in self._study.get_trials(deepcopy=False)}
            for number, text in sorted(trial_notes.items())[:MOST_TRIALS]:
                if number in ids:
                    write(optuna.Trial(self._study, ids[number]), text)

    def relink(self, move: Callable[[str], str]) -> None:
        """Has the links in our parts of the notes follow, where `move` changes them."""
        module = _note_module()
        with storage_errors(self._url):
            trials = [optuna.Trial(self._study, trial._trial_id) for trial in self._study.get_trials(deepcopy=False)]
            for place in [self._study, *trials[:MOST_TRIALS]]:
                there = module.get_note(place)
                if (moved := in_our_part(there, move)) != there:
                    module.save_note(place, moved)

    def close(self) -> None:
        """Lets go of the database's connections."""
        close_storage(self._storage)


@functools.cache
def _note_module() -> ModuleType:
    """The part of optuna_dashboard that reads and writes notes, without the rest of it.

    The whole package takes two seconds and 74 MiB to import, as it imports scikit-learn; the controller's peak was at
    that moment. Where the package has no such file, all of it is imported.
    """
    package = importlib.util.find_spec("optuna_dashboard")
    folders = package.submodule_search_locations if package else None
    file = Path(folders[0], "_note.py") if folders else None
    spec = importlib.util.spec_from_file_location("optuna_dashboard_note", file) if file and file.exists() else None
    if spec is None or spec.loader is None:
        return importlib.import_module("optuna_dashboard")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
