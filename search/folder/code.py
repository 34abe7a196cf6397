"""The copies of a study's own files in its folder, `code/`: what its trials were made with."""

from __future__ import annotations

import difflib
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from search.errors import StorageError
from search.study.code import Code, digest_of
from trainer.events import ModelSummary
from trainer.whole_file import whole_file

FOLDER, MODELS = "code", "models.json"
DIFF_LINES = 20  # of a changed file: enough to see what was done, and less than a terminal's page


def code_folder(study_folder: Path) -> Path:
    """The folder of the copies of own code."""
    return study_folder / FOLDER


def keep(code: Code, folder: Path) -> tuple[Code, list[Path]]:
    """Copies files of one's own into a study's folder, where it has them not yet.

    Args:
        code: the files, as they were when the study was read.
        folder: of the study.

    Returns:
        The copies, and those of them that were made just now.

    Raises:
        StorageError: a copy cannot be made, or one that is there was changed.
    """
    copies = code.lying_in(code_folder(folder))
    made = []
    for name, path in copies.paths.items():
        try:
            if not Path(path).exists():
                _copy(Path(code.paths[name]), Path(path))
                made.append(Path(path))
            found = digest_of(Path(path))
        except OSError as error:
            raise StorageError(f"{path}: the copy of {name} cannot be made: {error.strerror or error}") from None
        if found != code.digests[name]:
            raise StorageError(
                f"{path}: this is no copy of {name} as the study has it (SHA-256 {found[:12]}, not "
                f"{code.digests[name][:12]}). Put it back, or start a new study with --fresh."
            )
    return copies, made


def note_models(folder: Path, request: str, models: Sequence[ModelSummary]) -> None:
    """Notes what the models of a study are made of, as a trainer said, and what it was asked.

    Raises:
        StorageError: the disk refuses.
    """
    noted = {"request": _digest(request), "models": [model.model_dump(mode="json") for model in models]}
    try:
        (folder / MODELS).write_text(json.dumps(noted, indent=1), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{folder / MODELS} cannot be written: {error.strerror or error}") from None


def was_tried(folder: Path, request: str) -> bool:
    """Whether a trainer was asked this before, and found nothing wrong."""
    return _noted(folder).get("request") == _digest(request)


def noted_models(folder: Path) -> tuple[ModelSummary, ...]:
    """What the models of one's own are made of; none where no trainer has said it."""
    return tuple(ModelSummary.model_validate(model) for model in _noted(folder).get("models", ()))


def _noted(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / MODELS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def changes(old: Code | None, new: Code | None) -> list[str]:
    """What is different in files that both have, as lines of a diff; of a file that is no text nothing."""
    if old is None or new is None:
        return []
    lines: list[str] = []
    for name in old.digests.keys() & new.digests.keys():
        if old.digests[name] != new.digests[name]:
            lines += _diff(name, Path(old.paths[name]), Path(new.paths[name]))
    return lines


def _diff(name: str, old: Path, new: Path) -> list[str]:
    try:
        before, after = (path.read_text(encoding="utf-8").splitlines() for path in (old, new))
    except (OSError, UnicodeDecodeError):
        return []
    found = list(difflib.unified_diff(before, after, f"{name} (of the trials)", f"{name} (now)", lineterm="", n=1))
    rest = len(found) - DIFF_LINES
    return found[:DIFF_LINES] + ([f"... and {rest} lines more"] if rest > 0 else [])


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as partial:
        shutil.copyfile(source, partial)
