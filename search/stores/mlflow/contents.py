"""What MLflow is told: params, tags, metrics and files, as plain data. Pure functions of the records.

The same record always gives the same points, to the millisecond: MLflow drops a point that it has (equal key, step,
time and value), which is what makes telling twice harmless.
"""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from search.figures.in_process import DRAWING
from search.folder.record import DEMO, StudyRecord, TrialRecord
from search.study.deciding import DEFAULT
from search.text import plain
from trainer.events import Epoch, Failed, Finished

PARAM_LENGTH, TAG_LENGTH = 6000, 8000  # characters; mlflow/utils/validation.py
MODES = (
    "By epoch, `train_loss` and `train_accuracy` are in training mode: means over the epoch while the weights change, "
    "with augmentation and dropout. `val_*` of an epoch, `final_*` and `test_*` are in inference mode, without them. "
    "With `class_weight`, the losses of epochs count classes by it; `final_*` and `test_loss` count every image alike."
)
# For the journal; the measures made of it are metrics.
PACKED = {"splits": {split: {"log_probabilities", "placements"} for split in ("train", "val", "test")}}
NO_GPU = "not measured: no GPU"
NOTE = "mlflow.note.content"  # the description, in Markdown
# Told beside the machine's load: MLflow draws charts by name, those of `system/` last and on a page of their own.
SPEED = frozenset({"epoch_s", "images_per_s"})
UID = "study_uid"  # the tag by which a study's experiment and runs are found
OWNER, FOLDER = "owner", "folder"  # tags of a study's run: who runs it, and where its folder is


class Point(NamedTuple):
    """One value of a metric."""

    key: str
    value: float
    time_ms: int
    step: int


def trial_params(record: TrialRecord) -> dict[str, str]:
    """The whole TrainConfig, so that any two trials can be compared by any setting."""
    settings = record.config.model_dump(exclude={"trial"})
    return _texts({**settings, **record.params}, PARAM_LENGTH)


def study_note(study: StudyRecord) -> str:
    """The description of a study without an answer: the question, what must stand beside every figure, the command."""
    caveats = (*((DEMO,) if study.data.is_demo else ()), *study.data.caveats)
    return "\n\n".join([study.question, *(f"**{caveat}**" for caveat in caveats), f"`{study.command}`"])


def study_params(study: StudyRecord) -> dict[str, str]:
    """What the study fixes, by the names that trials use, and the rest of its design."""
    fixed = study.design.get("fixed") or {}
    told = {"name", "question", "fixed"}
    rest = {
        f"design.{key}": value for key, value in study.design.items() if key not in told and value not in (None, {})
    }
    return _texts({**fixed, **rest}, PARAM_LENGTH)


def asked_params(study: StudyRecord) -> list[str]:
    """The parameters that differ between a study's trials by design, but for the seed."""
    return list(dict.fromkeys(name for kind in ("scientific", "nuisance") for name in study.design.get(kind) or ()))


def _data_tags(study: StudyRecord) -> dict[str, str]:
    return {
        "data": study.data.name,
        "data_fingerprint": study.data.fingerprint,
        "demo": "true" if study.data.is_demo else "false",
        "photographs": study.data.photographs_by or "by the files' names",
        "leaks_policy": study.data.leaks,
    }


def _source_tags(study: StudyRecord) -> dict[str, str]:
    tags = {"mlflow.user": _user(), "mlflow.source.name": "python -m search.run", "mlflow.source.type": "LOCAL"}
    if study.git_commit:
        tags["mlflow.source.git.commit"] = study.git_commit
    return tags


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def study_tags(study: StudyRecord) -> dict[str, str]:
    """Tags of the study's parent run."""
    return _texts(
        {
            "study": study.name,
            **({UID: study.uid} if study.uid else {}),
            **({OWNER: study.owner, FOLDER: study.place} if study.owner else {}),
            "role": "study",
            "kind": study.kind,
            "measure": study.design.get("measure", DEFAULT),
            **_data_tags(study),
            "bad_files": study.data.bad_files,
            **{f"{package}_version": version for package, version in study.versions.items()},
            "command": study.command,
            "optuna_study": study.name,
            "optuna_storage": study.optuna_storage,
            **_source_tags(study),
        },
        TAG_LENGTH,
    )


def trial_tags(study: StudyRecord, record: TrialRecord) -> dict[str, str]:
    """Tags of a trial's run, but for its parent's id."""
    ready = record.ready
    page = f"{study.optuna_page}/trials?numbers={record.number}" if study.optuna_page else ""
    link = f"[Trial {record.number} on the Optuna dashboard]({page})" if page else ""
    measured = "measured" if ready.vram_measured else f"not measured: {ready.backend} does not tell"
    return _texts(
        {
            "study": study.name,
            **({UID: study.uid} if study.uid else {}),
            "trial": record.number,
            NOTE: "\n\n".join(filter(None, (link, MODES))),
            "role": record.role,
            "slot": record.slot,
            **_data_tags(study),
            "device": ready.device,
            "device_name": ready.device_name,
            "backend": ready.backend,
            **({"environment": ready.environment} if ready.environment else {}),
            "vram": NO_GPU if ready.device == "cpu" else measured,
            **{f"{package}_version": version for package, version in {**study.versions, **ready.versions}.items()},
            **_source_tags(study),
        },
        TAG_LENGTH,
    )


def end_tags(record: TrialRecord) -> dict[str, str]:
    """Tags that say how a trial ended."""
    tags: dict[str, Any] = {"state": record.state}
    terminal = record.terminal
    if isinstance(terminal, Failed):
        tags |= {"failure": terminal.message, "failure_kind": terminal.kind}
    elif isinstance(terminal, Finished) and record.ready.vram_measured and terminal.vram_peak_mib is None:
        tags["vram"] = "not measured: the allocator did not answer"
    return _texts(tags, TAG_LENGTH)


def epoch_points(epochs: Sequence[Epoch], started_at: float) -> list[Point]:
    """The metrics of a trial's epochs, from the first on. An epoch's time is the start plus the epochs up to it."""
    points = []
    elapsed = 0.0
    for epoch in epochs:
        elapsed += epoch.epoch_s
        values = epoch.model_dump(exclude={"event", "trial", "epoch"}, exclude_none=True)
        values = {f"system/{key}" if key in SPEED else key: value for key, value in values.items()}
        points += _points(values, started_at + elapsed, epoch.epoch)
    return points


def end_points(record: TrialRecord, class_names: Sequence[str]) -> list[Point]:
    """The final metrics of a trial, at step 0: MLflow draws one bar a trial.

    `vram_peak_mib` also has a value an epoch, so its final one stands at the last epoch.
    """
    from search.answer.learning import start_of
    from search.answer.measure_table import class_values, metric_name, split_values  # NumPy: not while slots start

    ended_at = record.finished_at or record.started_at
    terminal = record.terminal
    if isinstance(terminal, Failed) and terminal.requested_mib is not None:
        return _points({"requested_mib": terminal.requested_mib}, ended_at, 0)
    if not isinstance(terminal, Finished):
        return []
    values: dict[str, float] = {
        "parameters": terminal.parameters,
        "flops_per_image": terminal.flops_per_image,
        "train_s": terminal.train_s,
        "train_images_per_s": terminal.images_per_s,
    }
    if (start := start_of(record)) is not None:
        values["start_epoch"] = start
    names = metric_names(class_names)
    for split, measures in terminal.splits.items():
        values["test_loss" if split == "test" else f"final_{split}_loss"] = measures.loss
        values |= {metric_name(measure, split): value for measure, value in split_values(record, split).items()}
        for measure, found in class_values(record, split):
            for name, value in zip(names, found, strict=True):
                if value is not None:
                    values[f"{split}_{measure}_{name}"] = value
    if "train" in terminal.splits and "test" in terminal.splits:
        values["gap"] = terminal.splits["train"].accuracy - terminal.splits["test"].accuracy
    if terminal.vram_process_mib is not None:
        values["vram_process_mib"] = terminal.vram_process_mib
    points = _points(values, ended_at, 0)
    if terminal.vram_peak_mib is not None:
        points += _points({"vram_peak_mib": terminal.vram_peak_mib}, ended_at, terminal.epochs_run)
    return points


def metric_names(class_names: Iterable[str]) -> list[str]:
    """Class names in characters that MLflow allows, still all different."""
    names: list[str] = []
    for class_name in class_names:
        name = re.sub(r"[^\w.\- ]", "_", class_name)
        while name in names:
            name += "_"
        names.append(name)
    return names


def trial_files(record: TrialRecord, class_names: Sequence[str], *, with_pictures: bool = True) -> dict[str, bytes]:
    """The artifacts of a trial that is over, by name."""
    files: dict[str, bytes] = {}
    terminal = record.terminal
    if isinstance(terminal, Finished):
        files["measures.json"] = as_json(
            {"class_names": list(class_names), **terminal.model_dump(mode="json", exclude=PACKED)}
        )
    elif isinstance(terminal, Failed):
        files["traceback.txt"] = plain(terminal.traceback or terminal.message).encode()
    if with_pictures and record.epochs:
        files["learning_curves.png"] = _drawn("learning_curves", record, len(class_names))
    if with_pictures and isinstance(terminal, Finished) and "test" in terminal.splits:
        title = f"{record.study} · trial {record.number} · {record.label}\ntest images"
        files["confusion_matrix.png"] = _drawn("confusion_matrix", terminal.splits["test"], class_names, title)
    return files


def _drawn(figure: str, *arguments: Any) -> bytes:
    """A figure as a PNG file."""
    png: bytes = DRAWING.call("search.figures.trial", figure, *arguments)
    return png


def as_json(value: Any) -> bytes:
    """JSON for people to read."""
    return json.dumps(value, indent=1, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")


def _points(values: Mapping[str, float], at_s: float, step: int) -> list[Point]:
    return [Point(key, float(value), round(at_s * 1000), step) for key, value in values.items()]


def _texts(values: Mapping[str, Any], length: int) -> dict[str, str]:
    """Values as MLflow shows them. None is shown as None, so that every trial has every param."""
    texts = {}
    for key, value in values.items():
        text = (
            value
            if isinstance(value, str)
            else json.dumps(value, default=str)
            if isinstance(value, Mapping | list | tuple)
            else str(value)
        )
        text = plain(text)
        texts[key] = text if len(text) <= length else f"{text[: length - 3]}..."
    return texts
