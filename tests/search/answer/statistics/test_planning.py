"""What would tell more: planned from the parts of the variance, and true of studies that are made so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.planned import kept, power, with_difference
from benchmarks.worlds import World
from search.answer.statistics.intervals import Estimate
from search.answer.statistics.planning import Effort, Range, effort
from search.answer.statistics.variance import Variance
from search.answer.words.advice import what_it_takes
from search.study.study import MARGIN


def estimate(photographs: float, seeds: float, interaction: float = 0.0, n_seeds: int = 5, df: float = 60) -> Estimate:
    parts = [np.asarray(value) for value in (photographs, seeds, interaction)]
    degrees = np.asarray(df)
    variance = Variance(
        *parts,
        total=sum(parts),
        df=degrees,
        df_photographs=degrees,
        n_seeds=n_seeds,
        n_photographs=70,
        n_effective=60,
    )
    return Estimate(0.0, -0.1, 0.1, 0.5, (0.0,) * n_seeds, variance)


def test_only_photographs_help_where_only_they_vary() -> None:
    found = effort([estimate(photographs=0.002, seeds=0)])
    assert found is not None and found.photographs is not None and found.photographs.high is not None
    # at about 200 degrees of freedom (1.972 + 0.843)^2 * 0.002 / 0.05^2 = 6.3 times 70 photographs
    assert found.photographs.low < 444 < found.photographs.high
    assert found.photographs.high < 700
    assert found.seeds is None
    assert "(more seeds alone would not be enough)" in what_it_takes(found, 5)


def test_only_seeds_help_where_only_they_vary() -> None:
    found = effort([estimate(photographs=0, seeds=0.002)])
    assert found is not None
    assert found.photographs is None
    assert found.seeds is not None and found.seeds.high is not None
    assert found.seeds.low < 32 < found.seeds.high  # (1.96 + 0.85)^2 * 0.01 / 0.05^2
    assert found.seeds.high > 3 * found.seeds.low  # four degrees of freedom tell little
    assert "(more photographs alone would not be enough)" in what_it_takes(found, 5)


def test_neither_alone() -> None:
    found = effort([estimate(photographs=0.004, seeds=0.02)])
    assert found is not None
    assert (found.photographs, found.seeds) == (None, None)
    assert what_it_takes(found, 5).endswith("; finding 5 points would take more photographs and more seeds together.")


def test_more_comparisons_take_more() -> None:
    one, four = (effort([estimate(photographs=0, seeds=0.002)], comparisons) for comparisons in (1, 4))
    assert one is not None and one.seeds is not None and four is not None and four.seeds is not None
    assert four.seeds.low > 1.2 * one.seeds.low
    assert four.detectable > one.detectable


def test_few_degrees_of_freedom_are_no_promise() -> None:
    many, few = effort([estimate(0.001, 0, df=60)]), effort([estimate(0.001, 0, df=1)])
    assert many is not None and few is not None
    assert few.detectable[1] > 3 * many.detectable[1]
    hopeless = what_it_takes(replace(few, detectable=(1.2, 2.0)), 5)
    assert hopeless.startswith("A study like this one would find no difference reliably; finding 5 points would take ")


def test_it_is_said_as_a_range() -> None:
    found = Effort((0.08, 0.152), Range(300, 1200), Range(12, 60), n_photographs=71, n_seeds=5)
    assert what_it_takes(found, 5) == (
        "A study like this one would find a difference of 8 to 15 points or more in four cases out of five; finding 5 "
        "points would take about 300 to 1,200 test photographs instead of 71 or about 12 to 60 seeds instead of 5."
    )
    unfavourable = replace(found, photographs=None, seeds=Range(12, None))
    assert "would take 12 or more seeds instead of 5 (more photographs alone" in what_it_takes(unfavourable, 5)


def test_a_study_that_is_large_enough_says_so() -> None:
    found = Effort((MARGIN / 2, MARGIN / 2), Range(70, 70), Range(5, 5), n_photographs=70, n_seeds=5)
    assert what_it_takes(found, 5) == (
        "A study like this one would find a difference of 2 points or more in four cases out of five."
    )


def test_the_promise_is_kept() -> None:
    """The number of seeds that 80 % power takes, found by simulation, lies within the range in most studies."""
    world = with_difference(World(photographs=(40,) * 4, seed=0.2, level=0.2))
    assert power(replace(world, seeds=10), studies=1000) == pytest.approx(0.80, abs=0.05)
    assert power(replace(world, seeds=5), studies=1000) < 0.55
    assert kept(world, needed=10, studies=60) >= 0.7


def test_one_seed_says_nothing() -> None:
    assert effort([estimate(0.002, 0, n_seeds=1)]) is None
    assert what_it_takes(None, 1).startswith(
        "One seed is too few to separate an effect from the luck of the seed: no level is ranked."
    )


def test_few_seeds_learnt_of_those_that_were_trained() -> None:
    said = what_it_takes(None, 4, trained=5)
    assert said.startswith("What is compared is compared at the seeds where all of it learnt, at most 4 of 5")
    assert "Run at least" not in said
