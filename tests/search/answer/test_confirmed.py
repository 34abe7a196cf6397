"""What is said of a search's best, trained again beside the reference model."""

from __future__ import annotations

import pytest

from search.answer.confirmed import Candidate, Confirmed, confirmed_text
from search.answer.levels import compare_groups
from tests.search.answer.made import trial

SEEDS = 6


@pytest.mark.parametrize(
    ("stuck", "said"),
    [(0, ". The difference is +10"), (1, ". At the 5 seeds where both learnt, the difference is +10")],
)
def test_the_difference_is_of_the_seeds_where_both_learnt(stuck: int, said: str) -> None:
    ours = [
        trial(seed, {"pooling": "max"}, seed, (0.9, 0.7, 0.7), start=None if seed < stuck else 7)
        for seed in range(SEEDS)
    ]
    theirs = [trial(SEEDS + seed, {"pooling": "average"}, seed, (0.9, 0.7, 0.6)) for seed in range(SEEDS)]
    levels = compare_groups([(False, ours), (True, theirs)], 0.05, "accuracy")
    found = tuple(Candidate(level.trials[-1], level, is_feasible=True) for level in levels)
    assert said in confirmed_text(Confirmed(found, SEEDS, is_over=True), "accuracy")
