"""The table of trainings of `benchmarks.joint_table` as a replayed search meets it (`benchmarks.replay`)."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.joint_table import space
from search.study.space import Levels, ParamValue
from search.study.toml_file import load_study

Params = dict[str, ParamValue]

CHANCE = 0.25
TRIALS = 60  # of `joint`
# What lies between a proposal and a training: 1 a name, and 1 from one end of a number's axis to the other, times this.
WEIGHTS = {"learning_rate": 4.0, "depth": 4.0, "dropout_rate": 1.0}


@dataclass(frozen=True)
class Row:
    """A training of the table; accuracies are shares (0-1), `curve` validation accuracy by epoch."""

    config: int
    replicate: int
    params: Params
    epochs: int
    start: int | None
    parameters: int
    val: float | None
    test: float
    curve: tuple[float, ...]


def read(path: Path) -> list[Row]:
    """The trainings of models of which the table has both replicates. A loss that was not finite is no accuracy."""
    specs = space(load_study("joint"))
    rows = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            params: Params = {name: _value(spec, row[name]) for name, spec in specs.items()}
            finished = row["state"] == "finished"
            curve = tuple(int(value) / 1000 for value in row["val_curve"].split(";") if value)
            rows.append(
                Row(
                    int(row["config"]),
                    int(row["replicate"]),
                    params,
                    int(row["epochs"]),
                    int(row["start_epoch"]) if row["start_epoch"] else None,
                    int(row["model_parameters"]) if finished else 0,
                    float(row["val_accuracy"]) if finished else None,
                    float(row["test_accuracy"]) if finished else CHANCE,
                    curve,
                )
            )
    both = {row.config for row in rows if row.replicate == 0} & {row.config for row in rows if row.replicate == 1}
    return [row for row in rows if row.config in both]


def _value(spec: Any, text: str) -> ParamValue:
    if isinstance(spec, Levels):
        return text
    return int(text) if isinstance(spec.low, int) else float(text)


class World:
    """The table as a search meets it.

    Args:
        rows: its trainings, both replicates of every model.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = list(rows)
        self.specs = space(load_study("joint"))
        self.other = {(row.config, row.replicate): row for row in rows}
        self.largest = max(row.parameters for row in rows)
        self.smallest = min(row.parameters for row in rows if row.parameters)
        self._points = np.array([self._point(row.params) for row in rows])
        self._whole = self.volume([(self.mean_test(row.config), row.parameters) for row in rows if row.parameters])
        self.budget = TRIALS * float(np.mean([row.epochs for row in rows]))
        self.starts = self._starts()

    def _point(self, params: Params) -> list[float]:
        """A place where distances between names and numbers can be added: names as indicators."""
        place: list[float] = []
        for name, spec in self.specs.items():
            value = params[name]
            if isinstance(spec, Levels):
                place += [0.5 * (value == level) for level in spec.levels]
            else:
                low, high, at = float(spec.low), float(spec.high), float(value)
                if spec.log:
                    low, high, at = math.log(low), math.log(high), math.log(at)
                place.append(WEIGHTS[name] * (at - low) / (high - low))
        return place

    def nearest(self, params: Params, used: set[int]) -> int:
        """The index of the training that is nearest to these params and not used; of a model's two, the first."""
        distances = np.abs(self._points - np.array(self._point(params))).sum(axis=1)
        distances[list(used)] = np.inf
        return int(distances.argmin())

    def mean_test(self, config: int) -> float:
        """Of both replicates."""
        return (self.other[config, 0].test + self.other[config, 1].test) / 2

    def truth(self, row: Row) -> float:
        """Test accuracy of the model's other replicate."""
        return self.other[row.config, 1 - row.replicate].test

    def volume(self, points: Sequence[tuple[float, int]]) -> float:
        """Hypervolume of (accuracy, parameters) above chance and below the largest model, parameters as logarithms."""
        found, best = 0.0, CHANCE
        for accuracy, parameters in sorted(points, key=lambda point: point[1]):
            if accuracy > best:
                found += (accuracy - best) * math.log(self.largest / parameters)
                best = accuracy
        return found

    def share(self, points: Sequence[tuple[float, int]]) -> float:
        """The hypervolume as a share of that of all models of the table."""
        return self.volume(points) / self._whole

    def _starts(self) -> list[Params]:
        """What questions would have told: the best level of each parameter, numbers in five parts of their axes."""
        kept = [row for row in self.rows if row.val is not None]
        labels = {name: [self._level(name, row.params[name]) for row in kept] for name in self.specs}
        columns: list[tuple[str, int]] = [(name, level) for name in labels for level in sorted(set(labels[name]))]
        design = np.array([[float(labels[name][at] == level) for name, level in columns] for at in range(len(kept))])
        ridge = design.T @ design + np.eye(len(columns))
        target = np.array([row.val for row in kept], dtype=float)
        effects = np.linalg.solve(ridge, design.T @ (target - target.mean()))
        base: Params = {
            "learning_rate": 0.0005,
            "pooling": "max",
            "dropout_rate": 0.0,
            "augmentation": "none",
            "depth": 4,
        }
        together, starts = dict(base), [base]
        for name, spec in self.specs.items():
            levels = [(effect, level) for (owner, level), effect in zip(columns, effects, strict=True) if owner == name]
            _, level = max(levels)
            value = spec.at((level + 0.5) / self._parts(name))
            together[name] = value
            starts.append({**base, name: value})
        return [*starts, together]

    def _parts(self, name: str) -> int:
        spec = self.specs[name]
        return len(spec.levels) if isinstance(spec, Levels) else 5

    def _level(self, name: str, value: ParamValue) -> int:
        spec = self.specs[name]
        if isinstance(spec, Levels):
            return spec.levels.index(value)
        shares = (np.arange(5) + 0.5) / 5
        return int(np.argmin([abs(_axis(spec, spec.at(share)) - _axis(spec, value)) for share in shares]))


def _axis(spec: Any, value: Any) -> float:
    return math.log(value) if spec.log else float(value)
