"""The manifest of a study, `study.json` in its folder: what its trials mean and which stores record them.

It is written before the first trial begins.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from search.errors import ChangedStudyError, StorageError
from search.folder.record import DataInfo, StudyRecord
from search.settings import Places
from search.stores.optuna import shown_url
from search.study import Study
from search.study.diff import meaning_diff

FILE = "study.json"


def write_manifest(folder: Path, study: Study, record: StudyRecord, tracking: str) -> None:
    """Writes it. The file appears whole or not at all.

    Args:
        folder: the study's.
        study: the design.
        record: the study as the stores are told of it.
        tracking: where MLflow is, without a password.

    Raises:
        StorageError: the disk refuses.
    """
    noted = {
        "name": record.name,
        "study": study.model_dump(mode="json"),
        "design": dict(record.design),
        "data": asdict(record.data),
        "command": record.command,
        "storage": record.optuna_storage,
        "tracking": tracking,
        "versions": dict(record.versions),
        "git_commit": record.git_commit,
    }
    partial = folder / f"{FILE}.partial"
    try:
        partial.write_text(json.dumps(noted, indent=2), encoding="utf-8")
        partial.replace(folder / FILE)
    except OSError as error:
        raise StorageError(f"{folder / FILE} cannot be written: {error.strerror or error}") from None


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """What is noted in a study's folder; None where nothing is.

    Raises:
        StorageError: the file is damaged.
    """
    path = folder / FILE
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        noted["name"], noted["study"], noted["design"], noted["data"]["fingerprint"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path}: this is no note of a study: {type(error).__name__}: {error}") from None
    return dict(noted)


def compare(folder: Path, name: str, study: Study, data: DataInfo) -> None:
    """Whether the study still means what is noted.

    Raises:
        ChangedStudyError: it does not; the message lists the differences.
    """
    noted = read_manifest(folder)
    if noted is None:
        return
    changes = meaning_diff(noted["design"], study.canonical())
    was = noted["data"]
    if was["fingerprint"] != data.fingerprint:
        changes.append(f"data: {was['name']} ({was['fingerprint']}) -> {data.name} ({data.fingerprint})")
    elif was.get("grouping", "") != data.grouping:
        before = was.get("photographs_by") or "taken from the files' names, which do not tell them"
        changes.append(f"photographs: {before} -> {data.photographs_by} (other groups, so other splits)")
    if changes:
        lines = "\n".join(f"  {change}" for change in changes)
        raise ChangedStudyError(
            f"The study {name} has trials that were made otherwise:\n{lines}\n"
            "Undo the change to go on with it, or start a new study beside it with --fresh."
        )


def study_of(noted: Mapping[str, Any]) -> Study:
    """The design, as it was last run."""
    return Study.model_validate(noted["study"])


def record_of(noted: Mapping[str, Any]) -> StudyRecord:
    """The study as MLflow is told of it, as it was last run."""
    study = study_of(noted)
    data: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in noted["data"].items()
    }
    return StudyRecord(
        name=noted["name"],
        question=study.question,
        kind=study.kind,
        design=noted["design"],
        data=DataInfo(**data),
        versions=noted.get("versions", {}),
        git_commit=noted.get("git_commit"),
        command=noted["command"],
        optuna_storage=noted["storage"],
    )


def check_storage(name: str, folder: Path, places: Places) -> None:
    """A study that a server records is not gone on with in the folder of runs, only because the server is down.

    Raises:
        StorageError: it would be.
    """
    recorded = (read_manifest(folder) or {}).get("storage", "sqlite:")
    if not recorded.startswith("sqlite:") and places.storage_url == Places.embedded_storage(places.runs):
        raise StorageError(
            f"The study {name} is recorded in {recorded}, which no flag, no variable and no running stack names now. "
            "Start the stack (docker compose up -d), or name the database with --storage-url; or start a new study "
            "beside it with --fresh."
        )


def say_moved(folder: Path, places: Places, say: Callable[[str], None]) -> None:
    """Says where MLflow is another one than before: it is told of every trial, whatever the other one knows."""
    now = shown_url(places.tracking_uri)
    recorded = (read_manifest(folder) or {}).get("tracking", now)
    if recorded != now:
        say(f"MLflow was {recorded} so far; the one of now is told everything that the journals know")
