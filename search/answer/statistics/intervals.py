"""Intervals of means over photographs and trained models, from the parts of their variance.

Differences get a t interval. Accuracies get Wilson's (1927, "Probable Inference, the Law of Succession, and Statistical
Inference", JASA 22, 209-212) with the number of independent images that would vary as much, corrected for the degrees
of freedom (Korn and Graubard 1998, "Confidence Intervals for Proportions with Small Expected Number of Positive Counts
Estimated from Survey Data", Survey Methodology 24, 193-201; compared by Dean and Pagano 2015, "Evaluating Confidence
Interval Methods for Binomial Proportions in Clustered Surveys", J. Survey Statistics and Methodology 3, 484-503). It
stays between 0 and 1, and does not take a few errors for little doubt.

Coverage is measured in tests/search/answer/test_intervals.py and, at length, in benchmarks/coverage.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from search.answer.statistics.variance import Floats, Variance

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes:
        value: the mean over seeds.
        low: the lower end.
        high: the upper end.
        p: of the hypothesis that the true value is 0, two-sided; meant for differences.
        by_seed: the figure of each seed.
        variance: in its parts.
        room: the least and greatest that a difference can be.
    """

    value: float
    low: float
    high: float
    p: float
    by_seed: tuple[float, ...]
    variance: Variance
    room: tuple[float, float] = (-1.0, 1.0)

    @property
    def n_seeds(self) -> int:
        """How many seeds the estimate rests on."""
        return self.variance.n_seeds

    @property
    def sd(self) -> float | None:
        """The standard deviation over seeds; None for one."""
        return float(np.std(self.by_seed, ddof=1)) if len(self.by_seed) > 1 else None


def estimate_share(by_seed: Floats, variance: Variance) -> Estimate:
    """A share between 0 and 1: of its seeds' figures, and of the variance of their mean."""
    value = by_seed.mean()
    low, high = interval_of_share(value, variance)
    return Estimate(float(value), float(low), float(high), float("nan"), tuple(by_seed.tolist()), variance)


def estimate_difference(by_seed: Floats, variance: Variance, room: tuple[float, float] = (-1.0, 1.0)) -> Estimate:
    """A difference between two shares.

    Args:
        by_seed: of each seed.
        variance: of their mean.
        room: the least and greatest that it can be: to a reference level of accuracy 0.9, -0.9 and 0.1.
    """
    value = by_seed.mean()
    low, high, p = interval_of_difference(value, variance, room=room)
    return Estimate(float(value), float(low), float(high), float(p), tuple(by_seed.tolist()), variance, room)


def interval_of_share(value: Floats | float, variance: Variance, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Lower and upper ends.

    Args:
        value: of the batch's shape, 0 to 1.
        variance: of `value`.
        level: of confidence.
    """
    value = np.clip(np.asarray(value, np.float64), 0.0, 1.0)
    spread = value * (1 - value)
    bound = _nothing_varies(variance, level)
    usual = (variance.total > 0) & (spread > 0)
    # No more independent evidence than a look at each photograph by each model.
    cells = variance.n_effective * variance.n_seeds
    n = np.minimum(np.divide(spread, variance.total, out=np.ones_like(spread), where=usual), cells)
    shift = _quantile(variance, level) ** 2 / n
    middle = (value + shift / 2) / (1 + shift)
    half = np.sqrt(shift * (spread + shift / 4)) / (1 + shift)
    low = np.where(usual, middle - half, np.maximum(value - bound, 0))
    high = np.where(usual, middle + half, np.minimum(value + bound, 1))
    return np.maximum(low, 0.0), np.minimum(high, 1.0)


def interval_of_difference(
    value: Floats | float, variance: Variance, level: float = LEVEL, room: tuple[float, float] = (-1.0, 1.0)
) -> tuple[Floats, Floats, Floats]:
    """Lower end, upper end, and the two-sided p-value of no difference; other arguments as in `interval_of_share`.

    Args:
        value: of the batch's shape, -1 to 1.
        variance: of `value`.
        level: of confidence.
        room: the least and greatest that the difference can be; the interval ends there.
    """
    value = np.asarray(value, np.float64)
    half = half_width(variance, level)
    return np.maximum(value - half, room[0]), np.minimum(value + half, room[1]), p_of_distance(np.abs(value), variance)


def p_of_distance(distance: Floats | float, variance: Variance) -> Floats:
    """The two-sided p-value of a figure this far from its hypothesis."""
    from scipy.special import stdtr  # Student's t; scipy.stats has the same in 44 MiB more

    distance = np.asarray(distance, np.float64)
    varies = variance.total > 0
    t = distance / np.sqrt(np.where(varies, variance.total, 1.0))
    exact = np.minimum(1.0, 2 * (1 - np.minimum(distance, 1.0)) ** variance.n_effective)
    found: Floats = np.where(varies, 2 * stdtr(np.nan_to_num(variance.df, nan=1.0), -t), exact)
    return found


def one_sided_p(distance: Floats | float, variance: Variance) -> Floats:
    """The one-sided p-value of a figure this far beyond its hypothesis; above 1/2 where it is on the wrong side."""
    distance = np.asarray(distance, np.float64)
    half = p_of_distance(np.abs(distance), variance) / 2
    found: Floats = np.where(distance >= 0, half, 1 - half)
    return found


def half_width(variance: Variance, level: float = LEVEL) -> Floats:
    """Half of the t interval; where nothing varies, the bound that photographs set."""
    usual = _quantile(variance, level) * np.sqrt(variance.total)
    width: Floats = np.where(variance.total > 0, usual, _nothing_varies(variance, level))
    return width


def _quantile(variance: Variance, level: float) -> Floats:
    from scipy.special import stdtrit

    found: Floats = stdtrit(np.nan_to_num(variance.df, nan=1.0), (1 + level) / 2)
    return found


def _nothing_varies(variance: Variance, level: float) -> float:
    """Half of the interval where all photographs and seeds agree, as where every test image is classified rightly.

    Photographs of which that is not true may still make up a share of 1 - (alpha/2)^(1/n), the exact binomial bound
    (Hanley and Lippman-Hand 1983, "If Nothing Goes Wrong, Is Everything All Right?", JAMA 249, 1743-1745).
    """
    return float(1 - ((1 - level) / 2) ** (1 / max(variance.n_effective, 1.0)))
