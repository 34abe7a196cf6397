"""What is read from the courses of replayed searches."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.replay_figures import BUDGETS, GRID, STEPS, paired, reaches


def test_random_search_always_reaches_itself() -> None:
    rng = np.random.default_rng(0)
    climbing = np.sort(rng.random((20, len(GRID))), axis=1)
    climbing[:, STEPS:] = climbing[:, STEPS - 1 : STEPS]
    assert all(math.isfinite(one) for one in reaches(climbing, climbing))
    falling = climbing.copy()
    falling[:, 5] = 1.0  # once above, and below again
    assert reaches(falling, climbing)[0] == reaches(climbing, climbing)[0]
    assert paired(climbing, climbing) == (0, 0)
    assert paired(climbing + 0.1, climbing) == pytest.approx((0.1, 0))


def test_when_a_search_reaches_the_last_of_random_search() -> None:
    climbing = np.tile(np.minimum(GRID, 1.0), (4, 1))
    assert reaches(climbing, climbing)[0] == 1
    assert reaches(np.minimum(2 * climbing, 1.0), climbing)[0] == 0.5
    assert reaches(climbing / 2, climbing) == (np.inf, np.inf, np.inf)
    assert len(GRID) == STEPS * BUDGETS
