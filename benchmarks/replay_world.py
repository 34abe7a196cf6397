"""The table of trainings of `benchmarks.joint_table` as a replayed search meets it (`benchmarks.replay`)."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.joint_table import REPLICATES, WHERE_IT_STARTS, WHOLE_SPACE, space
from search.study.space import Levels, ParamValue, Spec
from search.study.toml_file import load_study

Params = dict[str, ParamValue]
T = TypeVar("T")

CHANCE = 0.25
TRIALS = 60  # of `joint`
FIXED = 60  # its epochs, where no clock is used
CONFIRM = 3  # of the replicates after the first: seeds on which the best are trained again
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
    train: float
    curve: tuple[float, ...]

    @property
    def learnt(self) -> bool:
        """Whether it left chance, and has an accuracy."""
        return self.start is not None and self.val is not None


@cache
def joint_space() -> dict[str, Spec]:
    """The space of the models in the table."""
    return space(load_study("joint"))


def read(path: Path) -> list[Row]:
    """The trainings: the first replicates, and the others of models that learnt in their first.

    Of models that learnt and wait for one of their replicates there is nothing. A loss that was not finite is no
    accuracy.
    """
    specs = joint_space()
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
                    float(row["train_accuracy"]) if finished else CHANCE,
                    curve,
                )
            )
    first = {row.config: row for row in rows if row.replicate == 0}
    there = {(row.config, row.replicate) for row in rows}
    whole = {
        config
        for config, row in first.items()
        if not row.learnt or all((config, replicate) in there for replicate in range(REPLICATES))
    }
    return [row for row in rows if row.config in whole and (not row.replicate or first[row.config].learnt)]


def without_clock(rows: Sequence[Row]) -> list[Row]:
    """The same where the clock does not end what stays at chance: it goes on to the end that `joint` has as it is
    shipped, unless a pruner stops it; should it learn there, nobody is told.
    """
    return [replace(row, epochs=FIXED) if row.start is None and row.val is not None else row for row in rows]


def _value(spec: Any, text: str) -> ParamValue:
    if isinstance(spec, Levels):
        return text
    return int(text) if isinstance(spec.low, int) else float(text)


class World:
    """The table as a search meets it.

    Args:
        rows: its trainings: of every model the first replicate, and of one that learnt there, which is called able, the
            others.
        budget: epochs of a search; None: those of 60 trainings of models drawn from the whole space.
        orders: of each able model its replicates after the first: of those that a search does not see, the first
            `CONFIRM` are what is seen of it when it is trained again, and the rest is what it is worth. As they are
            numbered, where there is none.
        seen: the replicate of able models that a search sees; None: that on the fold of the trial's number.

    Attributes:
        first: of each model its first replicate.
        able: the numbers of those that learnt in it.
        ease: of each replicate the mean accuracy on validation of the able models that learnt in it.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        budget: float | None = None,
        orders: Mapping[int, Sequence[int]] | None = None,
        seen: int | None = 0,
    ) -> None:
        self.rows, self._seen, self._orders = list(rows), seen, orders or {}
        self.specs = joint_space()
        self._trained = {(row.config, row.replicate): row for row in rows}
        self.configs = sorted({row.config for row in rows})
        self.first = {config: self._trained[config, 0] for config in self.configs}
        self.able = [config for config in self.configs if self.first[config].learnt]
        self._able = set(self.able)
        self.largest = max(row.parameters for row in rows)
        self.ease = {replicate: self._ease(replicate) for replicate in range(REPLICATES)}
        self._points = np.array([self._point(self.first[config].params) for config in self.configs])
        self._again = np.array([self._stays_at_chance(self.first[config]) for config in self.configs])
        self._whole = self.volume(records([(self.worth(row), row.parameters) for row in self._known_best()]))
        drawn = [self.first[config].epochs for config in self.configs if config < WHOLE_SPACE]
        self.budget = TRIALS * float(np.mean(drawn)) if budget is None else budget

    def _ease(self, replicate: int) -> float:
        rows = [self._trained[config, replicate] for config in self.able]
        values = [row.val for row in rows if row.learnt and row.val is not None]
        return float(np.mean(values)) if values else CHANCE

    def _known_best(self) -> list[Row]:
        """Of able models that which leaves most others to tell what they are worth."""
        return [self._trained[config, self._seen or 0] for config in self.able]

    def half(self, number: int) -> World:
        """The table with half of its models, of the whole space and of the part of it alike, drawn anew for each
        number; with the budget of the whole.
        """
        rng = np.random.default_rng((1, number))
        configs, kept = np.array(self.configs), set[int]()
        for stratum in (configs[configs < WHOLE_SPACE], configs[configs >= WHOLE_SPACE]):
            kept |= set(rng.choice(stratum, size=len(stratum) // 2, replace=False).tolist())
        return World([row for row in self.rows if row.config in kept], self.budget)

    def shuffled(self, seed: int, seen: int | None = None) -> World:
        """The table with the replicates of each able model in another order, drawn anew for each seed.

        Args:
            seed: of what is drawn.
            seen: the replicate that a search sees; None: that on the fold of the trial's number. The first is then not
                used at all: it told who is able.
        """
        rng = np.random.default_rng((2, seed))
        orders = {config: (1 + rng.permutation(REPLICATES - 1)).tolist() for config in self.able}
        return World(self.rows, self.budget, orders, seen)

    def met(self, config: int, number: int) -> Row:
        """The training of a model that a search sees in the trial of this number."""
        if config not in self._able:
            return self.first[config]
        replicate = number % (REPLICATES - 1) or REPLICATES - 1
        return self._trained[config, replicate if self._seen is None else self._seen]

    def asked(self) -> list[Row]:
        """One training of each model, which questions see: of able ones none by which a recommended one is judged."""
        in_turn = self._seen is None
        return [
            self._trained[config, self._order(config)[0]] if in_turn and config in self._able else self.met(config, 0)
            for config in self.configs
        ]

    def _order(self, config: int) -> Sequence[int]:
        return self._orders.get(config, range(1, REPLICATES))

    def _others(self, row: Row) -> list[Row]:
        if row.config not in self._able:
            return []
        return [
            self._trained[row.config, replicate] for replicate in self._order(row.config) if replicate != row.replicate
        ]

    def _stays_at_chance(self, row: Row) -> bool:
        """Whether a model that did not learn lies where hardly any does: met again, it is at chance again."""
        inside = all(
            numbers["low"] <= float(row.params[name]) <= numbers["high"] for name, numbers in WHERE_IT_STARTS.items()
        )
        return not row.learnt and not inside

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
        """The number of the model that is nearest to these params and may be met: any that was not used, and of those
        used the ones that stay at chance.

        Raises:
            ValueError: there is none.
        """
        free = self._again | ~np.isin(self.configs, list(used))
        if not free.any():
            raise ValueError(f"all {len(self.configs)} models are used")
        return self.configs[int(np.where(free, self._distances(params), np.inf).argmin())]

    def distance(self, params: Params, config: int) -> float:
        """Between a proposal and a model: 1 a name that differs, and `WEIGHTS` from one end of an axis to the other."""
        return float(self._distances(params)[self.configs.index(config)])

    def _distances(self, params: Params) -> np.ndarray:
        return np.abs(self._points - np.array(self._point(params))).sum(axis=1)  # type: ignore[no-any-return]

    def again(self, row: Row) -> list[Row]:
        """What is seen of an able model when it is trained again after this training."""
        return self._others(row)[:CONFIRM]

    def unseen(self, row: Row) -> list[Row]:
        """The others, which nothing has seen; of a model that is not able there are none."""
        return self._others(row)[CONFIRM:]

    def truth(self, row: Row) -> float:
        """What a model is worth: mean test accuracy of the trainings that nothing has seen, at chance included. Of one
        that is not able, chance.
        """
        return _mean_test(self.unseen(row))

    def worth(self, row: Row) -> float:
        """The same, of all trainings but this one and the first: for what is chosen without training again."""
        return _mean_test(self._others(row))

    def volume(self, points: Sequence[tuple[float, int]]) -> float:
        """The area under (accuracy, parameters) above chance and below the largest model, parameters as logarithms: at
        each size that of the largest of these models which is no larger.

        Args:
            points: by parameters, ascending; each the choice of whoever can pay for so many. Where one is worth less
                than a smaller one, that counts.
        """
        found, before = 0.0, CHANCE
        for accuracy, parameters in points:
            found += (accuracy - before) * math.log(self.largest / parameters)
            before = accuracy
        return found

    def share(self, points: Sequence[tuple[float, int]]) -> float:
        """The same as a share of that of the best of all able models; 0 where there are none."""
        return self.volume(points) / self._whole if self._whole else 0.0


def front(items: Sequence[T], point: Callable[[T], tuple[float, int]]) -> list[T]:
    """By parameters, ascending, those that no other one equals or exceeds in accuracy at as few.

    Args:
        items: of any kind.
        point: the accuracy and the parameters of one.
    """
    kept: list[T] = []
    for item in sorted(items, key=lambda item: (point(item)[1], -point(item)[0])):
        if not kept or point(item)[0] > point(kept[-1])[0]:
            kept.append(item)
    return kept


def records(points: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """The front of points above chance."""
    return front([point for point in points if point[0] > CHANCE], lambda point: point)


def _mean_test(rows: Sequence[Row]) -> float:
    return float(np.mean([row.test for row in rows])) if rows else CHANCE
