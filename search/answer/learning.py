"""Whether a training learnt, and when: outcomes of their own beside how well it did.

Some seeds never leave chance. The mean over seeds that learnt and seeds that did not describes neither: on the full set
at learning rate 0.001, one of three stayed at 0.25 in 70 epochs while the others reached 0.62 and 0.60 in testing. So
two things are told: at how many seeds a level learns and when it starts, and how accurate it is where it learnt.

A training has learnt if it started (`trainer.clock`), whatever it did afterwards: a rule that asked for its accuracy at
the end would choose trainings by the figure that is told of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from search.answer.statistics.intervals import LEVEL
from search.folder.record import TrialRecord
from trainer.clock import last_start, start_epoch
from trainer.probabilities import CHANCE

# Of its seeds, at which a level has to learn for its accuracy to be ranked: a choice. With fewer, the seeds that are
# left are a selection, and which of them are left may depend on the level.
RANKED_FROM = 0.8


@dataclass(frozen=True)
class Learning:
    """At how many seeds a level learns.

    Attributes:
        learnt: those at which it did.
        seeds: whose training has finished, or has diverged.
        starts: the epochs in which those that learnt left chance, in order.
        waited: of those that did not, how many epochs they had to start in.
    """

    learnt: int = 0
    seeds: int = 0
    starts: tuple[int, ...] = ()
    waited: tuple[int, ...] = ()

    @property
    def share(self) -> float:
        """The share of the seeds at which it learnt; NaN without seeds."""
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


def start_of(trial: TrialRecord) -> int | None:
    """The epoch in which a training that is finished left chance; None where it never did, and for other trials.

    As its trainer says. Trainers of version 0.1 did not: it then follows from the training losses in the journal.
    """
    end = trial.finished
    if end is None:
        return None
    if "start_epoch" in end.model_fields_set:
        return end.start_epoch
    images = [sum(row) for row in end.splits["train"].confusion]
    return start_epoch([epoch.train_loss for epoch in trial.epochs[: last_start(trial.config)]], images)


def has_learnt(trial: TrialRecord) -> bool:
    """Whether a training that is finished left chance."""
    return start_of(trial) is not None


def chance_of(trial: TrialRecord, measure: str = "accuracy") -> float:
    """What a model that learnt nothing but which class is the most frequent has on the training images.

    Args:
        trial: a training; NaN before it has finished.
        measure: a name of `DECIDING`.
    """
    if trial.finished is None:
        return math.nan
    totals = [total for row in trial.finished.splits["train"].confusion if (total := sum(row))]
    share = max(totals) / sum(totals)
    chances = {
        "balanced_accuracy": 1 / len(totals),
        "macro_f1": 2 * share / (1 + share) / len(totals),
        "auroc": CHANCE,
    }
    return chances.get(measure, share)
