"""Several levels compared with one: what is claimed of each, and intervals that say the same.

Claims: Holm's step-down over the levels, for each kind of claim (different, equivalent, not inferior): the chance of
any false one of a kind stays below 5 %. Intervals: Bonferroni's, which contain all true differences at once in 95 % of
studies. Holm claims somewhat more than these intervals show. Where it does, the interval ends at what is claimed: at 0
for a level that is different, at the margin for one that is equivalent or not inferior. (So do the regions that belong
to Holm's procedure, Guilbaud 2008, "Simultaneous Confidence Regions Corresponding to Holm's Step-Down Procedure and
Other Closed-Testing Procedures", Biometrical J. 50, 678-692; they give up all other ends, which here are
Bonferroni's.) So an interval excludes 0 exactly where a difference is claimed, and what is claimed to be equivalent
has one within the margin. Intervals and claims have an error of 5 % each; both hold at once in 92.7 to 97 % of
studies, the least where two levels of three differ by much (benchmarks/coverage.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from search.answer.statistics.equivalence import p_equivalent, p_non_inferior
from search.answer.statistics.intervals import LEVEL, Estimate, interval_of_difference
from search.study.study import MARGIN

SIGNIFICANT = 0.05
# Few models show too little of their luck to claim anything: with 3, whose logits have a standard deviation of 1, some
# difference among 4 equal levels was claimed in 6.4 % of studies, and in 9.5 % before degrees of freedom were bounded.
SEEDS_TO_CLAIM = 5

ABOVE_0 = math.ulp(0.0)  # the end of an interval that ends at 0 without containing it

Verdict = Literal["higher", "lower", "equivalent", "cannot tell", "too few seeds"]


@dataclass(frozen=True)
class Difference:
    """A level's difference to the reference level, paired by seed and photograph, decided with those of other levels.

    Attributes:
        estimate: with the interval described above, and its own p-value.
        p: that it is none, corrected for the number of levels compared (Holm).
        p_equivalent: that it is the margin or more in either direction, corrected likewise.
        p_non_inferior: that the level is worse by the margin or more, corrected likewise.
        margin: what counts as small.
    """

    estimate: Estimate
    p: float
    p_equivalent: float = 1.0
    p_non_inferior: float = 1.0
    margin: float = MARGIN

    @property
    def may_claim(self) -> bool:
        """Whether there are seeds enough to claim anything."""
        return self.estimate.n_seeds >= SEEDS_TO_CLAIM

    @property
    def is_clear(self) -> bool:
        """Whether the data tell the two levels apart."""
        return self.may_claim and self.p < SIGNIFICANT

    @property
    def is_equivalent(self) -> bool:
        """Whether the data show that the two differ by less than the margin; they may be told apart nevertheless."""
        return self.may_claim and self.p_equivalent < SIGNIFICANT

    @property
    def is_non_inferior(self) -> bool:
        """Whether the data show that the level is not worse by the margin; it may be better."""
        return self.may_claim and self.p_non_inferior < SIGNIFICANT

    @property
    def verdict(self) -> Verdict:
        """In a word; a difference that is clear but within the margin is "higher" or "lower"."""
        if not self.may_claim:
            return "too few seeds"
        if self.is_clear:
            return "higher" if self.estimate.value > 0 else "lower"
        return "equivalent" if self.is_equivalent else "cannot tell"


def decided(estimates: Sequence[Estimate], margin: float = MARGIN) -> list[Difference]:
    """Levels compared with one reference level, together.

    Args:
        estimates: a level's difference to it each.
        margin: what counts as small, for equivalence.
    """
    several = max(len(estimates), 1)
    p = holm([estimate.p for estimate in estimates])
    equivalent = holm([float(p_equivalent(e.value, e.variance, margin)) for e in estimates])
    not_worse = holm([float(p_non_inferior(e.value, e.variance, margin)) for e in estimates])
    found = []
    for place, estimate in enumerate(estimates):
        one = Difference(estimate, p[place], equivalent[place], not_worse[place], margin)
        low, high = _ends(one, 1 - (1 - LEVEL) / several)
        found.append(replace(one, estimate=replace(estimate, low=low, high=high)))
    return found


def _ends(one: Difference, level: float) -> tuple[float, float]:
    """The interval of that level, cut to what is claimed; it contains 0 where nothing is."""
    estimate = one.estimate
    if estimate.n_seeds < 2:
        return estimate.room  # one model tells nothing of others
    ends = interval_of_difference(estimate.value, estimate.variance, level, estimate.room)
    low, high = float(ends[0]), float(ends[1])
    if one.is_equivalent:
        low, high = max(low, -one.margin), min(high, one.margin)
    elif one.is_non_inferior:
        low = max(low, -one.margin)
    if one.is_clear:
        return (max(low, ABOVE_0), high) if estimate.value > 0 else (low, min(high, -ABOVE_0))
    return min(low, 0.0), max(high, 0.0)


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


class Simplest(NamedTuple):
    """The first levels of an order, simplest first, that do as well as the reference level; None where none does.

    Attributes:
        equivalent: within the margin in both directions.
        non_inferior: not worse by the margin, perhaps better.
    """

    equivalent: object | None
    non_inferior: object | None


def simplest(levels: Iterable[tuple[object, Difference]]) -> Simplest:
    """Of levels in order of what they cost, with their differences to the reference level.

    The differences are decided together (`decided`), so the choice among them claims no more
    than they do.
    """
    known = list(levels)
    return Simplest(
        next((level for level, difference in known if difference.is_equivalent), None),
        next((level for level, difference in known if difference.is_non_inferior), None),
    )
