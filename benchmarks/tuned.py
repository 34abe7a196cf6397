"""What cross-fitting is for: levels at learning rates of their own, chosen and measured on made-up studies.

    python -m benchmarks.tuned [--studies 4000]

Four levels are trained at three rates, on every replicate; a model's luck shows in validation and in test alike. Ways
to measure a level:

    cross-fitted  one half of the replicates chooses by validation, the other measures on test; then swapped, and pooled
    not wider     the same with the variance of the replicates alone (`search.answer.statistics.luck`)
    the same      all replicates choose, and the same trainings measure on test
    on validation all replicates choose, and the same trainings measure on validation: what a search's best value is

Of two crossed parameters, whose combinations are the levels, it counts the studies in which some main effect or some
interaction is claimed (Holm over all effects) where there is none.

The bias is that of the mean accuracy, in points, against the true accuracy at the rates that were chosen; false, the
share of studies in which some difference among the four equal levels is claimed (Holm), in per cent; `held`, how many
intervals of the first level's accuracy contain its truth. Equal rates are the worst case for a bias, as it is luck
alone that chooses; unequal ones differ by 0.5 on the logit scale.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.worlds import PUBLIC
from search.answer.factorial import bounded, coefficient, effects_of
from search.answer.statistics.intervals import interval_of_share, p_of_distance
from search.answer.statistics.luck import widened
from search.answer.statistics.simultaneous import SIGNIFICANT
from search.answer.statistics.variance import Floats, Variance, variance_of

RATES, LEVELS = 3, 4
CROSSED = ((2, 2), (3, 3))  # levels of two crossed parameters
VALIDATION = (15, 5, 3, 32)  # photographs by class in a fold of the public TRAIN split
COPIES = 10  # images of a photograph
BLOCK = 250  # studies, for the sake of memory


@dataclass(frozen=True)
class Rates:
    """Where studies come from; standard deviations on the logit scale.

    Attributes:
        seeds: replicates.
        seed: of the models'.
        unequal: by how much the logit at the middle rate is above that at the others.
        photograph: of the photographs'.
        level: of photograph, level and rate together.
        both: of photograph and model together.
        logit: of the mean photograph.
    """

    seeds: int = 6
    seed: float = 0.3
    unequal: float = 0.0
    photograph: float = 1.5
    level: float = 0.5
    both: float = 0.5
    logit: float = 0.5

    @property
    def logits(self) -> Floats:
        """(rates,) the mean at each."""
        return np.asarray([self.logit - self.unequal, self.logit, self.logit - self.unequal])

    @property
    def truths(self) -> Floats:
        """(rates,) the accuracy over all photographs and models there could be."""
        points, weights = np.polynomial.hermite_e.hermegauss(80)
        sd = np.sqrt(self.photograph**2 + self.seed**2 + self.level**2 + self.both**2)
        chances = 1 / (1 + np.exp(-self.logits[:, None] - sd * points))
        found: Floats = chances @ weights / weights.sum()
        return found

    def blocks(
        self, rng: np.random.Generator, studies: int, levels: int = LEVELS
    ) -> Iterator[tuple[Floats, Floats, Floats]]:
        """Accuracies on validation (levels, rates, studies, seeds), and what each photograph adds to them on validation
        and on test (levels, rates, studies, seeds, photographs).
        """
        for _ in range(-(-studies // BLOCK)):
            models = self.logits[None, :, None, None] + rng.normal(0, self.seed, (levels, RATES, BLOCK, self.seeds))
            val, test = (self._shares(rng, models, counts) for counts in (VALIDATION, PUBLIC))
            yield val.sum(axis=-1), val, test

    def _shares(self, rng: np.random.Generator, models: Floats, counts: tuple[int, ...]) -> Floats:
        n = sum(counts)
        logits = models[..., None] + self.photograph * rng.normal(size=(1, 1, BLOCK, 1, n))
        levels = len(models)
        logits = logits + rng.normal(0, self.level, (levels, RATES, BLOCK, 1, n))
        logits = logits + rng.normal(0, self.both, (levels, RATES, BLOCK, self.seeds, n))
        found: Floats = rng.binomial(COPIES, 1 / (1 + np.exp(-logits))) / COPIES * _weights(counts)
        return found


def _weights(counts: tuple[int, ...]) -> Floats:
    """(photographs,) of its share of the images."""
    return np.full(sum(counts), 1 / sum(counts))


WORLDS = {
    "equal rates": Rates(),
    "equal rates, seeds of sd 1.0": Rates(seed=1.0),
    "equal rates, seeds of sd 1.0, 10 seeds": Rates(seed=1.0, seeds=10),
    "unequal rates": Rates(unequal=0.5),
    "unequal rates, seeds of sd 1.0": Rates(unequal=0.5, seed=1.0),
}


@dataclass(frozen=True)
class Found:
    """Of one way to measure: the bias, the share of studies with a false claim, and that of intervals that hold."""

    bias: float
    claimed: float
    held: float


def measured(world: Rates, studies: int, seed: int = 0) -> dict[str, Found]:
    """By each of the ways."""
    halves = np.arange(world.seeds) % 2
    parts: dict[str, list[tuple[Floats, Floats, npt.NDArray[np.bool_]]]] = {}
    for accuracies, val, test in world.blocks(np.random.default_rng(seed), studies):
        everywhere = accuracies.mean(axis=-1).argmax(axis=1)  # (levels, studies)
        same = np.repeat(everywhere[..., None], world.seeds, axis=-1)
        of_half = [accuracies[..., halves == half].mean(axis=-1).argmax(axis=1) for half in (0, 1)]
        crossed = np.stack([of_half[1 - half] for half in halves], axis=-1)  # (levels, studies, seeds)
        for way, rates, table, counts, wider in (
            ("cross-fitted", crossed, test, PUBLIC, True),
            ("not wider", crossed, test, PUBLIC, False),
            ("the same", same, test, PUBLIC, False),
            ("on validation", same, val, VALIDATION, False),
        ):
            parts.setdefault(way, []).append(_judged(world, rates, table, counts, wider))
    found = {}
    for way, blocks in parts.items():
        bias, p, held = (np.concatenate([block[i] for block in blocks], axis=-1) for i in range(3))
        claimed = p.min(axis=0) < SIGNIFICANT / (LEVELS - 1)
        found[way] = Found(float(bias.mean()), float(claimed.mean()), float(held.mean()))
    return found


def claimed_of_effects(world: Rates, shape: tuple[int, int], studies: int, seed: int = 0) -> float:
    """The share of studies of crossed parameters, of so many levels each, in which an effect is claimed that there is
    not: all combinations are equal, and each is measured at the rates that its halves chose for one another.
    """
    levels = {name: tuple(range(n)) for name, n in zip("ab", shape, strict=True)}
    reference = dict.fromkeys(levels, 0)
    cells = [dict(zip("ab", pair, strict=True)) for pair in itertools.product(*levels.values())]
    effects = effects_of(reference, levels)
    signs = np.asarray([[coefficient(cell, effect, reference) for cell in cells] for effect in effects])
    main = np.asarray([len(effect) == 1 for effect in effects])
    signs[main] /= signs[main].clip(0).sum(axis=1, keepdims=True)  # means over the levels of the other parameter
    halves, strata = np.arange(world.seeds) % 2, np.repeat(np.arange(len(PUBLIC)), PUBLIC)
    claims = []
    for accuracies, _, test in world.blocks(np.random.default_rng(seed), studies, len(cells)):
        of_half = [accuracies[..., halves == half].mean(axis=-1).argmax(axis=1) for half in (0, 1)]
        rates = np.stack([of_half[1 - half] for half in halves], axis=-1)  # (cells, studies, seeds)
        shares = np.take_along_axis(test, rates[:, None, :, :, None], axis=1)[:, 0]
        differ = rates[..., 0] != rates[..., 1]
        p = []
        for row in signs:
            values = np.tensordot(row, shares, axes=1)
            variance = variance_of(values, _weights(PUBLIC), strata)
            wider = widened(variance, values.sum(axis=-1), halves, differ[row != 0].any(axis=0))
            p.append(p_of_distance(np.abs(values.sum(axis=-1).mean(axis=-1)), bounded(wider)))
        claims.append(np.min(p, axis=0) < SIGNIFICANT / len(effects))
    return float(np.concatenate(claims).mean())


def _judged(
    world: Rates, rates: npt.NDArray[np.intp], table: Floats, counts: tuple[int, ...], wider: bool
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Of the measurements at these rates, (levels, studies, seeds): their mean less the truth, the p-values of
    differences to the first level, and whether the first level's interval holds its truth.
    """
    shares = np.take_along_axis(table, rates[:, None, :, :, None], axis=1)[:, 0]
    truth = world.truths[rates].mean(axis=-1)
    differ = rates[..., 0] != rates[..., 1]  # the choices of the two halves, (levels, studies)

    def variance(values: Floats, choice: npt.NDArray[np.bool_]) -> Variance:
        found = variance_of(values, _weights(counts), np.repeat(np.arange(len(counts)), counts))
        halves = np.arange(world.seeds) % 2
        return widened(found, values.sum(axis=-1), halves, choice) if wider else found

    means, differences = shares.sum(axis=-1).mean(axis=-1), shares[1:] - shares[0]
    low, high = interval_of_share(means[0], variance(shares[0], differ[0]))
    p = p_of_distance(np.abs(means[1:] - means[0]), variance(differences, differ[1:] | differ[0]))
    return means - truth, p, (low <= truth[0]) & (truth[0] <= high)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuned", description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=4000, metavar="N", help="made up for each line (%(default)s)")
    studies = parser.parse_args().studies
    print(f"{studies} studies a line\n{'':42}{'bias':>16}{'false':>8}{'held':>8}")
    for name, world in WORLDS.items():
        for way, found in measured(world, studies).items():
            figures = f"{100 * found.bias:+8.2f}{100 * found.claimed:8.1f}{100 * found.held:8.1f}"
            print(f"{name:42}{way:>14}{figures}", flush=True)
        for shape in CROSSED:
            claimed = 100 * claimed_of_effects(world, shape, studies)
            print(f"{name:42}{'crossed':>10}{shape[0]:>2}x{shape[1]}{'':8}{claimed:8.1f}", flush=True)


if __name__ == "__main__":
    main()
