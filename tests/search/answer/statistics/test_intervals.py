"""Intervals: that they contain the truth as often as they say, and behave where nothing varies."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.coverage import (
    WORLDS,
    comparisons,
    coverage_of_a_level,
    coverage_of_a_t_test,
    coverage_over_images,
)
from benchmarks.worlds import TRAIN, World
from search.answer.statistics.intervals import estimate_difference, estimate_share, half_width
from search.answer.statistics.variance import variance_of

STUDIES = 6000  # the standard error of a coverage of 95 % is then 0.3 %


@pytest.mark.parametrize("logit", [0.0, 0.5, 1.5])
def test_a_levels_interval_covers_the_truth(logit: float) -> None:
    assert 0.93 <= coverage_of_a_level(World(logit=logit), STUDIES) <= 0.97


def test_images_taken_for_independent_cover_little() -> None:
    assert coverage_over_images(World(), 1000) < 0.3


@pytest.mark.parametrize("seeds", [5, 8, 20])
def test_a_validation_accuracy_over_folds_covers_the_truth(seeds: int) -> None:
    world = World(seeds=seeds, photographs=TRAIN, split="val")
    assert 0.92 <= coverage_of_a_level(world, 1500) <= 0.99


def test_a_training_accuracy_over_folds_covers_the_truth() -> None:
    assert 0.92 <= coverage_of_a_level(World(photographs=TRAIN, split="train"), 1500) <= 0.98


def test_a_t_test_over_replicates_of_repeated_folds_covers_little() -> None:
    assert coverage_of_a_t_test(World(seeds=20, photographs=TRAIN, split="val"), 1000) < 0.85


@pytest.mark.parametrize(("level", "effect"), [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0)])
def test_a_differences_interval_covers_the_truth(level: float, effect: float) -> None:
    coverage, _ = comparisons(World(level=level, effect=effect), STUDIES)
    assert 0.93 <= coverage <= 0.97


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_null_effect_is_called_cannot_tell(seeds: int) -> None:
    _, p = comparisons(World(seeds=seeds, level=0.5), STUDIES)
    assert np.mean(p >= 0.05) >= 0.945  # 95 %, less two standard errors of this many studies


def test_a_large_effect_is_found() -> None:
    _, p = comparisons(World(effect=1.0), 500)
    assert np.mean(p < 0.05) > 0.8


def test_images_are_no_evidence_of_their_own() -> None:
    """Ten times the images of the same photographs change nothing; ten times the photographs do."""
    rng = np.random.default_rng(0)
    shares = rng.uniform(0.2, 0.9, (5, 30))
    strata = np.repeat([0, 1, 2], 10)

    def width(shares: np.ndarray, images: np.ndarray, strata: np.ndarray) -> float:
        return float(half_width(variance_of(shares * images / images.sum(), images / images.sum(), strata)))

    few = width(shares, np.full(30, 10.0), strata)
    assert width(shares, np.full(30, 100.0), strata) == pytest.approx(few)
    assert width(np.tile(shares, 10), np.full(300, 10.0), np.tile(strata, 10)) < few


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_one_photograph(seeds: int) -> None:
    variance = variance_of(np.linspace(0.2, 0.4, seeds)[:, None], np.ones(1), np.zeros(1, int))
    assert variance.total >= 0
    assert np.isfinite(half_width(variance))


@pytest.mark.parametrize(("value", "low", "high"), [(1.0, 0.95, 1.0), (0.0, 0.0, 0.05), (0.25, 0.2, 0.3)])
def test_where_all_agree_the_bound_over_photographs_stands_in(value: float, low: float, high: float) -> None:
    values = np.full((3, 72), value / 72)
    found = estimate_share(values.sum(axis=1), variance_of(values, np.full(72, 1 / 72), np.zeros(72, int)))
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=0.001)


def test_two_levels_that_agree_everywhere() -> None:
    same = np.zeros((3, 72))
    found = estimate_difference(same.sum(axis=1), variance_of(same, np.full(72, 1 / 72), np.zeros(72, int)))
    assert (found.low, found.high) == pytest.approx((-0.05, 0.05), abs=0.001)
    assert found.p == 1


def test_two_levels_that_disagree_everywhere() -> None:
    apart = np.full((3, 72), 1 / 72)
    found = estimate_difference(apart.sum(axis=1), variance_of(apart, np.full(72, 1 / 72), np.zeros(72, int)))
    assert found.p < 0.001
    assert found.high == 1


@pytest.mark.parametrize("value", [0.001, 0.5, 0.999])
def test_a_shares_interval_stays_between_0_and_1(value: float) -> None:
    rng = np.random.default_rng(1)
    values = np.clip(rng.normal(value, 0.2, (3, 20)), 0, 1) / 20
    found = estimate_share(values.sum(axis=1), variance_of(values, np.full(20, 1 / 20), np.repeat([0, 1], 10)))
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_where_all_agree_the_bound_of_a_gap_is_not_that_of_both_sets_together() -> None:
    """277 training and 71 test photographs, all classified rightly: the test photographs set the bound."""
    weights = np.concatenate([np.full(277, 1 / 277), np.full(71, 1 / 71)])
    values = np.tile(np.concatenate([weights[:277], -weights[277:]]), (5, 1))
    found = estimate_difference(values.sum(axis=1), variance_of(values, weights, np.repeat([0, 1], [277, 71])))
    alone = 1 - 0.025 ** (1 / 71)
    assert alone < found.high < 1.3 * alone
    assert found.low == pytest.approx(-found.high)


def test_a_few_errors_are_no_little_doubt() -> None:
    """One image of 72 photographs of 30 is wrong: hardly better known than with none wrong."""
    values = np.full((5, 72), 1 / 72)
    values[0, 0] -= 1 / 72 / 30
    found = estimate_share(values.sum(axis=1), variance_of(values, np.full(72, 1 / 72), np.zeros(72, int)))
    assert found.low < 0.99
    assert found.high <= 1


def test_a_differences_interval_ends_where_it_can_be() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0.05, 0.5, (5, 30)) / 30
    variance = variance_of(values, np.full(30, 1 / 30), np.zeros(30, int))
    found = estimate_difference(values.sum(axis=1), variance, room=(-0.9, 0.1))
    assert found.high == 0.1
    assert found.low > -0.9


@pytest.mark.parametrize("name", ["seeds of sd 1.0", "one noisy level (sd 1.5)", "2 classes of 40", "15 classes of 5"])
def test_equal_levels_are_told_apart_in_few_studies(name: str) -> None:
    """Kinds of data on which the degrees of freedom once came out too favourable."""
    coverage, p = comparisons(WORLDS[name], 2000, levels=4)
    assert np.mean(p.min(axis=0) < 0.05 / 3) <= 0.06 + 0.005
    assert coverage >= 0.94


@pytest.mark.parametrize(
    "name", ["unequal copies, easier with more", "near 1, a class of one photograph", "accuracy 0.95"]
)
def test_a_levels_interval_covers_where_it_once_did_not(name: str) -> None:
    assert coverage_of_a_level(WORLDS[name], 2000) >= 0.93
