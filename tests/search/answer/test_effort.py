"""What would tell more: planned from the parts of the variance, and true of studies that are made so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.coverage import comparisons
from benchmarks.worlds import World
from search.answer.effort import RELEVANT, Effort, effort
from search.answer.intervals import Estimate
from search.answer.sentence import what_it_takes
from search.answer.variance import Variance, variance_of


def estimate(photographs: float, seeds: float, interaction: float = 0.0, n_seeds: int = 5, df: float = 60) -> Estimate:
    parts = [np.asarray(value) for value in (photographs, seeds, interaction)]
    variance = Variance(*parts, total=sum(parts), df=np.asarray(df), n_seeds=n_seeds, n_photographs=70)
    return Estimate(0.0, -0.1, 0.1, 0.5, (0.0,) * n_seeds, variance)


def test_only_photographs_help_where_only_they_vary() -> None:
    found = effort([estimate(photographs=0.002, seeds=0)])
    assert found is not None
    # at about 200 degrees of freedom (1.972 + 0.843)^2 * 0.002 / 0.05^2 = 6.3 times 70 photographs
    assert found.photographs == pytest.approx(444, abs=4)
    assert found.seeds is None
    assert "about 44" in what_it_takes(found, 5)
    assert "(more seeds alone would not do)" in what_it_takes(found, 5)


def test_only_seeds_help_where_only_they_vary() -> None:
    found = effort([estimate(photographs=0, seeds=0.002)])
    assert found is not None
    assert found.photographs is None
    assert found.seeds == pytest.approx(32, abs=1)
    assert "(more photographs alone would not do)" in what_it_takes(found, 5)


def test_neither_alone() -> None:
    found = effort([estimate(photographs=0.002, seeds=0.002)])
    assert found is not None
    assert (found.photographs, found.seeds) == (None, None)
    assert what_it_takes(found, 5).endswith("it would take more photographs and more seeds together.")


def test_few_degrees_of_freedom_are_no_promise() -> None:
    many, few = effort([estimate(0.001, 0, df=60)]), effort([estimate(0.001, 0, df=1)])
    assert many is not None and few is not None
    assert few.detectable > 3 * many.detectable
    hopeless = what_it_takes(replace(few, detectable=1.2), 5)
    assert hopeless.startswith("A study like this one finds no difference reliably; for 5 points it would take ")


def test_a_study_that_is_large_enough_says_so() -> None:
    found = Effort(detectable=RELEVANT / 2, photographs=70, seeds=5, n_photographs=70, n_seeds=5)
    assert what_it_takes(found, 5) == (
        "A study like this one finds a difference of 2 points or more in four cases of five."
    )


def test_the_promise_is_kept() -> None:
    """A difference of the size that is called detectable is found in four cases of five."""
    world = World(level=0.5)
    block = world.block(np.random.default_rng(3), 400, levels=2)
    variance = variance_of(block.shares[1] - block.shares[0], block.images, block.strata)
    detectable = []
    for study in range(400):
        parts = [np.asarray(part[study]) for part in (variance.photographs, variance.seeds, variance.interaction)]
        one = Variance(*parts, variance.total[study], variance.df[study], world.seeds, len(world.strata))
        found = effort([Estimate(0.0, 0, 0, 1.0, (), one)])
        assert found is not None
        detectable.append(found.detectable)
    wanted = float(np.median(detectable))
    effects = np.linspace(0.1, 1.5, 60)
    true = [World(level=0.5, effect=e).truth(1) - World(level=0.5, effect=e).truth(0) for e in effects]
    _, p = comparisons(World(level=0.5, effect=float(np.interp(wanted, true, effects))), 3000)
    assert 0.70 <= np.mean(p < 0.05) <= 0.90


def test_one_seed_says_nothing() -> None:
    assert effort([estimate(0.002, 0, n_seeds=1)]) is None
    assert what_it_takes(None, 1).startswith("One seed tells nothing of the luck of the seed")
