"""Every study of a storage, whoever ran it; and deleting one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from search.stores.known import KnownStudy
from search.stores.optuna.identity import FOLDER, OWNER, UID, check_name, place_of
from search.stores.optuna.storage import close_storage, open_storage, storage_errors
from search.stores.there import may_be_there


def studies_in(url: str) -> list[KnownStudy]:
    """The studies of a storage, by name; none of one whose file is not there.

    Raises:
        StorageError: the storage cannot be used.
    """
    with storage_errors(url):
        if not may_be_there(url):
            return []
        storage = open_storage(url)
        try:
            found = [
                _known(storage, study._study_id, study.study_name, study.user_attrs)
                for study in storage.get_all_studies()
            ]
        finally:
            close_storage(storage)
    return sorted(found, key=lambda study: study.name)


def _known(storage: optuna.storages.BaseStorage, study_id: int, name: str, attributes: Mapping[str, Any]) -> KnownStudy:
    counts = {state: storage.get_n_trials(study_id, state) for state in TrialState}
    waits = counts[TrialState.WAITING] + counts[TrialState.RUNNING]
    total = sum(counts.values())
    return KnownStudy(
        key=str(study_id),
        name=name,
        study=Path(attributes.get(FOLDER, "").partition(":")[2]).name or name,
        uid=attributes.get(UID, ""),
        owner=attributes.get(OWNER, ""),
        place=attributes.get(FOLDER, ""),
        question=attributes.get("question", ""),
        state="stopped" if waits or not total else "finished",
        trials=total,
        complete=counts[TrialState.COMPLETE],
        failed=counts[TrialState.FAIL] + counts[TrialState.PRUNED],
    )


def check_study(url: str, name: str, uid: str, *, claims: bool) -> bool:
    """Whether a study is in the storage, for a run that would begin it or go on with it. Makes nothing.

    Raises:
        StorageError: the storage cannot be used, or has another folder's study of this name.
    """
    with storage_errors(url):
        storage = open_storage(url)
        try:
            place = place_of(storage, name, uid)
            check_name(storage, url, place, name, claims)
            return place is not None
        finally:
            close_storage(storage)


def delete_study(url: str, known: KnownStudy) -> bool:
    """Deletes a study with its trials, for good. Returns whether it was there.

    Raises:
        StorageError: the storage cannot be used.
    """
    with storage_errors(url):
        storage = open_storage(url)
        try:
            there = {study._study_id: study for study in storage.get_all_studies()}
            study = there.get(int(known.key))
            # SQLite gives the row of a study that was deleted to the next one.
            if study is None or (study.study_name, study.user_attrs.get(UID, "")) != (known.name, known.uid):
                return False
            storage.delete_study(study._study_id)
            return True
        finally:
            close_storage(storage)
