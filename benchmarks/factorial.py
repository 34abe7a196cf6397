"""How often the answers to factorial questions hold, on studies made up with a known truth.

    python -m benchmarks.factorial [--studies 2000]

A row is a kind of data (`benchmarks.worlds`) and a truth; shares of 5 seeds and the public test photographs unless it
says otherwise. Columns, in per cent:

    main         of the main effects, whose own 95 % intervals contain the truth
    interaction  of the interactions likewise
    false        of the studies, in which an effect is claimed that there is not (Holm over all effects)
    all          of the studies, whose simultaneous intervals contain all effects
    main+        of the main effects that there are, those that are claimed
    interaction+ of the interactions likewise
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.coverage import estimate_at
from benchmarks.worlds import TRAIN, World
from search.answer.factorial import bounded, coefficient, effects_of
from search.answer.statistics.intervals import interval_of_difference
from search.answer.statistics.simultaneous import decided
from search.answer.statistics.variance import variance_of

Grid = tuple[tuple[float, ...], ...]  # the true accuracy of each combination, levels of the first parameter in rows
SAME = 1e-6  # of accuracy: a true effect below it is none

EQUAL: Grid = ((0.58, 0.58), (0.58, 0.58))
ONE: Grid = ((0.58, 0.58), (0.70, 0.70))  # the first parameter alone has an effect
BOTH: Grid = ((0.58, 0.64), (0.70, 0.76))  # both have, and add up
CROSSED: Grid = ((0.64, 0.58), (0.58, 0.64))  # neither has on average, and they interact
OF_3 = tuple((0.58,) * 3 for _ in range(3))
ONE_OF_3: Grid = ((0.58,) * 3, (0.58,) * 3, (0.70,) * 3)
FOLDS = World(photographs=TRAIN, images_a_class=2490, split="val")


@dataclass(frozen=True)
class Held:
    """Shares, as in the columns above; NaN where there is no such effect."""

    main: float
    interaction: float
    false: float
    all_covered: float
    main_found: float
    interaction_found: float


WORLDS: dict[str, tuple[World, Grid]] = {
    "2 x 2, equal": (World(), EQUAL),
    "2 x 2, one has an effect": (World(), ONE),
    "2 x 2, both, adding up": (World(), BOTH),
    "2 x 2, interaction alone": (World(), CROSSED),
    "3 x 3, equal": (World(), OF_3),
    "3 x 3, a level has an effect": (World(), ONE_OF_3),
    "2 x 2, equal, 10 seeds": (World(seeds=10), EQUAL),
    "2 x 2, equal, seeds of sd 1.0": (World(seed=1.0), EQUAL),
    "3 x 3, equal, seeds of sd 1.0": (World(seed=1.0), OF_3),
    "2 x 2, equal, 2 classes of 40": (World(photographs=(40, 40)), EQUAL),
    "3 x 3, equal, 2 classes of 40": (World(photographs=(40, 40)), OF_3),
    "2 x 2, equal, unequal copies": (World(copies="unequal"), EQUAL),
    "2 x 2, equal, validation of 5 folds": (FOLDS, EQUAL),
}


def held(world: World, truth: Grid, studies: int, seed: int = 0) -> Held:
    """Studies of a world, answered as `search.answer.factorial` does.

    Args:
        world: where they come from; `logits` are made to fit.
        truth: the true accuracies.
        studies: how many, at least.
        seed: of the studies.
    """
    cells = list(itertools.product(range(len(truth)), range(len(truth[0]))))
    world = replace(world, logits=tuple(_logit(world, truth[row][column]) for row, column in cells))
    signs, true = _contrasts(cells, truth)
    is_main = np.asarray([len(effect) == 1 for effect in _effects(truth)])
    there = np.abs(true) > SAME
    covers, false, together, found = [], [], [], []
    for block in world.blocks(np.random.default_rng(seed), studies, levels=len(cells)):
        contrasts = np.tensordot(signs, block.shares, axes=1)  # (effects, studies, seeds, photographs)
        variance = bounded(variance_of(contrasts, block.weights, block.strata))
        values = contrasts.sum(axis=-1).mean(axis=-1)
        low, high, p = interval_of_difference(values, variance, room=(-2.0, 2.0))
        covers.append((low <= true[:, None]) & (true[:, None] <= high))
        for study in range(contrasts.shape[1]):
            places = [(effect, study) for effect in range(len(true))]
            one = [
                replace(
                    estimate_at(variance, at, *(float(end[at]) for end in (values, low, high, p))), room=(-2.0, 2.0)
                )
                for at in places
            ]
            made = decided(one)
            clear = np.asarray([d.is_clear for d in made])
            false.append(bool((clear & ~there).any()))
            together.append(all(d.estimate.low <= t <= d.estimate.high for d, t in zip(made, true, strict=True)))
            found.append(clear)
    covered, claimed = np.concatenate(covers, axis=1), np.asarray(found)

    def share(values: np.ndarray) -> float:
        return float(values.mean()) if values.size else float("nan")

    return Held(
        share(covered[is_main]),
        share(covered[~is_main]),
        share(np.asarray(false)),
        share(np.asarray(together)),
        share(claimed[:, is_main & there]),
        share(claimed[:, ~is_main & there]),
    )


def _effects(truth: Grid) -> Sequence[Mapping[str, int]]:
    return effects_of({"row": 0, "column": 0}, {"row": range(len(truth)), "column": range(len(truth[0]))})  # type: ignore[arg-type, return-value]


def _contrasts(cells: Sequence[tuple[int, int]], truth: Grid) -> tuple[np.ndarray, np.ndarray]:
    """What each cell counts in each effect, (effects, cells), and the true effects, (effects,)."""
    rows = []
    for effect in _effects(truth):
        signs = np.asarray(
            [coefficient({"row": row, "column": column}, effect, {"row": 0, "column": 0}) for row, column in cells]
        )
        rows.append(signs / signs[signs > 0].sum() if len(effect) == 1 else signs)
    found = np.asarray(rows)
    return found, found @ np.asarray([truth[row][column] for row, column in cells])


def _logit(world: World, accuracy: float) -> float:
    from scipy import optimize

    return float(optimize.brentq(lambda logit: world.accuracy_at(logit, world.seed) - accuracy, -30, 30))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.factorial", description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=2000, metavar="N", help="made up for each line (%(default)s)")
    studies = parser.parse_args().studies
    heads = ("main", "interaction", "false", "all", "main+", "interaction+")
    print(f"{studies} studies a line\n{'':38}" + "".join(f"{head:>14}" for head in heads))
    for name, (world, truth) in WORLDS.items():
        found = vars(held(world, truth, studies)).values()
        print(
            f"{name:38}" + "".join(f"{100 * share:14.1f}" if share == share else f"{'–':>14}" for share in found),
            flush=True,
        )


if __name__ == "__main__":
    main()
