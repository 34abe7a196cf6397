"""Whose a study of Optuna's is: by the id of its folder of runs among its attributes, never by name or row.

SQLite gives the row of a study that was deleted to the next one, and a study that is renamed on the dashboard is a copy
under another name, in another row.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import optuna
import sqlalchemy

from search.addresses.urls import shown_url
from search.errors import StorageError
from search.folder.manifest import is_gone
from search.folder.owner import noted_place
from trainer.outside import typed

# Attributes of a study: its id, who runs it, and where its folder is (`search.folder.owner`).
UID, OWNER, FOLDER = "study_uid", "owner", "folder"


class GoneError(ValueError):
    """The study was deleted in Optuna's storage while a controller worked on it. Nothing is written there any more."""


class Place(NamedTuple):
    """Where a study is in a storage: the number of its row, and its name there."""

    study_id: int
    name: str


def place_of(storage: optuna.storages.BaseStorage, name: str, uid: str) -> Place | None:
    """Where a study is; None where the storage has none of this id, nor one without an id by this name.

    Args:
        storage: Optuna's.
        name: of the study.
        uid: its id; empty: it has none, and its name counts.
    """
    try:
        study_id = storage.get_study_id_from_name(name)
    except KeyError:
        study_id = None
    if study_id is not None and (not uid or storage.get_study_user_attrs(study_id).get(UID, uid) == uid):
        return Place(study_id, name)
    if uid:
        for study in storage.get_all_studies():
            if study.user_attrs.get(UID) == uid:
                return Place(study._study_id, study.study_name)
    return None


def check_name(storage: optuna.storages.BaseStorage, url: str, place: Place | None, name: str, claims: bool) -> None:
    """Whether a study may be begun or gone on with under its name.

    Raises:
        StorageError: the storage has another folder's study of this name, or one whose folder was removed.
    """
    named = {study.study_name: study for study in storage.get_all_studies()}
    taken = name in named if place is None else False
    if place is not None and not claims and storage.get_study_user_attrs(place.study_id).get(UID) is None:
        taken = storage.get_n_trials(place.study_id) > 0  # of an older version, which is no other than its own folder's
    if not taken:
        return
    attributes = named[name].user_attrs
    noted = attributes.get(FOLDER) or _usual_place(url, name)
    if is_gone(noted):
        raise StorageError(
            f"Optuna's storage {shown_url(url)} has a study {name} whose folder is not there any more "
            f"({noted.partition(':')[2]}). Delete what is left of it: {typed('search.delete', name)}; or start a new "
            "study beside it with --fresh."
        )
    whose = f", of {attributes[OWNER]} ({noted})" if attributes.get(OWNER) else ""
    raise StorageError(
        f"Optuna's storage {shown_url(url)} has a study {name} of another folder of runs{whose}. Give this folder a "
        "database of its own (--storage-url), or start a new study beside it with --fresh."
    )


def _usual_place(url: str, name: str) -> str:
    """Where a study's folder must be that an older version recorded in the database of a folder of runs; else empty."""
    parsed = sqlalchemy.make_url(url)
    runs = Path(parsed.database or "").parent
    if parsed.get_backend_name() != "sqlite" or Path(parsed.database or "").name != "optuna.db":
        return ""
    return noted_place(runs / "studies" / name) if (runs / "studies").is_dir() else ""


def check_there(storage: optuna.storages.BaseStorage, url: str, place: Place, uid: str) -> None:
    """Whether the study is still the one that was opened.

    Raises:
        GoneError: it was deleted; its row may be another study's by now.
    """
    backend: optuna.storages.BaseStorage = getattr(storage, "_backend", storage)  # behind Optuna's cache of names
    try:
        same = backend.get_study_name_from_id(place.study_id) == place.name
        if same and uid:
            same = backend.get_study_user_attrs(place.study_id).get(UID) == uid
    except KeyError:
        same = False
    if not same:
        raise GoneError(
            f"the study {place.name} was deleted in Optuna's storage {shown_url(url)} while it ran, so nothing more is "
            "written there; its trials stand in the journals, and the same command makes it again from them"
        )
