"""Whether the ranges of `search.answer.statistics.planning` hold what they promise: the seeds that 80 % power takes.

    python -m benchmarks.planned

Prints for several worlds, and for one and three comparisons: the number of seeds at which a difference of 5 points is
found with 80 % power, by simulation, and the share of studies of 5 seeds whose range contains it. Measured with 100
studies each: 80 to 89 %, for needed numbers from 10 to 120.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.worlds import TRAIN, World
from search.answer.statistics.intervals import Estimate, interval_of_difference
from search.answer.statistics.planning import POWER, effort
from search.answer.statistics.variance import variance_of
from search.study.study import MARGIN

WORLDS = {
    "4 classes of 40 photographs, quiet seeds": World(photographs=(40,) * 4, seed=0.2, level=0.2),
    "the public test set": World(level=0.2),
    "the public TRAIN split": World(photographs=TRAIN, level=0.3),
    "4 classes of 40, seeds of sd 0.6": World(photographs=(40,) * 4, seed=0.6, level=0.2),
}
NUMBERS = (5, 6, 8, 10, 12, 15, 20, 30, 40, 60, 80, 120)


def with_difference(world: World, difference: float = MARGIN) -> World:
    """The world in which the second level's accuracy is higher by that much."""
    from scipy import optimize

    root = optimize.brentq(lambda effect: replace(world, effect=effect).difference(1) - difference, 0, 8)
    return replace(world, effect=float(root))


def power(world: World, comparisons: int = 1, studies: int = 1500, seed: int = 1) -> float:
    """The share of studies that find the second level's difference, at the first step of Holm's correction."""
    found = []
    for block in world.blocks(np.random.default_rng(seed), studies, levels=2):
        shares = block.shares[1] - block.shares[0]
        variance = variance_of(shares, block.weights, block.strata)
        found.append(interval_of_difference(shares.sum(axis=-1).mean(axis=-1), variance)[2] < 0.05 / comparisons)
    return float(np.mean(np.concatenate(found)))


def kept(world: World, needed: int, comparisons: int = 1, studies: int = 100, seed: int = 3) -> float:
    """The share of studies whose range of seeds contains `needed`."""
    within = []
    for block in world.blocks(np.random.default_rng(seed), studies, levels=2):
        for shares in block.shares[1] - block.shares[0]:
            variance = variance_of(shares, block.weights, block.strata)
            found = effort([Estimate(0.0, 0.0, 0.0, 1.0, (0.0,) * world.seeds, variance)], comparisons)
            seeds = found.seeds if found else None
            within.append(seeds is not None and seeds.low <= needed <= (seeds.high or np.inf))
    return float(np.mean(within))


def main() -> None:
    """Prints the table."""
    for name, world in WORLDS.items():
        apart = with_difference(world)
        for comparisons in (1, 3):
            reached = (n for n in NUMBERS if power(replace(apart, seeds=n), comparisons) >= POWER)
            needed = next(reached, NUMBERS[-1])
            share = kept(apart, needed, comparisons)
            print(f"{name}, {comparisons} compared: {needed} seeds needed, in the range of {share:.0%}", flush=True)


if __name__ == "__main__":
    main()
