"""What more trials would bring: by hand, and against simulated searches."""

from __future__ import annotations

import math

import numpy as np
import pytest

from search.answer.regret import expected_gain


def test_the_gain_by_hand() -> None:
    figures = [0.5, 0.6, 0.4, None, 0.7, 0.3, 0.2, None]
    assert expected_gain(figures, 1) == pytest.approx((0.65 - 0.5) / 9)
    assert expected_gain(figures, 3) == pytest.approx(0.15 * (1 / 9 + 1 / 10 + 1 / 11))
    assert expected_gain([0.5] * 20, 5) == 0
    assert math.isnan(expected_gain(figures[:7], 1))
    assert math.isnan(expected_gain([0.5, *[None] * 20], 1))


def test_searches_without_a_better_trial_gain_about_as_much_as_is_said() -> None:
    rng = np.random.default_rng(0)
    patience, said, got = 10, [], []
    for _ in range(1500):
        values = rng.normal(0.6, 0.05, 400)
        best = np.maximum.accumulate(values)
        n = next(n for n in range(patience + 1, 380) if best[n - 1] == best[n - 1 - patience])
        said.append(expected_gain(values[:n].tolist(), patience))
        got.append(best[n + patience - 1] - best[n - 1])
    assert 1.0 < np.mean(said) / np.mean(got) < 1.9
