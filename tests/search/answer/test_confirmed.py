"""What is said of a search's best, trained again beside the reference model."""

from __future__ import annotations

import pytest

from search.answer.confirmed import NO_REFERENCE, Candidate, Confirmed, confirmed, confirmed_text, going_on_text
from search.answer.levels import compare_groups
from search.folder.load import StoredStudy
from search.study import Study
from search.study.confirm import confirming
from search.study.design import config_of, reference_params
from tests.search.answer.made import trial
from tests.search.fabricate import trial_record
from tests.search.workshop import hunt

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


def test_that_no_reference_model_is_trained_beside_the_best_is_said() -> None:
    """Of a space without it: here of larger learning rates, as with parameters of a model of one's own."""
    space = {"learning_rate": {"low": 0.01, "high": 0.1}, "depth": {"low": 1, "high": 6}}
    study = Study.model_validate({**hunt(1, confirm=2).model_dump(exclude_none=True), "scientific": space})
    assert reference_params(study) is None
    params = {"learning_rate": 0.02, "depth": 2}
    searched = trial_record(0, params, role="search")
    begun = StoredStudy("hunt", study, None, "", ())
    assert str(going_on_text(begun)).endswith(f"the recommendation is made among these. {NO_REFERENCE}")
    results = StoredStudy("hunt", study, None, "", (searched,)).results
    again = [
        trial_record(1 + place, one, seed=int(one["seed"]), role="confirm")
        for place, one in enumerate(confirming(study, results, None))
    ]
    found = confirmed(StoredStudy("hunt", study, None, "", (searched, *again)))
    assert found is not None
    assert found.is_over
    text = confirmed_text(found, "accuracy")
    assert text.startswith("Trained again on 2 new seeds, the best of 1 configuration by validation is trial 0")
    assert text.endswith(f". {NO_REFERENCE}")


def test_seeds_that_confirm_are_new_and_folds_are_those_of_the_search() -> None:
    """As README says it."""
    study = hunt(6, confirm=5)
    params = {"learning_rate": 0.02, "depth": 2}
    search = [config_of(study, params, "", number) for number in range(6)]
    wanted = confirming(study, [(params, "search", 0.5)] * 6, None)
    again = [config_of(study, one, "") for one in wanted]
    assert {config.fold for config in again} == {config.fold for config in search} == set(range(5))
    assert {config.seed for config in again}.isdisjoint(config.seed for config in search)
