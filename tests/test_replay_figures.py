"""What is read from the courses of replayed searches."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.replay_figures import BUDGETS, GRID, STEPS, over_tables, paired, reaches


def test_random_search_always_reaches_itself() -> None:
    rng = np.random.default_rng(0)
    climbing = np.sort(rng.random((20, len(GRID))), axis=1)
    climbing[:, STEPS:] = climbing[:, STEPS - 1 : STEPS]
    assert all(math.isfinite(one) for one in reaches(climbing, climbing))
    falling = climbing.copy()
    falling[:, 5] = 1.0  # once above, and below again
    assert reaches(falling, climbing)[0] == reaches(climbing, climbing)[0]
    assert paired(climbing[:, 0], climbing[:, 0]) == (0, 0)
    assert paired(climbing[:, 0] + 0.1, climbing[:, 0]) == pytest.approx((0.1, 0))


def test_when_a_search_reaches_the_last_of_random_search() -> None:
    climbing = np.tile(np.minimum(GRID, 1.0), (4, 1))
    assert reaches(climbing, climbing)[0] == 1
    assert reaches(np.minimum(2 * climbing, 1.0), climbing)[0] == 0.5
    assert reaches(climbing / 2, climbing) == (np.inf, np.inf, np.inf)
    assert len(GRID) == STEPS * BUDGETS


def search_of(rng: np.random.Generator, worth: np.ndarray, first: np.ndarray) -> float:
    """How much better it is to train the five best of 60 once more than to take the best of the first trainings."""
    met = rng.permutation(len(worth))[:60]
    best = met[np.argsort(-first[met])][:5]
    again = worth[best] + rng.normal(0, 6, len(best))
    return float(worth[best][again.argmax()] - worth[best][0])


def test_the_interval_over_tables_holds_the_truth() -> None:
    """Tables of 400 models, an eighth of which learn; what a training tells has an error. The truth is the mean over
    many tables. Intervals of the simulation alone hold it hardly ever.
    """
    rng = np.random.default_rng(0)

    def models() -> tuple[np.ndarray, np.ndarray]:
        learns = rng.random(400) < 0.125
        worth = np.where(learns, rng.normal(35, 8, 400), 25.0)
        return worth, np.where(learns, worth + rng.normal(0, 8, 400), 0.0)

    truth = np.mean([search_of(rng, *models()) for _ in range(4000)])
    held, simulated, halves, searches = 0, 0, 100, 24
    for _ in range(50):
        worth, first = models()
        whole = np.array([search_of(rng, worth, first) for _ in range(300)])
        chosen = [rng.permutation(400)[:200] for _ in range(halves)]
        values = [[search_of(rng, worth[half], first[half]) for _ in range(searches)] for half in chosen]
        error = paired(whole, np.zeros_like(whole))[1]
        held += abs(whole.mean() - truth) <= math.hypot(error, over_tables(np.array(values)))
        simulated += abs(whole.mean() - truth) <= error
    assert held >= 44
    assert simulated <= 30


def test_tables_that_do_not_differ_have_no_variance_between_them() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (200, 16))
    assert over_tables(noise) < 0.25
    assert over_tables(noise + rng.normal(0, 2, (200, 1))) == pytest.approx(1.96 * 2, rel=0.15)
    assert over_tables(noise - noise.mean(axis=1, keepdims=True)) == 0
