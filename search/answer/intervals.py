"""Intervals of means over photographs and trained models, from the parts of their variance.

The interval is a t interval with the degrees of freedom of Satterthwaite (1946, "An Approximate Distribution of
Estimates of Variance Components", Biometrics Bulletin 2, 110-114), as in studies of several readers and cases (Hillis
2007, "A Comparison of Denominator Degrees of Freedom Methods for Multiple Observer ROC Analysis", Statistics in
Medicine 26, 596-619). They are few where a class with few photographs, or a few models, carry much of the variance.
Accuracies get it on the logit scale, so that it stays between 0 and 1.

Coverage is measured in tests/search/answer/test_intervals.py and, at length, in benchmarks/coverage.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.answer.variance import Floats, Variance

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
    """

    value: float
    low: float
    high: float
    p: float
    by_seed: tuple[float, ...]
    variance: Variance

    @property
    def n_seeds(self) -> int:
        """How many seeds it rests on."""
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


def estimate_difference(by_seed: Floats, variance: Variance) -> Estimate:
    """A difference between two shares, from -1 to 1."""
    value = by_seed.mean()
    low, high, p = interval_of_difference(value, variance)
    return Estimate(float(value), float(low), float(high), float(p), tuple(by_seed.tolist()), variance)


def interval_of_share(value: Floats, variance: Variance) -> tuple[Floats, Floats]:
    """Lower and upper ends, made on the logit scale.

    Args:
        value: of the batch's shape, 0 to 1.
        variance: of `value`.
    """
    from scipy import special

    value = np.asarray(value, np.float64)
    half, bound = half_width(variance), _nothing_varies(variance)
    slope = value * (1 - value)
    usual = (half > 0) & (slope > 0)
    reach = np.divide(half, slope, out=np.zeros_like(half), where=usual)
    middle = special.logit(np.where(usual, value, 0.5))
    low = np.where(usual, special.expit(middle - reach), np.maximum(value - bound, 0))
    high = np.where(usual, special.expit(middle + reach), np.minimum(value + bound, 1))
    return low, high


def interval_of_difference(value: Floats, variance: Variance) -> tuple[Floats, Floats, Floats]:
    """Lower end, upper end, and the two-sided p-value of no difference; arguments as in `interval_of_share`."""
    from scipy import stats

    value = np.asarray(value, np.float64)
    varies = variance.total > 0
    half = np.where(varies, half_width(variance), _nothing_varies(variance))
    t = np.abs(value) / np.sqrt(np.where(varies, variance.total, 1.0))
    exact = np.minimum(1.0, 2 * (1 - np.minimum(np.abs(value), 1.0)) ** variance.n_photographs)
    p = np.where(varies, 2 * stats.t.sf(t, np.nan_to_num(variance.df, nan=1.0)), exact)
    return np.maximum(value - half, -1.0), np.minimum(value + half, 1.0), p


def _nothing_varies(variance: Variance) -> float:
    """Half of the interval where all photographs and seeds agree, as where every test image is classified rightly.

    Photographs of which that is not true may still make up a share of 1 - (alpha/2)^(1/n), the exact binomial bound
    (Hanley and Lippman-Hand 1983, "If Nothing Goes Wrong, Is Everything All Right?", JAMA 249, 1743-1745).
    """
    return float(1 - ((1 - LEVEL) / 2) ** (1 / max(variance.n_photographs, 1)))


def half_width(variance: Variance) -> Floats:
    """Half of the t interval; 0 where nothing varies."""
    from scipy import stats

    quantile = stats.t.ppf((1 + LEVEL) / 2, np.nan_to_num(variance.df, nan=1.0))
    width: Floats = np.where(variance.total > 0, quantile * np.sqrt(variance.total), 0.0)
    return width


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure", Scand.
    J. Statistics 6, 65-70): the chance of any false claim among all stays below 5 % where those below 0.05 are claimed.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected, highest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected
