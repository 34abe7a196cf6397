"""How often the intervals of `search.answer` contain the truth, on studies made up with a known one.

python -m benchmarks.coverage [--studies 20000]
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.worlds import TRAIN, World
from search.answer.intervals import interval_of_difference, interval_of_share
from search.answer.variance import Floats, variance_of


def coverage_of_a_level(world: World, studies: int, seed: int = 0) -> float:
    """The share of studies whose interval of the accuracy contains the truth."""
    truth, found = world.truth(0), []
    for block in world.blocks(np.random.default_rng(seed), studies, levels=1):
        shares = block.shares[0]
        low, high = interval_of_share(_means(shares), variance_of(shares, block.images, block.strata))
        found.append((low <= truth) & (truth <= high))
    return float(np.mean(np.concatenate(found)))


def coverage_of_a_t_test(world: World, studies: int, levels: int = 1, seed: int = 0) -> float:
    """The same of a t interval over the models' figures, as if their photographs were not the same: what not to do.

    With two levels, of their paired difference.
    """
    from scipy import stats

    truth, found = world.truth(0) if levels == 1 else world.difference(1), []
    quantile = stats.t.ppf(0.975, world.seeds - 1)
    for block in world.blocks(np.random.default_rng(seed), studies, levels):
        shares = block.shares[0] if levels == 1 else block.shares[1] - block.shares[0]
        figures = np.nansum(shares, axis=-1)
        half = quantile * figures.std(axis=-1, ddof=1) / np.sqrt(world.seeds)
        found.append(np.abs(figures.mean(axis=-1) - truth) <= half)
    return float(np.mean(np.concatenate(found)))


def coverage_over_images(world: World, studies: int, seed: int = 0) -> float:
    """The same of an interval that takes images for independent (Wald's, of a binomial share): what not to do."""
    found = []
    for block in world.blocks(np.random.default_rng(seed), studies, levels=1):
        shares = _means(block.shares[0])
        half = 1.96 * np.sqrt(shares * (1 - shares) / (block.images.sum() * world.seeds))
        found.append(np.abs(shares - world.truth(0)) <= half)
    return float(np.mean(np.concatenate(found)))


def comparisons(world: World, studies: int, levels: int = 2, seed: int = 0) -> tuple[float, Floats]:
    """The coverage of the paired difference to the first level, and the p-values: (levels - 1, studies)."""
    truths = np.asarray([[world.difference(level)] for level in range(1, levels)])
    covers, p_values = [], []
    for block in world.blocks(np.random.default_rng(seed), studies, levels):
        differences = block.shares[1:] - block.shares[0]
        variance = variance_of(differences, block.images, block.strata)
        low, high, p = interval_of_difference(_means(differences), variance)
        covers.append((low <= truths) & (truths <= high))
        p_values.append(p)
    return float(np.mean(np.concatenate(covers, axis=1))), np.concatenate(p_values, axis=1)


def _means(shares: Floats) -> Floats:
    found: Floats = np.nansum(shares, axis=-1).mean(axis=-1)
    return found


def main() -> None:
    """Prints coverage in per cent."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=20_000, metavar="N", help="made up for each line (%(default)s)")
    studies = parser.parse_args().studies
    print(f"{studies} studies a line; intervals of 95 %")
    print(f"a level, 5 seeds, as if images were independent: {coverage_over_images(World(), studies):.1%}", flush=True)
    for seeds in (5, 8, 10, 20):
        world = World(seeds=seeds, photographs=TRAIN, split="val")
        ours, theirs = coverage_of_a_level(world, studies), coverage_of_a_t_test(world, studies)
        print(f"validation, {seeds} replicates of 5 folds: {ours:.1%}, t test over folds {theirs:.1%}", flush=True)
    for seeds in (2, 3, 5, 10):
        for logit in (0.0, 0.5, 1.5):
            share = coverage_of_a_level(World(seeds=seeds, logit=logit), studies)
            print(f"a level, {seeds} seeds, logit {logit}: {share:.1%}", flush=True)
        for level in (0.0, 0.5, 1.0):
            for effect in (0.0, 1.0):
                share, p = comparisons(World(seeds=seeds, level=level, effect=effect), studies)
                called = f"; called different {np.mean(p < 0.05):.1%}"
                print(f"a difference, {seeds} seeds, level {level}, effect {effect}: {share:.1%}{called}", flush=True)


if __name__ == "__main__":
    main()
