"""What it would take to tell more: photographs and seeds, from the parts of the variance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.answer.intervals import Estimate

RELEVANT = 0.05  # a difference in accuracy that a user would care about: a choice, not a measurement
POWER = 0.80  # the usual one (Cohen 1988, "Statistical Power Analysis for the Behavioral Sciences")
ROUNDS = 20  # of a fixed point that is reached in a few


@dataclass(frozen=True)
class Effort:
    """What would find a difference of `RELEVANT` in test accuracy in 80 % of all studies.

    Attributes:
        detectable: the difference that this study would find so.
        photographs: in place of the test photographs now, in the same mix of classes and with the seeds of now; None
            where no number suffices.
        seeds: in place of those now, with the photographs of now; None likewise.
        n_photographs: now.
        n_seeds: now.
    """

    detectable: float
    photographs: int | None
    seeds: int | None
    n_photographs: int
    n_seeds: int


def effort(differences: Sequence[Estimate]) -> Effort | None:
    """For the middle one of the comparisons; None with one seed, or where nothing varies."""
    known = [d for d in differences if d.n_seeds > 1 and d.variance.total > 0]
    if not known:
        return None
    variance = sorted(known, key=lambda d: float(d.variance.total))[len(known) // 2].variance
    photos, seeds, both = (
        max(0.0, float(np.nan_to_num(part))) for part in (variance.photographs, variance.seeds, variance.interaction)
    )
    n, s, df = variance.n_photographs, variance.n_seeds, float(variance.df)

    def enough(now: int, shrinks: float, stays: float) -> int | None:
        """The least number in place of `now`, where degrees of freedom grow with it."""
        number = math.inf  # from above: at the degrees of freedom of now it may never be enough
        for _ in range(ROUNDS):
            wanted = (RELEVANT / _detected(df * number / now)) ** 2
            if wanted <= stays:
                return None
            number = max(1.0, now * shrinks / (wanted - stays))
        return math.ceil(number)

    return Effort(
        detectable=_detected(df) * math.sqrt(float(variance.total)),
        photographs=enough(n, photos + both, seeds),
        seeds=enough(s, seeds + both, photos),
        n_photographs=n,
        n_seeds=s,
    )


def _detected(df: float) -> float:
    """How many standard errors a difference has that a two-sided test at 5 % finds with that power."""
    from scipy import stats

    return float(stats.t.ppf(0.975, max(df, 1.0)) + stats.t.ppf(POWER, max(df, 1.0)))
