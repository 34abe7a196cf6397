"""The best of a replayed search trained again on new seeds, before one of them is recommended, as `joint` does.

The five best on validation are trained three times more and ranked as `search.answer.confirmed` ranks them: those that
learn reliably by their mean accuracy on validation where they learnt; here by what it has above the mean of the same
replicates, which differ between models. Where none is reliable `joint` recommends nothing; here whoever learnt most
often comes first, as a user would take it. What is left tells what a model is worth (`World.truth`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.replay_questions import rank
from benchmarks.replay_world import Row, World
from search.study.confirm import CANDIDATES


@dataclass(frozen=True)
class Again:
    """A model that was trained again.

    Attributes:
        row: its training in the search.
        trained: those on new seeds.
        ease: of each replicate the mean accuracy on validation.
    """

    row: Row
    trained: Sequence[Row]
    ease: Mapping[int, float]

    @property
    def rank(self) -> tuple[bool, int, float]:
        """How it stands among others, the highest the best."""
        return rank(self.trained, self.ease)

    @property
    def epochs(self) -> int:
        """Of the trainings on new seeds."""
        return sum(one.epochs for one in self.trained)

    @property
    def learnt(self) -> int:
        """How many of these learnt."""
        return sum(one.learnt for one in self.trained)


def trained_again(world: World, seen: Sequence[Row]) -> list[Again]:
    """The best of the trainings seen, trained again, the best first.

    Args:
        world: the table.
        seen: trainings of models that learnt, one a model.
    """
    best = sorted(seen, key=lambda row: -(row.val or 0.0))[:CANDIDATES]
    again = [Again(row, world.again(row), world.ease) for row in best]
    return sorted(again, key=lambda one: one.rank, reverse=True)
