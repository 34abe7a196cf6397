"""Whether a difference is small: equivalence and non-inferiority within a margin.

"Cannot tell" is no equality: a difference that is not found may be large. That two levels perform alike is a claim of
its own, which has to be shown against the hypothesis that they differ by the margin or more.
"""

from __future__ import annotations

import numpy as np

from search.answer.statistics.intervals import one_sided_p
from search.answer.statistics.variance import Floats, Variance
from search.study.study import MARGIN


def p_equivalent(value: Floats | float, variance: Variance, margin: float = MARGIN) -> Floats:
    """The p-value of the hypothesis that the true difference is `margin` or more, in either direction.

    Two one-sided tests, of which both must reject (Schuirmann 1987, "A Comparison of the Two One-Sided Tests Procedure
    and the Power Approach for Assessing the Equivalence of Average Bioavailability", J. Pharmacokinetics and
    Biopharmaceutics 15, 657-680).

    Args:
        value: the difference, of the batch's shape.
        variance: of `value`.
        margin: above 0.
    """
    return one_sided_p(margin - np.abs(value), variance)


def p_non_inferior(value: Floats | float, variance: Variance, margin: float = MARGIN) -> Floats:
    """The p-value of the hypothesis that the true difference is -`margin` or less; arguments as above."""
    return one_sided_p(value + margin, variance)
