"""`study.json`: what the trials of a study mean, noted in its folder before the first of them begins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from search.errors import ChangedStudyError, StorageError
from search.meaning import meaning_diff
from search.record import DataInfo, StudyRecord
from search.study import Study

FILE = "study.json"


def note(folder: Path, study: Study, record: StudyRecord, tracking: str) -> None:
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


def read_noted(folder: Path) -> dict[str, Any] | None:
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
    noted = read_noted(folder)
    if noted is None:
        return
    changes = meaning_diff(noted["design"], study.canonical())
    was = noted["data"]
    if was["fingerprint"] != data.fingerprint:
        changes.append(f"data: {was['name']} ({was['fingerprint']}) -> {data.name} ({data.fingerprint})")
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
    data = {**noted["data"], "class_names": tuple(noted["data"]["class_names"])}
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
