"""Boundaries of looks: what is spent, what it adds up to, and when going on is hopeless."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.looks import LEVELS, PEEKING, PLAIN, WORLDS, courses
from benchmarks.planned import with_difference
from search.answer.statistics.sequential import Look, Sides, chance_to_decide, nominal, repeated
from search.answer.statistics.variance import variance_of

LOOKS = (5, 8, 12, 20)


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 3])
def test_the_levels_of_all_looks_add_up_to_alpha(alpha: float, sides: Sides) -> None:
    """On a Brownian motion, by simulation: 200,000 paths, of which a standard error is 0.05 points."""
    from scipy import stats

    steps = np.random.default_rng(0).normal(size=(200_000, LOOKS[-1])).cumsum(axis=1)
    crossed = np.zeros(len(steps), bool)
    for place, n in enumerate(LOOKS):
        z = steps[:, n - 1] / np.sqrt(n)
        p = stats.norm.sf(z) if sides == 1 else 2 * stats.norm.sf(np.abs(z))
        crossed |= repeated(p, Look(LOOKS, place), sides) < alpha
    assert crossed.mean() == pytest.approx(alpha, abs=0.0015)


def test_one_look_spends_everything() -> None:
    look = Look((20,), 0)
    for p in (0.001, 0.04, 0.5, 1.0):
        assert repeated(p, look) == pytest.approx(p, rel=0.01)
    assert nominal(0.05, look) == pytest.approx(0.05, rel=0.001)


@pytest.mark.parametrize("place", range(4))
def test_a_repeated_p_is_below_alpha_where_p_is_below_the_nominal_level(place: int) -> None:
    look = Look(LOOKS, place)
    for alpha in (0.05, 0.0125):
        level = nominal(alpha, look)
        assert repeated(level * 0.99, look) < alpha < repeated(level * 1.01, look)


def test_repeated_p_values_are_no_smaller_than_the_data_say() -> None:
    p = np.geomspace(1e-6, 1, 50)
    for place in range(4):
        found = repeated(p, Look(LOOKS, place))
        assert (found >= p * 0.999).all()
        assert (np.diff(found) >= 0).all()


def made(difference: float, seeds_sd: float, photographs_sd: float) -> tuple[float, object]:
    rng = np.random.default_rng(0)
    values = difference + photographs_sd * rng.normal(size=(1, 80)) + seeds_sd * rng.normal(size=(5, 1))
    values = values - values.mean() + difference
    variance = variance_of(values / 80, np.full(80, 1 / 80), np.zeros(80, int))
    return difference, variance


@pytest.mark.parametrize(
    ("difference", "seeds_sd", "photographs_sd", "least", "most"),
    [
        (0.0, 0.02, 0.02, 0.9, 1.0),  # equivalent, once there are more seeds
        (0.2, 0.1, 0.05, 0.9, 1.0),  # different
        (0.04, 0.001, 0.5, 0.0, 0.01),  # photographs are the doubt, and stay the same
    ],
)
def test_going_on_is_hopeless_where_photographs_are_the_doubt(
    difference: float, seeds_sd: float, photographs_sd: float, least: float, most: float
) -> None:
    value, variance = made(difference, seeds_sd, photographs_sd)
    chance = chance_to_decide(value, variance, Look(LOOKS, 0), 0.05, 0.05)  # type: ignore[arg-type]
    assert least <= float(chance) <= most


@pytest.mark.parametrize("name", ["public test set", "seeds of sd 1.0", "2 classes of 40"])
def test_equal_levels_are_told_apart_in_one_study_of_twenty_at_most(name: str) -> None:
    """Over all looks; 400 studies, of which two standard errors are 2 points."""
    (found,) = courses(WORLDS[name], 400)
    assert found.claims(np.ones(LEVELS - 1, bool)) <= 0.07
    assert found.trainings < 0.75


def test_looks_that_spend_nothing_claim_too_much() -> None:
    every = np.ones(LEVELS - 1, bool)
    (peeking,) = courses(WORLDS["2 classes of 40"], 400, [PEEKING])
    assert peeking.claims(every) > 0.07


def test_a_large_difference_ends_a_study_early() -> None:
    (found,) = courses(with_difference(PLAIN, 0.25), 200)
    assert found.clear.mean() > 0.9
    assert found.trainings < 0.6
