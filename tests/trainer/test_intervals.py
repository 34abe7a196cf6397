"""Intervals over photographs of one model's share of right images."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.intervals import Share, share_by_photograph


@pytest.mark.parametrize(("photographs", "copies", "mean"), [(71, 20, 0.6), (30, 10, 0.85)])
def test_intervals_hold_the_truth_where_copies_resemble_each_other(photographs: int, copies: int, mean: float) -> None:
    """95 of 100 of them; one over images would hold it in about 40."""
    rng = np.random.default_rng(3)
    held = []
    for _ in range(400):
        easy = rng.beta(2 * mean, 2 * (1 - mean), photographs)
        place = np.repeat(np.arange(photographs), copies)
        share = share_by_photograph(rng.random(len(place)) < easy[place], place.astype(str))
        held.append(share.low <= mean <= share.high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)  # its own standard error is 0.011


def test_ends_of_certainty() -> None:
    all_right = share_by_photograph(np.array([True] * 30), ["a", "b", "c"] * 10)
    assert all_right == Share(1.0, pytest.approx(0.025 ** (1 / 3)), 1.0, 30, 3)  # the exact bound of three photographs
    one = share_by_photograph(np.array([True, False]), ["a", "a"])
    assert (one.low, one.high) == (0, 1), "one photograph says nothing"


def test_copies_are_no_evidence() -> None:
    photos = [str(n) for n in range(20)]
    hits = np.arange(20) < 12
    once, often = share_by_photograph(hits, photos), share_by_photograph(np.tile(hits, 30), photos * 30)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    assert str(once) == f"60.0% ({100 * once.low:.0f} to {100 * once.high:.0f})"
    assert once.as_json() == {
        "value": 0.6, "low": round(once.low, 4), "high": round(once.high, 4), "images": 20, "photographs": 20
    }  # fmt: skip
