"""Who stops a trial of a search against the others: the table of pruners, by Optuna's names.

Optuna's own pruners refuse a study with several objectives. These decide from curves, which follow from the journals:
the values of the measure that decides, on validation, epoch by epoch, counted from where a training starts to learn.
"""

from __future__ import annotations

import math
import statistics
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from trainer.registry import Registry

# Of the trials that reach a rung, one in so many goes on. Li et al. 2018, "Hyperband", JMLR 18(185), section 2.6: "in
# practice we suggest taking η to be equal to 3 or 4".
REDUCTION = 3
# The first of two rungs is at a ninth of the epochs. A third one, at a twenty-seventh, would rank trainings of 60
# epochs by their second or third, which tells nothing of their end.
RUNGS = 2
MEDIAN_OF = 5  # others, at least: Optuna's n_startup_trials of its MedianPruner


@dataclass(frozen=True)
class Curve:
    """A training as pruners see it.

    Attributes:
        number: the trial's.
        length: for how many epochs it is to be compared, at most.
        values: of the measure that decides, on validation; one an epoch since the training started to learn. Higher is
            better.
    """

    number: int
    length: int
    values: tuple[float, ...]

    def reaches(self, epoch: int) -> bool:
        """Whether it has a value so many epochs after its start."""
        return len(self.values) >= epoch


# Whether a trial is stopped so many epochs after its start, given all others as far as they are.
Stops: TypeAlias = Callable[[Curve, int, Sequence[Curve]], bool]


@dataclass(frozen=True)
class Pruner:
    """What stops a trial of a search against the others, as an entry of `PRUNERS`.

    Attributes:
        words: what it is called.
        stops: whether it stops a trial; None: no trial is stopped.
        rungs: the epochs after the start at which a trial of this length and number is ranked; None: any epoch.
    """

    words: str
    stops: Stops | None = None
    rungs: Callable[[int, int], tuple[int, ...]] | None = None


def halving_rungs(length: int, number: int = 0) -> tuple[int, ...]:
    """The rungs of successive halving: a ninth and a third of the epochs, 7 and 20 of 60.

    Args:
        length: epochs of a trial that goes to its end.
        number: the trial's; of no matter.
    """
    found = {math.ceil(length / REDUCTION**power) for power in range(1, RUNGS + 1)}
    return tuple(sorted(rung for rung in found if rung < length))


def hyperband_rungs(length: int, number: int) -> tuple[int, ...]:
    """The rungs of the trial's bracket: both, the later one, or none. Trials are dealt out to brackets by a hash of
    their number, in the shares of Optuna's HyperbandPruner, in which every bracket gets about the same epochs.
    """
    rungs = halving_rungs(length)
    brackets = len(rungs) + 1
    shares = [math.ceil(brackets * REDUCTION**left / (left + 1)) for left in range(brackets - 1, -1, -1)]
    place = zlib.crc32(str(number).encode()) % sum(shares)
    bracket = next(index for index in range(brackets) if place < sum(shares[: index + 1]))
    return rungs[bracket:]


def threshold(values: Sequence[float]) -> float | None:
    """What a trial needs at a rung to go on, by the values of all that have reached it, its own included: a third goes
    on. None while so few have reached it that a third of them is less than one.
    """
    stay = len(values) // REDUCTION
    return sorted(values, reverse=True)[stay - 1] if stay else None


def _halving(rungs: Callable[[int, int], tuple[int, ...]]) -> Stops:
    """Asynchronous successive halving, the rule that stops (Li et al. 2020, "A System for Massively Parallel
    Hyperparameter Tuning", MLSys, section 3): nobody waits for a rung to fill. Trials of one bracket are ranked.
    """

    def stops(curve: Curve, epoch: int, others: Sequence[Curve]) -> bool:
        ours = rungs(curve.length, curve.number)
        if epoch not in ours:
            return False
        value = curve.values[epoch - 1]
        rivals = [other for other in others if other.reaches(epoch) and rungs(other.length, other.number) == ours]
        needed = threshold([value, *(other.values[epoch - 1] for other in rivals)])
        return needed is not None and value < needed

    return stops


def _below_the_median(curve: Curve, epoch: int, others: Sequence[Curve]) -> bool:
    """From a third of the epochs on, whose best value so far is below the median of the others' at the same epoch
    (Golovin et al. 2017, "Google Vizier", section 3.2.2, as Optuna's MedianPruner has it).
    """
    there = [other.values[epoch - 1] for other in others if other.reaches(epoch)]
    if epoch < max(1, curve.length // REDUCTION) or len(there) < MEDIAN_OF:
        return False
    return max(curve.values[:epoch]) < statistics.median(there)


PRUNERS = Registry[Pruner]("pruner")
PRUNERS.register("none", Pruner("no pruning"))
PRUNERS.register("asha", Pruner("asynchronous successive halving", _halving(halving_rungs), halving_rungs))
PRUNERS.register("median", Pruner("the median of the other trials at the same epoch", _below_the_median))
PRUNERS.register("hyperband", Pruner("Hyperband's brackets", _halving(hyperband_rungs), hyperband_rungs))
