"""What looks cost and save: studies of up to 20 replicates that look after 5, 8 and 12, against fixed ones.

    python -m benchmarks.looks [--studies 4000]

A row is a kind of data (`benchmarks.worlds`), with four levels of which the first is the reference. Columns, in per
cent of studies, or of levels where it says so:

    false        some difference is claimed that there is not, at any look (Holm over levels, alpha spent over looks)
    of 20        the same of studies of 20 replicates, tested once
    peeking      the same of studies tested at each look as if it were the only one: what not to do
    trainings    how many were made, of those that 20 replicates of every level take
    decided      levels that were called higher, lower or equivalent; in brackets with 20 and with 5 replicates
    wrong        studies in which some level is called equivalent whose true difference is the margin or more
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from benchmarks.planned import with_difference
from benchmarks.worlds import TRAIN, Block, World
from search.answer.statistics.equivalence import p_equivalent
from search.answer.statistics.intervals import p_of_distance
from search.answer.statistics.sequential import HOPELESS, Look, chance_to_decide, repeated
from search.answer.statistics.simultaneous import SIGNIFICANT
from search.answer.statistics.variance import Floats, variance_of
from search.study.study import MARGIN

LOOKS = (5, 8, 12, 20)
LEVELS = 4
PLAIN = World(seeds=LOOKS[-1])
MANY = replace(PLAIN, photographs=(160,) * 4, level=0.2)
DIFFER = ("public test set", "seeds of sd 1.0", "4 classes of 160, quiet levels")
FOLDS = replace(PLAIN, photographs=TRAIN, images_a_class=2490, split="val")
WORLDS = {
    "public test set": PLAIN,
    "levels find the same photographs easy": replace(PLAIN, level=0.0),
    "seeds of sd 1.0": replace(PLAIN, seed=1.0),
    "one noisy level (sd 1.5)": replace(PLAIN, noisy=1.5),
    "a third of the models stuck": replace(PLAIN, stuck=1 / 3),
    "unequal copies, easier with more": replace(PLAIN, copies="unequal"),
    "2 classes of 40": replace(PLAIN, photographs=(40, 40)),
    "4 classes of 160, quiet levels": MANY,
    "the same, seeds of sd 1.0": replace(MANY, seed=1.0),
    "validation over 5 folds": FOLDS,
    "validation, seeds of sd 1.0": replace(FOLDS, seed=1.0),
}
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Course:
    """What became of the levels of many studies, the reference level aside; arrays of shape (levels, studies).

    Attributes:
        clear: whether a difference was claimed.
        equivalent: whether equivalence was.
        replicates: after how many the level left.
    """

    clear: Bools
    equivalent: Bools
    replicates: npt.NDArray[np.int64]

    @property
    def decided(self) -> float:
        """The share of levels that were decided."""
        return float((self.clear | self.equivalent).mean())

    @property
    def trainings(self) -> float:
        """How many were made, of those that the last look takes of every level; the reference level stays longest."""
        made = self.replicates.sum(axis=0) + self.replicates.max(axis=0)
        return float(made.mean() / (LOOKS[-1] * (len(self.replicates) + 1)))

    def claims(self, where: Bools) -> float:
        """The share of studies that claim a difference of one of these levels."""
        return float((self.clear & where[:, None]).any(axis=0).mean())

    def equates(self, where: Bools) -> float:
        """The share of studies that call one of these levels equivalent."""
        return float((self.equivalent & where[:, None]).any(axis=0).mean())


@dataclass(frozen=True)
class Design:
    """How studies run.

    Attributes:
        looks: replicates after which they look.
        hopeless: the chance to be decided below which a level leaves.
        spends: whether alpha is spent over the looks; else each look is taken as if it were the only one.
    """

    looks: tuple[int, ...] = LOOKS
    hopeless: float = HOPELESS
    spends: bool = True


FIXED, FEW = Design(LOOKS[-1:]), Design(LOOKS[:1])
PEEKING = Design(hopeless=-1.0, spends=False)


def courses(
    world: World, studies: int, designs: Sequence[Design] = (Design(),), levels: int = LEVELS, seed: int = 0
) -> list[Course]:
    """The same studies by each design: a level leaves when it is decided, or when it has little chance to be.

    Args:
        world: where studies come from; its seeds are the last look's, or more.
        studies: how many.
        designs: how they run.
        levels: with the reference level.
        seed: of the studies.
    """
    found: list[list[Course]] = [[] for _ in designs]
    for block in world.blocks(np.random.default_rng(seed), studies, levels):
        differences = block.shares[1:] - block.shares[0]
        for parts, design in zip(found, designs, strict=True):
            parts.append(_course(differences, block, design))
    return [
        Course(*(np.concatenate([getattr(part, one.name) for part in parts], axis=1) for one in fields(Course)))
        for parts in found
    ]


def _course(differences: Floats, block: Block, design: Design) -> Course:
    looks, shape = design.looks, differences.shape[:2]
    p, p_same = np.ones(shape), np.ones(shape)
    replicates = np.full(shape, looks[-1])
    stays = np.ones(shape, bool)
    for place, n in enumerate(looks):
        look = Look(looks, place)
        table = differences[..., :n, :]
        variance = variance_of(table, block.weights[:n], block.strata)
        value = table.sum(axis=-1).mean(axis=-1)
        two, one = p_of_distance(np.abs(value), variance), p_equivalent(value, variance, MARGIN)
        p = np.where(stays, repeated(two, look, 2) if design.spends else two, p)
        p_same = np.where(stays, repeated(one, look, 1) if design.spends else one, p_same)
        clear, same = _holm(p) < SIGNIFICANT, _holm(p_same) < SIGNIFICANT
        gone = clear | same
        if place < len(looks) - 1:
            left = shape[0] - clear.sum(axis=0)
            for several in range(1, shape[0] + 1):
                chance = chance_to_decide(value, variance, look, SIGNIFICANT / several, MARGIN)
                gone = gone | ((left == several) & (chance < design.hopeless))
        replicates = np.where(stays & gone, n, replicates)
        stays = stays & ~gone
    return Course(_holm(p) < SIGNIFICANT, _holm(p_same) < SIGNIFICANT, replicates)


def _holm(p: Floats) -> Floats:
    """Over the first axis, as `search.answer.statistics.simultaneous.holm`."""
    order = np.argsort(p, axis=0)
    ranked = np.take_along_axis(p, order, axis=0) * np.arange(len(p), 0, -1)[:, None]
    found = np.empty_like(p)
    np.put_along_axis(found, order, np.minimum(np.maximum.accumulate(ranked, axis=0), 1.0), axis=0)
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.looks", description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=4000, metavar="N", help="made up for each line (%(default)s)")
    studies = parser.parse_args().studies
    every = np.ones(LEVELS - 1, bool)
    print(f"{studies} studies a line; looks after {', '.join(map(str, LOOKS))} replicates")
    print(f"{'no difference':52}{'false':>7}{'of 20':>7}{'peeking':>9}{'trainings':>11}{'decided':>17}")
    for name, world in WORLDS.items():
        looks, fixed, few, peeking = courses(world, studies, (Design(), FIXED, FEW, PEEKING))
        false = "".join(f"{100 * one.claims(every):{n}.1f}" for one, n in ((looks, 7), (fixed, 7), (peeking, 9)))
        print(f"{name:52}{false}{_rest(looks, fixed, few)}", flush=True)
    print(f"\n{'two of three levels differ':52}{'false':>7}{'wrong':>7}{'':9}{'trainings':>11}{'decided':>17}")
    differ = np.asarray([True, True, False])
    for points in (0.05, 0.1, 0.2):
        for name in DIFFER:
            world = with_difference(replace(WORLDS[name], differ=2), points)
            looks, fixed, few = courses(world, studies, (Design(), FIXED, FEW))
            wrong = f"{100 * looks.claims(~differ):7.1f}{100 * looks.equates(differ):7.1f}{'':9}"
            print(f"{f'by {100 * points:.0f} points: {name}':52}{wrong}{_rest(looks, fixed, few)}", flush=True)


def _rest(looks: Course, fixed: Course, few: Course) -> str:
    decided = f"{100 * looks.decided:.0f} ({100 * fixed.decided:.0f}, {100 * few.decided:.0f})"
    return f"{100 * looks.trainings:11.0f}{decided:>17}"


if __name__ == "__main__":
    main()
