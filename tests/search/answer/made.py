"""Studies for the tests of answers, with photographs that are right or wrong as a test says."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from search.answer import StoredStudy
from search.folder.record import ParamValue, TrialRecord
from search.study import Study
from tests.search.fabricate import data_info, trial_record
from trainer.events import PhotoCount, SplitMeasures, SplitName

COMMAND = "python -m search.run --study pooling"
SIZES: dict[SplitName, tuple[int, ...]] = {"train": (12, 12, 12, 12), "val": (3, 3, 3, 3), "test": (5, 5, 5, 5)}
IMAGES = 10  # of a photograph


def pooling(levels: Sequence[str] = ("max", "average", "blur"), seeds: int = 3, **changes: Any) -> Study:
    spec = {"pooling": {"levels": list(levels), "reference": "max"}}
    data = {"name": "pooling", "question": "What does the pooling do?", "seeds": seeds, "scientific": spec}
    return Study.model_validate({**data, "fixed": {"epochs": 10}, **changes})


def measured(
    share: float,
    split: SplitName,
    seed: int = 0,
    spread: float = 0.0,
    sizes: Sequence[int] | None = None,
    images: int = IMAGES,
    level: str = "",
) -> SplitMeasures:
    """Photographs of which about `share` of the images are right; `spread` is of the photographs and of the seed."""
    rng = np.random.default_rng([seed, len(split), zlib.crc32(level.encode())])
    shared = np.random.default_rng(len(split))  # the same photographs for every seed and level
    sizes = sizes or SIZES[split]
    n = len(sizes)
    confusion = np.zeros((n, n), int)
    photos, wrong = [], {}
    of_seed = rng.normal(0, spread / 3)
    for label, size in enumerate(sizes):
        for number in range(size):
            chance = np.clip(share + shared.normal(0, spread) + of_seed + rng.normal(0, spread / 3), 0, 1)
            right = round(images * chance)
            predicted = np.zeros(n, int)
            predicted[label] = right
            predicted[(label + 1) % n] += images - right
            confusion[label] += predicted
            name = f"{'TEST' if split == 'test' else 'TRAIN'}/{label}/_{number}_{split}"
            photos.append(PhotoCount(photo=name, label=label, predicted=predicted.tolist()))
            if split == "test":
                file = f"TEST/CLASS{label}/_{number}"
                wrong |= {f"{file}_{copy}.jpeg": (label + 1) % n for copy in range(images - right)}
    hits = np.diag(confusion)
    f1 = 2 * hits / (confusion.sum(axis=0) + confusion.sum(axis=1)).clip(1)
    return SplitMeasures(
        accuracy=float(hits.sum() / confusion.sum()),
        loss=1.0,
        macro_f1=float(f1.mean()),
        recall=[float(hit / total) for hit, total in zip(hits, confusion.sum(axis=1), strict=True)],
        confusion=confusion.tolist(),
        photos=photos,
        wrong=wrong,
    )


def trial(
    number: int,
    params: Mapping[str, ParamValue],
    seed: int,
    shares: tuple[float, float, float] = (0.9, 0.7, 0.6),
    *,
    spread: float = 0.0,
    sizes: Mapping[SplitName, Sequence[int]] = SIZES,
    changes: Mapping[str, Any] | None = None,
    start: int | None = 2,
    **of_record: Any,
) -> TrialRecord:
    """A finished trial with these accuracies in training, validation and testing; one whose training accuracy is near
    chance never started.
    """
    record = trial_record(number, params, seed=seed, **of_record)
    finished = record.finished
    assert finished is not None
    named: dict[SplitName, float] = dict(zip(("train", "val", "test"), shares, strict=True))  # type: ignore[arg-type]
    level = "".join(str(params[name]) for name in ("pooling", "dropout_rate") if name in params) or "None"
    splits = {split: measured(share, split, seed, spread, sizes[split], level=level) for split, share in named.items()}
    if splits["train"].accuracy < max(sizes["train"]) / sum(sizes["train"]) + 0.1:
        start = None
    end = finished.model_copy(update={"splits": splits, "start_epoch": start, **(changes or {})})
    return replace(record, events=(*record.events[:-1], end))


def question(
    tests: Mapping[str, float],
    seeds: int = 3,
    train: Mapping[str, float] | float = 0.9,
    study: Study | None = None,
    extra: Sequence[TrialRecord] = (),
    *,
    demo: bool = False,
    spread: float = 0.06,
    changes: Callable[[str], Mapping[str, Any]] = lambda level: {},
    **of_record: Any,
) -> StoredStudy:
    """A pooling study with these test accuracies by level."""
    study = study or pooling(tuple(tests), seeds)
    records = [
        trial(
            i * seeds + seed,
            {"pooling": level, "seed": seed},
            seed,
            (train if isinstance(train, float) else train[level], 0.7, share),
            spread=spread,
            changes=changes(level),
            **of_record,
        )
        for i, (level, share) in enumerate(tests.items())
        for seed in range(seeds)
    ]
    return StoredStudy("pooling", study, data_info(is_demo=demo), COMMAND, (*records, *extra))
