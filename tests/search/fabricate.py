"""Records of studies and trials that never ran, for tests. Numbers follow from the arguments alone."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search.folder.journal import TrialJournal
from search.folder.manifest import Manifest, write_manifest
from search.folder.record import DataInfo, ParamValue, Role, StudyRecord, TrialRecord
from search.study import Study
from trainer.config import TrainConfig
from trainer.events import Epoch, Event, Failed, Finished, PhotoCount, Ready, SplitMeasures, SplitName, Started, Stopped

CLASSES = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")
IMAGES: dict[SplitName, int] = {"train": 480, "val": 120, "test": 200}
PHOTOGRAPHS: dict[SplitName, int] = {"train": 48, "val": 12, "test": 20}
START = 1_760_000_000.0
IMAGES_A_PHOTO = 10


def data_info(**changes: Any) -> DataInfo:
    values: dict[str, Any] = {
        "name": "blood-cells",
        "root": "/data/blood cells",
        "fingerprint": "0123456789abcdef" * 4,
        "is_demo": False,
        "images": IMAGES,
        "photographs": PHOTOGRAPHS,
        "class_names": CLASSES,
        "bad_files": 0,
    }
    return DataInfo(**{**values, **changes})


def study_record(**changes: Any) -> StudyRecord:
    values: dict[str, Any] = {
        "name": "pooling",
        "question": "What does the pooling do to training and testing performance?",
        "kind": "levels",
        "design": {
            "name": "pooling",
            "seeds": 3,
            "fixed": {"epochs": 10},
            "scientific": {"pooling": {"levels": ["max", "average"], "reference": "max"}},
        },
        "data": data_info(),
        "versions": {"python": "3.11.7", "optuna": "5.0.0", "mlflow": "3.17.2"},
        "git_commit": "f" * 40,
        "command": "python -m search.run --study pooling",
        "optuna_storage": "sqlite:///runs/optuna.db",
    }
    return StudyRecord(**{**values, **changes})


def note_study(folder: Path, study: Study, *, tracking: str | None = None, **changes: Any) -> Path:
    """Writes the manifest of a study that has begun in this folder; `changes` are those of its record."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"name": study.name, "question": study.question, "kind": study.kind, "design": study.canonical()}
    write_manifest(folder, Manifest(study, study_record(**{**values, **changes}), tracking))
    return folder


def note_trials(folder: Path, records: Sequence[TrialRecord]) -> tuple[TrialRecord, ...]:
    """Journals of trials in a study's folder, as a controller would have written them, and the records read back."""
    (folder / "trials").mkdir(parents=True, exist_ok=True)
    read = []
    for record in records:
        journal = TrialJournal(folder / "trials", record.study, record.number, record.params, record.role)
        written = journal.begin(record.config, record.ready, record.slot)
        for event in record.events:
            written = journal.add(written, event)
        journal.close()
        read.append(written)
    return tuple(read)


def ready(*, gpu: bool = False) -> Ready:
    return Ready(
        backend="tensorflow",
        device="gpu" if gpu else "cpu",
        device_name="NVIDIA H200" if gpu else "x86_64",
        vram_measured=gpu,
        threads=1,
        pid=4711,
        versions={"python": "3.11.7", "keras": "3.15.1", "numpy": "2.4.6", "tensorflow": "2.21.0"},
    )


def measures(
    accuracy: float, split: SplitName = "test", classes: Sequence[str] = CLASSES, seed: int = 0
) -> SplitMeasures:
    """Photographs of ten images each, dealt out over the classes; `accuracy` is met but for rounding."""
    rng = random.Random(f"{split}{seed}")
    n = len(classes)
    confusion = [[0] * n for _ in classes]
    photos = []
    for number in range(max(PHOTOGRAPHS[split], n)):
        label = number % n
        right = min(IMAGES_A_PHOTO, max(0, round(IMAGES_A_PHOTO * accuracy + rng.uniform(-1, 1))))
        predicted = [0] * n
        predicted[label] += right
        for _ in range(IMAGES_A_PHOTO - right):
            predicted[(label + rng.randrange(1, n)) % n] += 1
        confusion[label] = [a + b for a, b in zip(confusion[label], predicted, strict=True)]
        photos.append(PhotoCount(photo=f"{split}/{classes[label]}/{number}", label=label, predicted=predicted))
    hits = sum(confusion[i][i] for i in range(n))
    f1 = [2 * confusion[i][i] / (sum(confusion[i]) + sum(row[i] for row in confusion)) for i in range(n)]
    return SplitMeasures(
        accuracy=hits / sum(map(sum, confusion)),
        loss=1.4 * (1 - accuracy) + 0.1,
        macro_f1=sum(f1) / n,
        recall=[row[i] / sum(row) for i, row in enumerate(confusion)],
        confusion=confusion,
        photos=photos,
        wrong={f"TEST/{classes[0]}/_1_{k}.jpeg": 1 for k in range(3)} if split == "test" else {},
    )


def epochs(trial: str, count: int, seed: int = 0, *, gpu: bool = False) -> list[Epoch]:
    """Curves that flatten: training ends near 0.95, validation near 0.75."""
    rng = random.Random(seed)
    found = []
    for number in range(1, count + 1):
        learnt = 1 - math.exp(-3 * number / max(count, 8))
        train, val = 0.25 + 0.74 * learnt, 0.25 + 0.53 * learnt
        found.append(
            Epoch(
                trial=trial,
                epoch=number,
                train_accuracy=train,
                val_accuracy=val + rng.uniform(-0.03, 0.03),
                train_loss=1.4 * (1 - 0.95 * learnt),
                val_loss=1.4 * (1 - 0.6 * learnt) + rng.uniform(0, 0.1),
                epoch_s=1.25,
                images_per_s=384.0 + rng.uniform(-9, 9),
                vram_peak_mib=1829.0 if gpu else None,
            )
        )
    return found


def trial_record(
    number: int = 0,
    params: Mapping[str, ParamValue] | None = None,
    *,
    seed: int = 0,
    role: Role = "replicate",
    n_epochs: int = 10,
    end: str = "finished",
    gpu: bool = False,
    study: str = "pooling",
    classes: Sequence[str] = CLASSES,
    accuracy: float = 0.65,
    started_at: float | None = None,
) -> TrialRecord:
    """A trial. `end` is finished, running, error, out_of_memory or stopped."""
    params = {"pooling": "max"} if params is None else params
    trial = f"{study}-{number}"
    config = TrainConfig.of({**params, "trial": trial, "seed": seed, "epochs": n_epochs})
    start = START + 60 * number if started_at is None else started_at
    events: list[Event] = [
        Started(
            trial=trial,
            parameters=98_765,
            flops_per_image=31_000_000,
            images=IMAGES,
            photographs=PHOTOGRAPHS,
            traced=True,
        ),
        *epochs(trial, n_epochs, seed, gpu=gpu),
    ]
    if end == "finished":
        scores: dict[SplitName, float] = {"train": 0.95, "val": 0.75, "test": accuracy}
        events.append(
            Finished(
                trial=trial,
                epochs_run=n_epochs,
                parameters=98_765,
                flops_per_image=31_000_000,
                splits={split: measures(score, split, classes, seed) for split, score in scores.items()},
                train_s=1.25 * n_epochs,
                images_per_s=390.0,
                vram_peak_mib=1830.5 if gpu else None,
                vram_process_mib=2410.0 if gpu else None,
                model_file=None,
            )
        )
    elif end == "not_finite":
        events.append(Failed(trial=trial, kind="not_finite", message="the training loss became nan", epoch=1))
    elif end == "error":
        events.append(
            Failed(trial=trial, kind="error", message="ValueError: no", traceback="Traceback:\n  no", epoch=n_epochs)
        )
    elif end == "out_of_memory":
        events.append(
            Failed(trial=trial, kind="out_of_memory", message="OOM", traceback="Traceback", requested_mib=4096.0)
        )
    elif end == "stopped":
        events.append(Stopped(trial=trial, epoch=n_epochs))
    elif end != "running":
        raise ValueError(f"end = {end!r}")
    return TrialRecord(
        study=study,
        number=number,
        params=params,
        role=role,
        config=config,
        ready=ready(gpu=gpu),
        events=tuple(events),
        started_at=start,
        finished_at=None if end == "running" else start + 1.25 * n_epochs + 2,
        slot=0,
    )
