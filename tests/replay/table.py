"""A table as `benchmarks.joint_table` writes it, of made-up trainings."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

from benchmarks.joint_table import CLOCK, REPLICATES, columns, drawn
from benchmarks.replay_world import CHANCE
from search.study.space import ParamValue
from search.study.toml_file import load_study

MODELS, WAITED, STARTED = 36, 30, 5
LENGTH = STARTED + CLOCK["epochs_after_start"]

Params = dict[str, ParamValue]
Accuracy = Callable[[Params], float | None]  # where it learnt


def by_depth(params: Params) -> float | None:
    """The deeper the better; one block learns nothing."""
    depth = int(params["depth"])
    return None if depth == 1 else 0.3 + 0.1 * depth


def by_reference(params: Params) -> float | None:
    """The nearer to the reference model the better."""
    steps = abs(math.log10(float(params["learning_rate"]) / 0.0005)) + abs(int(params["depth"]) - 4)
    others = float(params["dropout_rate"]) + (params["pooling"] != "max") + (params["augmentation"] != "none")
    return 0.9 - 0.08 * steps - 0.15 * others


def row_of(number: int, replicate: int, params: Params, accuracy: float | None) -> dict[str, object]:
    row: dict[str, object] = {"config": number, "replicate": replicate, **params, "state": "finished"}
    row |= {"model_parameters": 1000 * int(params["depth"]), "train_accuracy": accuracy or CHANCE}
    if accuracy is None:
        return row | {
            "epochs": WAITED, "val_accuracy": CHANCE, "test_accuracy": CHANCE, "val_curve": ";".join(["250"] * WAITED)
        }  # fmt: skip
    curve = [250] * STARTED + [round(1000 * accuracy)] * (LENGTH - STARTED)
    return row | {
        "epochs": LENGTH, "start_epoch": STARTED, "val_accuracy": accuracy, "test_accuracy": accuracy - 0.05,
        "val_curve": ";".join(map(str, curve)),
    }  # fmt: skip


def table(path: Path, accuracy: Accuracy, models: int = MODELS) -> Path:
    """Made-up trainings of the space of `joint`, all replicates alike; the last model, which learnt, lacks the last."""
    study = load_study("joint")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns(study), lineterminator="\n")
        writer.writeheader()
        for number, params in enumerate(drawn(study, models + 1)):
            for replicate in range(REPLICATES if number < models else REPLICATES - 1):
                learnt = accuracy(params) if number < models else 0.5
                writer.writerow(row_of(number, replicate, params, learnt))
    return path
