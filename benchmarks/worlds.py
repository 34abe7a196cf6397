"""Studies made up with a known truth, as tables of models by photographs."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from search.answer.statistics.variance import Floats

PUBLIC = (13, 6, 4, 48)  # photographs by class of the public test set, about 620 images of each class
TRAIN = (75, 27, 16, 159)  # and of its TRAIN split, about 2,490 images of each class
IMAGES_A_CLASS = 620
POINTS = 160  # of Gauss-Hermite quadrature: more change no truth by 1e-6
CELLS = 2_000_000  # of a block of studies, for the sake of memory

Copies = Literal["equal", "one", "unequal"]
Split = Literal["train", "val", "test"]


@dataclass(frozen=True)
class World:
    """Where studies come from.

    A photograph is classified rightly with a chance whose logit has a normal part of its own, one of the seed and one
    of the two together. Levels share the photographs' parts, and have one of their own in addition.

    Attributes:
        seeds: of each level.
        logit: of the mean photograph, for the first level.
        effect: of the other levels, on the logit scale.
        logits: of the mean photograph, for each level, in place of `logit` and `effect`; empty: those two say it.
        differ: how many levels, from the second on, have the effect; None for all.
        photograph: standard deviation of the photographs' logits.
        seed: of the seeds'.
        both: of photograph and seed together.
        level: of photograph and level together: how differently two levels find the same photograph.
        noisy: standard deviation of the seeds' logits at the second level; None for that of the others. Its mean logit
            is shifted so that its accuracy is as that of the others.
        stuck: the chance that a model learns nothing: it takes all images for one class.
        photographs: by class.
        copies: images a photograph: the same number within a class, one, or log-normal and the more the easier.
        split: "test" is seen by every model; "val" by those of its fold, "train" by those of the other folds.
        folds: how many; replicate r validates on fold r mod folds.
    """

    seeds: int = 5
    logit: float = 0.5
    effect: float = 0.0
    logits: tuple[float, ...] = ()
    differ: int | None = None
    photograph: float = 1.5
    seed: float = 0.3
    both: float = 0.5
    level: float = 0.5
    noisy: float | None = None
    stuck: float = 0.0
    photographs: tuple[int, ...] = PUBLIC
    images_a_class: int = IMAGES_A_CLASS
    copies: Copies = "equal"
    split: Split = "test"
    folds: int = 5

    @property
    def strata(self) -> npt.NDArray[np.int64]:
        """(photographs,) the class of each."""
        return np.repeat(np.arange(len(self.photographs)), self.photographs)

    def sd_of_seeds(self, level: int) -> float:
        """The standard deviation of the seeds' logits."""
        return self.noisy if self.noisy is not None and level == 1 else self.seed

    def truth(self, level: int) -> float:
        """The accuracy over all photographs and models there could be, weighted by images."""
        learnt = self.accuracy_at(_mean_logit(self, level), self.sd_of_seeds(level))
        return (1 - self.stuck) * learnt + self.stuck / len(self.photographs)

    def difference(self, level: int) -> float:
        """That of a level less that of the first."""
        return self.truth(level) - self.truth(0)

    def blocks(self, rng: np.random.Generator, studies: int, levels: int) -> Iterator[Block]:
        """At least that many studies, in blocks that share the images of a photograph and the folds."""
        n = sum(self.photographs)
        size = max(1, min(500, studies, CELLS // (n * self.seeds * levels)))
        if self.copies == "unequal" or self.split != "test":
            size = min(size, 25)
        for _ in range(-(-studies // size)):
            yield self.block(rng, size, levels)

    def block(self, rng: np.random.Generator, studies: int, levels: int) -> Block:
        """Studies whose photographs have the same numbers of images and stand in the same folds."""
        n = len(self.strata)
        spread = rng.normal(size=n)
        images = self._images(spread)
        shared = self.photograph * rng.normal(size=(studies, 1, n))
        if self.copies == "unequal":
            shared = EASIER * self.photograph * spread + np.sqrt(1 - EASIER**2) * shared
        found = []
        for level in range(levels):
            logits = _mean_logit(self, level) + shared + rng.normal(0, self.level, (studies, 1, n))
            logits = logits + rng.normal(0, self.sd_of_seeds(level), (studies, self.seeds, 1))
            logits = logits + rng.normal(0, self.both, (studies, self.seeds, n))
            hits = rng.binomial(images.astype(np.int64), 1 / (1 + np.exp(-logits))).astype(np.float64)
            if self.stuck:
                is_stuck = rng.uniform(size=(studies, self.seeds, 1)) < self.stuck
                said = rng.integers(0, len(self.photographs), (studies, self.seeds, 1))
                hits = np.where(is_stuck, np.where(self.strata == said, images, 0.0), hits)
            found.append(hits)
        seen = self._seen(rng)
        weights = images * seen
        weights = weights / weights.sum(axis=-1, keepdims=True)
        return Block(np.asarray(found) / images * weights, weights, self.strata)

    def _images(self, spread: Floats) -> Floats:
        if self.copies == "unequal":
            found: Floats = np.ceil(10 * np.exp(SPREAD_OF_COPIES * spread))
            return found
        each = [1 if self.copies == "one" else max(1, round(self.images_a_class / n)) for n in self.photographs]
        return np.repeat(each, self.photographs).astype(np.float64)

    def _seen(self, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
        """(seeds, photographs)"""
        n = len(self.strata)
        if self.split == "test":
            return np.ones((self.seeds, n), bool)
        fold = np.empty(n, np.int64)
        for label in range(len(self.photographs)):
            mine = rng.permutation(np.flatnonzero(self.strata == label))
            fold[mine] = (np.arange(len(mine)) + rng.integers(self.folds)) % self.folds
        validates = fold[None] == (np.arange(self.seeds) % self.folds)[:, None]
        return validates if self.split == "val" else ~validates

    def accuracy_at(self, logit: float, seed: float) -> float:
        """That of models which learn, at this mean logit and standard deviation of the seeds' logits."""
        points, weights = np.polynomial.hermite_e.hermegauss(POINTS)
        weights = weights / weights.sum()
        others = seed**2 + self.both**2 + self.level**2
        if self.copies != "unequal":
            return float(weights @ (1 / (1 + np.exp(-logit - np.sqrt(self.photograph**2 + others) * points))))
        images = self._images(FINE)[:, None]
        means = logit + EASIER * self.photograph * FINE[:, None]
        spread = np.sqrt((1 - EASIER**2) * self.photograph**2 + others)
        chances = 1 / (1 + np.exp(-means - spread * points))
        density = np.exp(-(FINE[:, None] ** 2) / 2) * images
        return float((density * chances * weights).sum() / density.sum())


EASIER = 0.8  # correlation of a photograph's logit with the logarithm of its images
SPREAD_OF_COPIES = 0.9  # standard deviation of that logarithm: the tenth with the most has five times the median's
FINE: Floats = np.linspace(-6, 6, 4001)  # a grid of standard normal values


@functools.cache
def _mean_logit(world: World, level: int) -> float:
    from scipy import optimize

    if world.logits:
        return world.logits[level]
    effect = world.effect if level > 0 and (world.differ is None or level <= world.differ) else 0.0
    if level == 1 and world.noisy is not None:
        wanted, noisy = world.accuracy_at(world.logit, world.seed), world.noisy
        root = optimize.brentq(lambda logit: world.accuracy_at(logit, noisy) - wanted, -30, 30)
        return float(root) + effect
    return world.logit + effect


@dataclass(frozen=True)
class Block:
    """Studies of one world.

    Attributes:
        shares: (levels, studies, seeds, photographs) what each adds to a model's accuracy.
        weights: (seeds, photographs) its share of the images that the model saw.
        strata: (photographs,).
    """

    shares: Floats
    weights: Floats
    strata: npt.NDArray[np.int64]
