"""The best of a replayed search trained again on new seeds, before one of them is recommended, as `joint` does.

The five best on validation are trained three times more, the same replicates of each, and ranked as
`search.answer.confirmed` ranks them: those that learn reliably by their mean accuracy on validation where they learnt.
Where none is reliable `joint` recommends nothing; here whoever learnt most often comes first, as a user would take it,
and how often that was is told. The other replicates tell what a model is worth (`World.truth`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.replay_world import Row, World
from search.answer.learning import Learning
from search.study.confirm import CANDIDATES


@dataclass(frozen=True)
class Again:
    """A model that was trained again.

    Attributes:
        row: its training in the search.
        epochs: of the trainings on new seeds.
        learnt: how many of these learnt.
        is_reliable: whether these are enough for it to be recommended.
        val: the mean accuracy on validation of those that learnt; 0 where none did.
    """

    row: Row
    epochs: int
    learnt: int
    is_reliable: bool
    val: float

    @property
    def rank(self) -> tuple[bool, int, float]:
        """How it stands among the others, the highest the best."""
        return self.is_reliable, 0 if self.is_reliable else self.learnt, self.val


def trained_again(world: World, seen: Sequence[Row]) -> list[Again]:
    """The best of the trainings seen, trained again, the best first.

    Args:
        world: the table.
        seen: trainings of models that learnt, one a model.
    """
    best = sorted(seen, key=lambda row: -(row.val or 0.0))[:CANDIDATES]
    return sorted((_again(row, world.again(row.config)) for row in best), key=lambda one: one.rank, reverse=True)


def _again(row: Row, trained: Sequence[Row]) -> Again:
    values = [one.val for one in trained if one.learnt and one.val is not None]
    learning = Learning(learnt=len(values), seeds=len(trained))
    epochs = sum(one.epochs for one in trained)
    return Again(row, epochs, len(values), learning.is_reliable, float(np.mean(values)) if values else 0.0)
