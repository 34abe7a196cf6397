"""What it would take to tell more: seeds and photographs, planned from the parts of the variance.

The parts are estimates themselves, and those of the seeds rest on few models: with 5 seeds, the true variance lies
between half and four times the estimate in four cases of five. So a plan is a range. It comes from what the parts may
be, given their estimates: each is drawn from the scaled inverse chi-square distribution of its degrees of freedom. The
test that is planned for is the one that will be made, with its degrees of freedom and the first step of Holm's
correction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from search.answer.statistics.intervals import LEVEL, Estimate
from search.answer.statistics.simultaneous import SEEDS_TO_CLAIM
from search.answer.statistics.variance import SEEDS_PREVAIL, SMALLEST, Floats, Variance
from search.study.study import MARGIN

POWER = 0.80  # the usual one (Cohen 1988, "Statistical Power Analysis for the Behavioral Sciences")
DRAWS = 400  # of the parts: the ends of the range then move by about a tenth from one set of draws to another
ENDS = (0.1, 0.9)  # of the draws: four cases of five lie between
MOST = 1000  # times the seeds or photographs of now: what needs more is out of reach
STEPS = 120  # to there, in equal ratios


class Range(NamedTuple):
    """From the favourable case to the unfavourable one.

    Attributes:
        low: the least number.
        high: the greatest; None where in the unfavourable case no number suffices.
    """

    low: int
    high: int | None


@dataclass(frozen=True)
class Effort:
    """What would find a difference of the margin in test accuracy in 80 % of all studies.

    Attributes:
        detectable: the difference that this study would find so, from the favourable case to the unfavourable one.
        photographs: in place of the test photographs now, in the same mix of classes and with the seeds of now; None
            where no number suffices.
        seeds: in place of those now, with the photographs of now; None likewise.
        n_photographs: now.
        n_seeds: now.
    """

    detectable: tuple[float, float]
    photographs: Range | None
    seeds: Range | None
    n_photographs: int
    n_seeds: int


@dataclass(frozen=True)
class Parts:
    """What a variance may be made of, (draws, 1) each; see `Variance`."""

    photographs: Floats
    seeds: Floats
    interaction: Floats
    df_photographs: float
    n_seeds: int

    def detectable(self, n_seeds: Floats, times_photographs: Floats, comparisons: int) -> Floats:
        """The difference found with 80 % power, (draws, designs), by two-sided tests among that many comparisons."""
        from scipy.special import stdtrit

        fewer = self.n_seeds / n_seeds
        clustered = (self.photographs + self.interaction * fewer) / times_photographs
        seeds = self.seeds * fewer
        total = np.maximum(clustered + seeds, SMALLEST)
        by_seed = seeds + self.interaction * fewer / times_photographs
        below = clustered**2 / (self.df_photographs * times_photographs) + by_seed**2 / (n_seeds - 1)
        df = np.maximum(total**2 / np.maximum(below, SMALLEST**2), 1.0)
        df = np.where(seeds > SEEDS_PREVAIL * total, np.minimum(df, n_seeds - 1), df)
        claimed = stdtrit(df, 1 - (1 - LEVEL) / (2 * comparisons))
        found: Floats = (claimed + stdtrit(df, POWER)) * np.sqrt(total)
        return found


def effort(differences: Sequence[Estimate], comparisons: int | None = None, margin: float = MARGIN) -> Effort | None:
    """For the middle one of the comparisons; None with one seed, or where nothing varies.

    Args:
        differences: to the reference level.
        comparisons: how many the study makes; None for as many as there are differences.
        margin: the size of the difference to find.
    """
    known = [d for d in differences if d.n_seeds > 1 and d.variance.total > 0]
    if not known:
        return None
    variance = sorted(known, key=lambda d: float(d.variance.total))[len(known) // 2].variance
    several = max(comparisons or len(differences), 1)
    parts, s = _possible(variance), variance.n_seeds
    one = np.ones((1, 1))
    low, high = np.quantile(parts.detectable(one * s, one, several), ENDS)
    ratios = np.geomspace(1, MOST, STEPS)[None]
    seeds = np.unique(np.ceil(SEEDS_TO_CLAIM * ratios))[None]
    times = ratios * 3 / variance.n_photographs  # from 3 photographs on
    return Effort(
        detectable=(float(low), float(high)),
        photographs=_range(parts.detectable(one * s, times, several), times[0] * variance.n_photographs, margin),
        seeds=_range(parts.detectable(seeds, one, several), seeds[0], margin),
        n_photographs=variance.n_photographs,
        n_seeds=s,
    )


def _possible(variance: Variance) -> Parts:
    """Draws of the parts, the same each time."""
    rng = np.random.default_rng(0)
    seeds, interaction = max(float(variance.seeds), 0.0), max(float(variance.interaction), 0.0)
    clustered = max(float(variance.photographs) + interaction, 0.0)
    df = float(np.nan_to_num(variance.df_photographs, nan=1.0))

    def drawn(estimate: float, degrees: float) -> Floats:
        found: Floats = estimate * degrees / rng.chisquare(degrees, (DRAWS, 1))
        return found

    of_photographs = drawn(clustered, df)
    of_both = drawn(interaction, df * (variance.n_seeds - 1))
    of_seeds = drawn(seeds + interaction, variance.n_seeds - 1)
    return Parts(
        photographs=np.maximum(of_photographs - of_both, 0.0),
        seeds=np.maximum(of_seeds - of_both, 0.0),
        interaction=of_both,
        df_photographs=df,
        n_seeds=variance.n_seeds,
    )


def _range(detectable: Floats, numbers: Floats, margin: float) -> Range | None:
    """Of the least number that finds `margin`, over the draws; (draws, numbers) and (numbers,)."""
    enough = detectable <= margin
    least = np.where(enough.any(axis=1), numbers[enough.argmax(axis=1)], np.inf)
    low, high = np.quantile(least, ENDS, method="inverted_cdf")
    if not np.isfinite(low):
        return None
    return Range(int(np.ceil(low)), int(np.ceil(high)) if np.isfinite(high) else None)
