"""The manifest of a study, `study.json` in its folder: what its trials mean and which stores record them.

It is written before the first trial begins.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from search.addresses.urls import shown_url
from search.errors import ChangedStudyError, StorageError
from search.folder.code import changes as code_changes
from search.folder.code import code_folder
from search.folder.journal import read_trials
from search.folder.owner import folder_here, noted_place
from search.folder.record import DataInfo, StudyRecord
from search.settings import Places
from search.study import Study
from search.study.diff import meaning_diff
from trainer.whole_file import whole_file

FILE = "study.json"
ID_FILE = "study.id"  # of a study whose stores are being opened, until the manifest has it
# 1 had no keys `version` and `quick`; what it lacks has a default in `DataInfo`. 2 knew no looks, and the first of them
# no `uid`.
VERSION = 3


@dataclass(frozen=True)
class Manifest:
    """What is noted of a study.

    Attributes:
        study: the design, as it was last run.
        record: the study as the stores are told of it, as it was last run.
        tracking: where MLflow is, without a password; None in the oldest studies, which did not note it.
    """

    study: Study
    record: StudyRecord
    tracking: str | None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes the manifest of the study in this folder. The file appears whole or not at all.

    Raises:
        StorageError: the disk refuses.
    """
    record = manifest.record
    noted = {
        "version": VERSION,
        "name": record.name,
        "study": manifest.study.model_dump(mode="json"),
        "design": dict(record.design),
        "data": asdict(record.data),
        "command": record.command,
        "quick": record.quick,
        "left": [list(one) for one in record.left],
        "seen": list(record.seen),
        "uid": record.uid,
        "claims": record.claims,
        "owner": record.owner,
        "storage": record.optuna_storage,
        "tracking": manifest.tracking,
        "versions": dict(record.versions),
        "git_commit": record.git_commit,
    }
    try:
        with whole_file(folder / FILE) as partial:
            partial.write_text(json.dumps(noted, indent=2), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{folder / FILE} cannot be written: {error.strerror or error}") from None


def identified(folder: Path) -> tuple[str, bool]:
    """`uid` and `claims` of the study in this folder, whose id is made where it has none yet.

    Raises:
        StorageError: as `read_manifest`.
    """
    noted = read_manifest(folder)
    if noted is None:
        return _begun(folder) or uuid.uuid4().hex, False
    return noted.record.uid or uuid.uuid4().hex, noted.record.claims


def begin(folder: Path, uid: str) -> None:
    """Notes the id of a new study before a store is told of it: a run that is killed then is gone on with.

    Raises:
        StorageError: the disk refuses.
    """
    try:
        with whole_file(folder / ID_FILE) as part:
            part.write_text(uid, encoding="ascii")
    except OSError as error:
        raise StorageError(f"{folder / ID_FILE}: {error.strerror or error}") from None


def _begun(folder: Path) -> str:
    """The id that `begin` noted; empty: none."""
    try:
        return uuid.UUID((folder / ID_FILE).read_text(encoding="ascii")).hex
    except (OSError, ValueError):
        return ""


def has_manifest(folder: Path) -> bool:
    """Whether a study has begun in this folder."""
    return (folder / FILE).exists()


def is_gone(place: str) -> bool:
    """Whether a study's folder (`noted_place`) was on this machine, and is not there any more: removed, or moved."""
    folder = folder_here(place)
    return folder is not None and not has_manifest(folder)


def study_folders(places: Places) -> dict[str, Path]:
    """The folders of the studies that have begun in a folder of runs, by name."""
    return {path.parent.name: path.parent for path in sorted(places.studies.glob(f"*/{FILE}"))}


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of the study in this folder; None where none has begun. The only reader of the file.

    Raises:
        StorageError: the file is damaged, or was written by a newer version.
    """
    path = folder / FILE
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        version = noted.get("version", 1)
        if version > VERSION:
            raise StorageError(
                f"{path}: this is a newer version's note of a study (version {version}; this one reads up to "
                f"{VERSION}): install that version"
            )
        return _read(noted, folder)
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise StorageError(f"{path}: this is no note of a study: {_first_mistake(error)}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{path}: this is no note of a study: {type(error).__name__}: {error}") from None


def _read(noted: Mapping[str, Any], folder: Path) -> Manifest:
    study = Study.model_validate(noted["study"])
    if study.code is not None:  # the folder may have been moved
        study = study.model_copy(update={"code": study.code.lying_in(code_folder(folder))})
    data: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in noted["data"].items()
    }
    record = StudyRecord(
        name=noted["name"],
        question=study.question,
        kind=study.kind,
        design=dict(noted["design"]),
        data=DataInfo(**data),
        versions=noted.get("versions", {}),
        git_commit=noted.get("git_commit"),
        command=noted["command"],
        optuna_storage=noted["storage"],
        quick=noted.get("quick", "-quick" in noted["name"]),  # version 1 had it in the name alone
        left=tuple((level, replicates) for level, replicates in noted.get("left", ())),
        seen=tuple(noted.get("seen", ())),
        uid=noted.get("uid", ""),
        claims=noted.get("claims", not noted.get("uid")),
        owner=noted.get("owner", ""),
        place=noted_place(folder),
    )
    return Manifest(study, record, noted.get("tracking"))


def _first_mistake(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"study.{'.'.join(map(str, first['loc']))}: {first['msg']}"


def compare(folder: Path, name: str, study: Study, data: DataInfo) -> None:
    """Whether the study still means what is noted.

    Raises:
        ChangedStudyError: it does not; the message lists the differences.
    """
    noted = read_manifest(folder)
    if noted is None:
        return
    changes = meaning_diff(noted.record.design, study.canonical())
    changes += code_changes(noted.study.code, study.code)
    was = noted.record.data
    if was.fingerprint != data.fingerprint:
        changes.append(f"data: {was.name} ({was.fingerprint}) -> {data.name} ({data.fingerprint})")
    elif was.grouping != data.grouping:
        before = was.photographs_by or "taken from the files' names, which do not tell them"
        changes.append(f"photographs: {before} -> {data.photographs_by} (other groups, so other splits)")
        if was.leaks != data.leaks:
            changes.append(f"--leaks: {was.leaks} -> {data.leaks}")
    if changes:
        lines = "\n".join(f"  {change}" for change in changes)
        raise ChangedStudyError(
            f"The study {name} has trials that were made otherwise:\n{lines}\n"
            "Undo the change to go on with it, or start a new study beside it with --fresh."
        )


def seen_before(folder: Path, study: Study) -> tuple[int, ...]:
    """The replicates at which a result of this study was seen before more were asked for, without planned looks.

    A result is seen, in part, as soon as a trial has finished.
    """
    noted = read_manifest(folder)
    if noted is None:
        return ()
    before, seen = noted.study, noted.record.seen
    if not before.factors or before.looks or not before.seeds < study.seeds or before.seeds in seen:
        return seen
    has_result = any(record.finished for record in read_trials(folder / "trials"))
    return (*seen, before.seeds) if has_result else seen


def check_storage(name: str, folder: Path, places: Places) -> None:
    """Refuses to continue a study in the folder of runs where a server recorded it, which may just be down.

    Raises:
        StorageError: it would be.
    """
    noted = read_manifest(folder)
    recorded = noted.record.optuna_storage if noted else "sqlite:"
    if not recorded.startswith("sqlite:") and places.storage_url == Places.embedded_storage(places.runs):
        raise StorageError(
            f"The study {name} is recorded in {recorded}, which no flag, no variable and no running stack names now. "
            "Start the stack (docker compose up -d), or name the database with --storage-url; or start a new study "
            "beside it with --fresh."
        )


def say_moved(folder: Path, places: Places, say: Callable[[str], None]) -> None:
    """Says where MLflow is another one than before: it is told of every trial, whatever the other one knows."""
    now, noted = shown_url(places.tracking_uri), read_manifest(folder)
    if noted and noted.tracking not in (None, now):
        say(f"MLflow was {noted.tracking} so far; the one of now is told everything that the journals know")
