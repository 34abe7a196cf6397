"""Single figures of an answer, as texts for the cells of its tables."""

from __future__ import annotations

from search.answer.levels import LevelAnswer
from search.answer.statistics.intervals import Estimate
from search.answer.statistics.simultaneous import Difference
from search.answer.words.wording import points

MISSING = "–"
OVER = "over a limit"  # of what breaks a constraint


def learnt(level: LevelAnswer) -> str:
    """At how many seeds it learns, and how many trainings failed: `3 of 5`, `5 of 5 (1 failed)`."""
    failed = f" ({level.failed} failed)" if level.failed else ""
    return f"{level.learning.learnt} of {level.learning.seeds}{failed}"


def pairs(level: LevelAnswer) -> int:
    """At how many seeds it is compared with the reference level."""
    return level.differences["test"].estimate.n_seeds


def verdict(found: Difference) -> str:
    """In a table: `as well`, `cannot tell`."""
    return "as well" if found.verdict == "equivalent" else found.verdict


def with_interval(estimate: Estimate | None, *, share: bool = True) -> str:
    """`48.9 (41–57)`; of a figure that is no share of images, `0.489 (0.41–0.57)`."""
    if estimate is None:
        return MISSING
    if share:
        return f"{100 * estimate.value:.1f} ({100 * estimate.low:.0f}–{100 * estimate.high:.0f})"
    return f"{estimate.value:.3f} ({estimate.low:.2f}–{estimate.high:.2f})"


def gap(estimate: Estimate | None) -> str:
    """A gap in points, as `11.9 (7 to 17)`."""
    return MISSING if estimate is None else difference(estimate).replace("+", "")


def difference(estimate: Estimate) -> str:
    """A difference in points, as `−23.5 (−31 to −16)`."""
    return f"{points(estimate.value)} ({points(estimate.low, 0)} to {points(estimate.high, 0)})"
