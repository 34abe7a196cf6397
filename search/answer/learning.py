"""Whether a training learnt: an outcome of its own beside how well it did.

Some seeds never leave chance. The mean over seeds that learnt and seeds that did not describes neither: on the full set
at learning rate 0.001, one of three stayed at 0.25 in 70 epochs while the others reached 0.62 and 0.60 in testing. So
two things are told: at how many seeds a level learns, and how accurate it is where it learnt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from search.answer.statistics.intervals import LEVEL
from search.folder.record import TrialRecord

# A training accuracy at the end this close to chance means that nothing was learnt. In 3 epochs of the real set the
# reference model stays at 0.25 of 4 classes; after 30 it has 0.69.
LEARNT_ABOVE_CHANCE = 0.10
# Of its seeds, at which a level has to learn for its accuracy to be ranked: a choice. With fewer, the seeds that are
# left are a selection, and which of them are left may depend on the level.
RANKED_FROM = 0.8


@dataclass(frozen=True)
class Learning:
    """At how many seeds a level learns.

    Attributes:
        learnt: those at which it did.
        seeds: whose training has finished, or has diverged.
    """

    learnt: int = 0
    seeds: int = 0

    @property
    def share(self) -> float:
        """Of the seeds; NaN with none."""
        return self.learnt / self.seeds if self.seeds else math.nan

    @property
    def is_reliable(self) -> bool:
        """Whether it learns at enough seeds for its accuracy to be ranked."""
        return self.seeds > 0 and self.learnt >= RANKED_FROM * self.seeds

    @cached_property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % interval of the share (Clopper and Pearson 1934, "The Use of Confidence or Fiducial Limits
        Illustrated in the Case of the Binomial", Biometrika 26, 404-413), as quantiles of beta distributions.
        """
        from scipy.special import betaincinv

        if not self.seeds:
            return (0.0, 1.0)
        below, tail = self.seeds - self.learnt, (1 - LEVEL) / 2
        low = betaincinv(self.learnt, below + 1, tail) if self.learnt else 0.0
        high = betaincinv(self.learnt + 1, below, 1 - tail) if below else 1.0
        return float(low), float(high)


def has_learnt(trial: TrialRecord) -> bool:
    """Whether a training that is finished does better on its training images than guessing."""
    end = trial.finished
    return end is not None and end.splits["train"].accuracy >= chance_of(trial) + LEARNT_ABOVE_CHANCE


def chance_of(trial: TrialRecord) -> float:
    """The training accuracy of a model that learnt nothing but which class is the most frequent."""
    if trial.finished is None:
        return math.nan
    totals = [sum(row) for row in trial.finished.splits["train"].confusion]
    return max(max(totals) / max(sum(totals), 1), 1 / len(totals))
