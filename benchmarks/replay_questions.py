"""What questions would have told of the table of `benchmarks.joint_table`, before a search that is replayed on it.

A question has every level of one parameter (numbers in five parts of their axes) at five seeds. Of each level so many
trainings are drawn from the table, at random: those whose level it is, all else in them being random too, where a real
question holds it at the reference model's values. So these questions tell less than real ones would. Their epochs are
counted. Of each model one replicate is looked at, and none that tells what a recommended model is worth; among the four
by which a front is judged it is one.

The best level has the highest mean accuracy on validation of those that learnt, above that of all models in the same
replicates, of the levels that learn at as many of their trainings as `search.answer.learning` asks for; where none
does, of those that learn most often. Where nothing learns, a question tells nothing, and the reference model's value
stays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.replay_world import Params, Row, World
from search.answer.learning import Learning
from search.study.space import Levels, ParamValue, Spec

SEEDS = 5  # of a question, as the studies have
PARTS = 5  # of a number's axis
REFERENCE: Params = {
    "learning_rate": 0.0005,
    "pooling": "max",
    "dropout_rate": 0.0,
    "augmentation": "none",
    "depth": 4,
}


@dataclass(frozen=True)
class Questions:
    """All questions, answered.

    Attributes:
        starts: the reference model, with the best level of each parameter, and with all of them together; equal ones
            once.
        together: the last of these.
        epochs: that their trainings had.
    """

    starts: tuple[Params, ...]
    together: Params
    epochs: int


def asked(world: World, rows: Sequence[Row], rng: np.random.Generator) -> Questions:
    """Draws the trainings of every question, and answers it.

    Args:
        world: the table.
        rows: that may be drawn, one a model.
        rng: of the draws.
    """
    together, starts, epochs = dict(REFERENCE), [REFERENCE], 0
    for name, spec in world.specs.items():
        ranked: list[tuple[tuple[bool, int, float], int]] = []
        for level in range(parts_of(spec)):
            there = [row for row in rows if level_of(spec, row.params[name]) == level]
            chosen: Sequence[int] = (
                rng.choice(len(there), size=min(SEEDS, len(there)), replace=False).tolist() if there else []
            )
            trained = [there[index] for index in chosen]
            epochs += sum(row.epochs for row in trained)
            if any(row.learnt for row in trained):
                ranked.append((rank(trained, world.ease), level))
        if ranked:
            value = spec.at((max(ranked)[1] + 0.5) / parts_of(spec))
            together[name] = value
            starts.append({**REFERENCE, name: value})
    kept = [start for number, start in enumerate([*starts, together]) if start not in [*starts, together][:number]]
    return Questions(tuple(kept), together, epochs)


def rank(trained: Sequence[Row], ease: Mapping[int, float]) -> tuple[bool, int, float]:
    """How a level, or a model, stands among others by its trainings, the highest the best: whether it learns reliably;
    else how many of them learnt; their mean accuracy on validation where they did, less that of all models in the same
    replicates, as those that are compared have the same folds in a study and not here; −1 where none did.
    """
    values = [row.val - ease[row.replicate] for row in trained if row.learnt and row.val is not None]
    reliable = Learning(learnt=len(values), seeds=len(trained)).is_reliable
    return reliable, 0 if reliable else len(values), float(np.mean(values)) if values else -1.0


def parts_of(spec: Spec) -> int:
    """How many levels a question about a parameter has."""
    return len(spec.levels) if isinstance(spec, Levels) else PARTS


def level_of(spec: Spec, value: ParamValue) -> int:
    """The level that a value belongs to: a number, that in whose part of the axis it lies."""
    if isinstance(spec, Levels):
        return spec.levels.index(value)
    middles = [_axis(spec, spec.at((part + 0.5) / PARTS)) for part in range(PARTS)]
    return int(np.argmin([abs(middle - _axis(spec, value)) for middle in middles]))


def _axis(spec: Any, value: Any) -> float:
    return math.log(value) if spec.log else float(value)
