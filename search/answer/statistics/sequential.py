"""Looks at a study while it runs: how much of the error each may spend, and when going on cannot decide any more.

The estimates of one study after more and more replicates have independent increments: that after n replicates is that
after N > n plus what the last N - n change, whatever part of the variance the photographs have, which stay the same.
So they have the joint distribution of group sequential designs (Jennison and Turnbull 2000, "Group Sequential Methods
with Applications to Clinical Trials", ch. 3), with information 1 / variance. An error of alpha is spent over the looks
by a function of time (Lan and DeMets 1983, "Discrete Sequential Boundaries for Clinical Trials", Biometrika 70,
659-663), here of replicates, which is known before the first trial begins. Two looks are then taken to be correlated
by sqrt(n / N); they are more so where photographs make up a part of the variance, and the error is less than what was
spent.

A p-value at a look becomes a *repeated* p-value: the smallest alpha whose spending reaches it at that look. It is small
at any look in a share alpha of studies at most, so that Holm's procedure over levels may use it as it stands (Maurer
and Bretz 2013, "Multiple Testing in Group Sequential Trials Using Graphical Approaches", Statistics in
Biopharmaceutical Research 5, 311-320). Nominal levels are applied to p-values of t statistics (Jennison and Turnbull,
3.8). That the error stays below 5 % with few degrees of freedom, over looks and levels, is simulated:
benchmarks/looks.py.
"""

from __future__ import annotations

import functools
from typing import Literal, NamedTuple

import numpy as np

from search.answer.statistics.variance import SEEDS_PREVAIL, SMALLEST, Floats, Variance

Sides = Literal[1, 2]

# Alphas for which boundaries are computed; between them they are interpolated, on logarithms.
ALPHAS: Floats = np.append(np.geomspace(1e-8, 0.9, 32), 1.0)
POINTS = 201  # of the density of a statistic that has crossed no boundary yet: more change no level by 0.1 %
LOWEST = -8.0  # standard deviations, where one-sided boundaries have no lower one
# Of the spending function. Differences, which are tested on two sides, may be large and seen early; equivalence, on one
# side, takes a precision that early looks seldom have. Levels decided in three worlds of 500 studies (equal levels that
# find the same photographs easy; 10 points; 5 points with 640 photographs), where 20 replicates without looks decide
# 64, 57 and 72 %: powers of 1.5 and 3, 53, 52 and 66 %, for 92, 64 and 92 % of the trainings; 1.5 and 1.5, 44, 52 and
# 62 % for 89, 63 and 91 %; 3 and 3, 55, 54 and 68 % for 93, 70 and 95 %; Pocock's for both, 31, 48 and 53 %.
POWERS: dict[Sides, float] = {2: 1.5, 1: 3.0}
# A level goes on only where it has this chance to be decided. In the same worlds, 0.05: 57, 53 and 67 % for 96, 68 and
# 94 % of the trainings; 0.2: 44, 50 and 62 % for 84, 58 and 88 %.
HOPELESS = 0.1


class Look(NamedTuple):
    """One look of those that a study plans.

    Attributes:
        looks: replicates after which the study looks, the last look last.
        place: of this one among them, from 0.
    """

    looks: tuple[int, ...]
    place: int

    @property
    def replicates(self) -> int:
        """After how many replicates the look is."""
        return self.looks[self.place]


def spent(alpha: Floats | float, time: float, sides: Sides = 2) -> Floats:
    """How much of alpha may be spent by that time, a share of the replicates: alpha times a power of it.

    A family of Kim and DeMets (1987, "Design and Analysis of Group Sequential Tests Based on the Type I Error Spending
    Rate Function", Biometrika 74, 149-154); for the powers see `POWERS`.
    """
    found: Floats = np.asarray(alpha) * time ** POWERS[sides]
    return found


def nominal(alpha: float, look: Look, sides: Sides = 2) -> float:
    """The level of the test at a look, of tests whose chance to reject falsely at any look is alpha.

    Args:
        alpha: above 0, below 1.
        look: which.
        sides: of the test.
    """
    table = _table(look.looks, sides)
    return float(np.exp(np.interp(np.log(alpha), np.log(ALPHAS), np.log(table[look.place]))))


def repeated(p: Floats | float, look: Look, sides: Sides = 2) -> Floats:
    """Repeated p-values from those of the data at a look, of tests with so many sides."""
    table = _table(look.looks, sides)
    logs = np.log(np.maximum(np.asarray(p, np.float64), 1e-300))
    found: Floats = np.exp(np.interp(logs, np.log(table[look.place]), np.log(ALPHAS)))
    return found


@functools.cache
def _table(looks: tuple[int, ...], sides: Sides) -> Floats:
    """(looks, alphas) nominal levels; the greatest alpha has 1 at every look."""
    found = np.ones((len(looks), len(ALPHAS)))
    for column, alpha in enumerate(ALPHAS[:-1]):
        found[:, column] = _levels(float(alpha), looks, sides)
    return np.maximum.accumulate(found, axis=1)


def _levels(alpha: float, looks: tuple[int, ...], sides: Sides) -> list[float]:
    """Nominal levels at each look, by Armitage, McPherson and Rowe's recursion (1969, "Repeated Significance Tests on
    Accumulating Data", J. Royal Statistical Society A 132, 235-244), on the scale of a Brownian motion.
    """
    from scipy import optimize, special

    found: list[float] = []
    places, density, before, already = np.zeros(1), np.ones(1), 0.0, 0.0
    for replicates in looks:
        time = replicates / looks[-1]
        step = np.sqrt(time - before)
        budget, already = float(spent(alpha, time, sides)) - already, float(spent(alpha, time, sides))
        unspent = functools.partial(_crossed, places, density, step, np.sqrt(time), sides, budget)
        z = float(optimize.brentq(unspent, 0.0 if sides == 2 else LOWEST, 10.0, xtol=1e-6))
        found.append(float(sides * special.ndtr(-z)))
        end = z * np.sqrt(time)
        grid = np.linspace(-end if sides == 2 else LOWEST, end, POINTS)
        weights = np.full(POINTS, grid[1] - grid[0])
        weights[[0, -1]] /= 2
        normal = np.exp(-(((grid[:, None] - places) / step) ** 2) / 2) / (step * np.sqrt(2 * np.pi))
        density = weights * (normal @ density)
        places, before = grid, time
    return found


def _crossed(places: Floats, density: Floats, step: float, sd: float, sides: Sides, budget: float, z: float) -> float:
    """The chance that the statistic crosses z now and has crossed nothing before, less `budget`."""
    from scipy import special

    over = special.ndtr((places - z * sd) / step)
    if sides == 2:
        over = over + special.ndtr((-places - z * sd) / step)
    return float((density * over).sum()) - budget


def chance_to_decide(value: Floats | float, variance: Variance, look: Look, alpha: float, margin: float) -> Floats:
    """The chance that the last look will find a difference or equivalence.

    Predictive power: the estimate at the last look is distributed about that of now with the variance that the further
    replicates take away (Spiegelhalter, Freedman and Blackburn 1986, "Monitoring Clinical Trials: Conditional or
    Predictive Power?", Controlled Clinical Trials 7, 8-17). Photographs stay as they are, so where their part prevails
    further replicates move little.

    Args:
        value: the difference now, of the batch's shape.
        variance: of `value`.
        look: the one of now.
        alpha: of the test of this level at the last look, all looks together.
        margin: of equivalence.
    """
    from scipy.special import stdtr, stdtrit  # Student's t; scipy.stats has the same in 44 MiB more

    value = np.asarray(value, np.float64)
    last = Look(look.looks, len(look.looks) - 1)
    more = last.replicates - look.replicates
    n = variance.n_seeds + more
    fewer = variance.n_seeds / n
    parts = [np.nan_to_num(part) for part in (variance.photographs, variance.seeds, variance.interaction)]
    clustered = np.maximum(parts[0] + parts[2] * fewer, 0.0)
    by_seed = parts[1] * fewer
    total = np.maximum(clustered + by_seed, SMALLEST)
    below = clustered**2 / np.nan_to_num(variance.df_photographs, nan=1.0)
    below = below + (by_seed + parts[2] * fewer**2) ** 2 / (n - 1)
    df = np.maximum(total**2 / np.maximum(below, SMALLEST**2), 1.0)
    df = np.where(by_seed > SEEDS_PREVAIL * total, np.minimum(df, n - 1), df)
    half = -stdtrit(df, nominal(alpha, last, 2) / 2) * np.sqrt(total)
    inside = margin + stdtrit(df, nominal(alpha, last, 1)) * np.sqrt(total)
    moves = np.sqrt(np.maximum(np.maximum(variance.total, SMALLEST) - total, SMALLEST))
    of_seeds = max(variance.n_seeds - 1, 1)
    differs = stdtr(of_seeds, (value - half) / moves) + stdtr(of_seeds, -(value + half) / moves)
    within = stdtr(of_seeds, (value + inside) / moves) - stdtr(of_seeds, (value - inside) / moves)
    chance: Floats = np.minimum(differs + np.where(inside > 0, within, 0.0), 1.0)  # a small difference may be both
    return chance
