"""The stores are opened, and told of a study, before its first trial: what they refuse is found before the training."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from search.addresses.urls import dashboard_study, shown_url
from search.errors import StorageError
from search.folder.manifest import FILE, ID_FILE, Manifest, begin, has_manifest, write_manifest
from search.folder.record import StudyRecord
from search.settings import Places
from search.stores.opening import Opening
from search.stores.optuna import FOLDER, OWNER, OptunaStudy
from search.stores.stores import Stores
from search.study import Study
from trainer.outside import typed

TAKE_BACK_S = 10.0  # how long a run that is refused waits for MLflow


class FirstTelling:
    """Each store is written to once.

    Args:
        stores: who tell; what is opened is set there.
        places: their addresses.
        folder: the study's.
        say: for people.
    """

    def __init__(self, stores: Stores, places: Places, folder: Path, say: Callable[[str], None]) -> None:
        self._stores, self._places, self._folder, self._say = stores, places, folder, say
        self._opening: Opening | None = None

    def open(self, study: Study, record: StudyRecord) -> OptunaStudy:
        """Opens the Optuna study, and has MLflow told of it; notes both in the manifest.

        A study that has begun before may go on starting slots meanwhile: `wait` has the outcome.

        Raises:
            StorageError: a store refuses; `take_back` has nothing left of a new study.
        """
        url, name = self._places.storage_url, record.name
        if not has_manifest(self._folder):
            begin(self._folder, record.uid)
        store = OptunaStudy(url, name, study, record.uid, claims=record.claims)
        self._stores.store = store
        page = dashboard_study(store.study_id, self._places.dashboard_url, url)
        self._stores.study = replace(record, optuna_page=page)
        self._opening = self._stores.open_mlflow()
        if not has_manifest(self._folder):
            self._opening.wait()
        elif store.is_new:
            self._say(
                f"Optuna's storage {shown_url(url)} has no study {name}; it is made there, from the journals. (To be "
                f"rid of the study everywhere: {typed('search.delete', name)})"
            )
        elif store.name != name:
            self._say(f"Optuna's study {name} is called {store.name} by now, and is told under that name")
        write_manifest(self._folder, Manifest(study, record, shown_url(self._places.tracking_uri)))
        (self._folder / ID_FILE).unlink(missing_ok=True)
        data = record.data
        attributes = {"question": study.question, "data": f"{data.name} ({data.fingerprint})", "demo": data.is_demo}
        attributes["kind"] = record.kind  # `search.stack.tidied` reads it
        attributes |= {"photographs": data.photographs_by, "leaks": data.leaks}
        attributes |= {OWNER: record.owner, FOLDER: record.place}
        store.set_attributes(attributes)
        return store

    def wait(self) -> None:
        """Before the first trial begins.

        Raises:
            StorageError: MLflow refuses, or there is none at its address.
        """
        if self._opening is not None:
            self._opening.wait()

    def take_back(self) -> None:
        """Of a new study that is refused before its first trial nothing is left in either store, nor its manifest."""
        record, store = self._stores.study, self._stores.store
        if record is None or store is None or not store.is_new:
            return
        with contextlib.suppress(StorageError):  # it is away, and will show a study without a trial
            store.discard()
        if record.name in self._stores.tracker.runs.made:
            self._stores.mlflow.later(lambda: self._stores.tracker.discard_study(record))
            self._stores.mlflow.drain(TAKE_BACK_S)
        (self._folder / FILE).unlink(missing_ok=True)

    def give_up(self) -> None:
        """Whoever waits waits no longer. For signal handlers."""
        if self._opening is not None:
            self._opening.give_up()
