"""The table of trainings of `benchmarks.joint_table` as a replayed search meets it (`benchmarks.replay`)."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Sequence
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

    @property
    def learnt(self) -> bool:
        """Whether it left chance, and has an accuracy."""
        return self.start is not None and self.val is not None


def read(path: Path) -> list[Row]:
    """The trainings, without those of models that learnt and whose second replicate is still missing.

    A loss that was not finite is no accuracy.
    """
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
    first = {row.config: row for row in rows if row.replicate == 0}
    again = {row.config for row in rows if row.replicate == 1}
    whole = {config for config, row in first.items() if config in again or not row.learnt}
    return [row for row in rows if row.config in whole]


def _value(spec: Any, text: str) -> ParamValue:
    if isinstance(spec, Levels):
        return text
    return int(text) if isinstance(spec.low, int) else float(text)


class World:
    """The table as a search meets it.

    Args:
        rows: its trainings: of every model the first replicate, which is what a search sees, and of one that learnt
            there the second.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = list(rows)
        self.specs = space(load_study("joint"))
        self.first = {row.config: row for row in rows if row.replicate == 0}
        self._second = {row.config: row for row in rows if row.replicate == 1}
        self.largest = max(row.parameters for row in rows)
        self.smallest = min(row.parameters for row in rows if row.parameters)
        self.configs = sorted(self.first)
        self._points = np.array([self._point(self.first[config].params) for config in self.configs])
        self._whole = self.volume([(self.mean_test(row.config), row.parameters) for row in rows if row.parameters])
        self.budget = TRIALS * float(np.mean([row.epochs for row in self.first.values()]))

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

    def nearest(self, params: Params, used: Collection[int] = ()) -> int:
        """The number of the model that is nearest to these params and not among those used.

        Raises:
            ValueError: all are used.
        """
        if len(used) >= len(self.configs):
            raise ValueError(f"all {len(self.configs)} models are used")
        distances = np.abs(self._points - np.array(self._point(params))).sum(axis=1)
        distances[np.isin(self.configs, list(used))] = np.inf
        return self.configs[int(distances.argmin())]

    def mean_test(self, config: int) -> float:
        """Of the replicates that there are."""
        return (self.first[config].test + self._second.get(config, self.first[config]).test) / 2

    def truth(self, config: int) -> float:
        """Test accuracy of the model's second replicate; without one, of the first, which stayed at chance."""
        return self._second.get(config, self.first[config]).test

    def volume(self, points: Sequence[tuple[float, int]]) -> float:
        """Hypervolume of (accuracy, parameters) above chance and below the largest model, parameters as logarithms; a
        model whose loss was not finite has no parameters in the table, and no part.
        """
        found, best = 0.0, CHANCE
        for accuracy, parameters in sorted(points, key=lambda point: point[1]):
            if accuracy > best and parameters:
                found += (accuracy - best) * math.log(self.largest / parameters)
                best = accuracy
        return found

    def share(self, points: Sequence[tuple[float, int]]) -> float:
        """The hypervolume as a share of that of all models of the table; 0 where none of them learnt."""
        return self.volume(points) / self._whole if self._whole else 0.0
