"""What is doubtful of levels whose halves measure at rates chosen for one another, beside what replicates show.

*Luck.* Where both halves choose one rate, each is measured where it did best itself; where they do not, where it did
not. So both are high or low together, although neither chose for itself: there is no bias, and more variance than
within the halves. With R rates that are truly equal, normal means of standard deviation s, and e(R) the expected
maximum of R standard normal values, the covariance of the halves' measurements is

    sum over rates r, t of  E[X_r 1(best is t)] E[Y_t 1(best is r)]  =  e(R)^2 s^2 / (R - 1),

as E[X_r 1(best is t)] is e s / R for r = t, and - e s / (R (R - 1)) for the others. That is the most: where one rate is
truly best, or validation tells little of the test, luck chooses less. The seeds' part of the variance is multiplied by
1 + e(R)^2 / (R - 1).

*Choice.* Where the halves choose different rates, others would have chosen again otherwise: a quarter of the square of
what the halves differ by is the variance of their mean, with one degree of freedom.

Some difference among four equal levels was claimed in 6.7 to 11 % of made-up studies without either, in 3.9 to 7.7 %
with the first; with both, see benchmarks/tuned.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from search.answer.statistics.variance import SEEDS_PREVAIL, SMALLEST, Floats, Variance

# Whether a level's rate was chosen: not at all; the same in both halves; a different one in each.
Choice = Literal["none", "agreed", "differed"]
CHOICES: tuple[Choice, ...] = ("none", "agreed", "differed")

Bools = npt.NDArray[np.bool_]

HIGHEST_OF_3 = 3 / (2 * np.sqrt(np.pi))  # e(3), David and Nagaraja 2003, "Order Statistics", 3rd edition, table 3.2
LUCK = 1 + HIGHEST_OF_3**2 / 2  # 1.36


def of_both(one: Choice, other: Choice) -> Choice:
    """Of the difference between two levels."""
    return max(one, other, key=CHOICES.index)


def widened(variance: Variance, by_seed: Floats, halves: npt.NDArray[Any], choice: Choice | Bools) -> Variance:
    """The variance with luck and choice.

    Args:
        variance: of the mean over replicates.
        by_seed: (..., replicates) the figure of each.
        halves: (replicates,) the half of each, 0 or 1.
        choice: of the level or of the difference; or, of the batch's shape, whether the halves' choices differed.
    """
    if isinstance(choice, str):
        if choice == "none":
            return variance
        choice = np.asarray(choice == "differed")
    if variance.n_seeds < 2 or len(set(np.asarray(halves).tolist())) < 2:
        return variance
    first, second = (by_seed[..., halves == half].mean(axis=-1) for half in (0, 1))
    chosen = np.where(choice, (first - second) ** 2 / 4, 0.0)
    clustered = np.maximum(variance.photographs + variance.interaction, 0.0)
    seeds = LUCK * variance.seeds + chosen
    total = variance.total - variance.seeds + seeds
    total = np.where(total > SMALLEST, total, 0.0)
    below = clustered**2 / np.nan_to_num(variance.df_photographs, nan=1.0)
    below = below + (LUCK * (variance.seeds + variance.interaction)) ** 2 / (variance.n_seeds - 1) + chosen**2
    df = np.divide(total**2, below, out=np.full_like(total, np.nan), where=below > 0)
    df = np.maximum(np.where(seeds > SEEDS_PREVAIL * total, np.minimum(df, variance.n_seeds - 1), df), 1.0)
    return replace(variance, seeds=seeds, total=total, df=df)
