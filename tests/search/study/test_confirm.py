"""Which settings a search trains again, as a pure function of its results."""

from __future__ import annotations

import random

from search.study.confirm import CONFIRM_SEED, Given, candidates, is_searched, since_best
from search.study.design import config_of, is_at_most, missing, plan, reference_params, trial_count
from tests.search.workshop import hunt

REFERENCE = {"learning_rate": 0.0005, "depth": 4}


def result(depth: int, figure: float | None, role: str = "search") -> Given:
    return ({"learning_rate": 0.001, "depth": depth}, role, figure)  # type: ignore[return-value]


def test_the_best_five_and_the_reference_are_trained_again_on_the_same_seeds() -> None:
    study = hunt(8, confirm=3)
    assert reference_params(study) == REFERENCE
    results: list[Given] = [(REFERENCE, "search", 0.5), *(result(depth, depth / 10) for depth in (1, 2, 3, 5, 6))]
    results += [result(4, None), result(4, 0.45)]  # one was stopped
    planned = plan(study, results)
    assert [trial.role for trial in planned] == ["search"] + ["confirm"] * 15  # the reference is among the five
    again = missing(planned, [params for params, _, _ in results])
    assert [trial.params["depth"] for trial in again] == [6, 4, 5, 4, 3] * 3
    assert [trial.params["seed"] for trial in again] == [CONFIRM_SEED + n for n in range(3) for _ in range(5)]
    worse = [(REFERENCE, "search", 0.01), *results[1:]]
    assert plan(study, worse)[-1].params == {**REFERENCE, "seed": CONFIRM_SEED + 2}
    assert len(plan(study, worse)) == 1 + 3 * 6
    configs = [config_of(study, trial.params, "") for trial in again]
    assert [config.fold for config in configs[::5]] == [0, 1, 2]
    assert len({config.seed for config in configs}) == 3


def test_nothing_is_trained_again_before_the_search_is_over() -> None:
    study = hunt(3, confirm=2)
    two: list[Given] = [(REFERENCE, "search", 0.5), result(1, 0.7)]
    assert len(plan(study, two)) == 1
    assert (trial_count(study, None, two), is_at_most(study, None, two)) == (3 + 2 * 6, True)
    three = [*two, result(2, None)]  # stopped: it is over, and no candidate
    assert (trial_count(study, None, three), is_at_most(study, None, three)) == (3 + 2 * 2, False)
    assert plan(study, [*three, ({"seed": 1}, "confirm", 0.9)]) == plan(study, three)
    failed: list[Given] = [result(depth, None) for depth in (1, 2, 3)]
    assert trial_count(study, None, failed) == 3
    assert (trial_count(hunt(3), None, two), is_at_most(hunt(3))) == (3, False)


def test_the_choice_does_not_depend_on_who_was_first() -> None:
    results = [result(depth, 0.5) for depth in range(1, 7)] + [result(1, 0.4), result(2, float("nan"))]
    chosen = candidates(results, None)
    assert len(chosen) == 5
    for seed in range(20):
        random.Random(seed).shuffle(results)
        assert candidates(results, None) == chosen


def test_what_is_trained_again_changes_the_meaning_of_no_trial() -> None:
    assert hunt(3, confirm=5).canonical() == hunt(3).canonical()


def test_a_search_is_over_when_so_many_trials_were_no_better() -> None:
    assert since_best([]) == 0
    assert since_best([0.5, 0.6, None, 0.6, 0.1]) == 3
    assert since_best([0.5, 0.6, None, 0.61]) == 0
    assert since_best([None, None]) == 2
    study = hunt(50, patience=3, sampler="random")
    worse = [result(1, 0.5), result(2, 0.6), result(3, None), result(4, 0.6)]
    assert not is_searched(study, worse)
    assert (trial_count(study, None, worse), is_at_most(study, None, worse)) == (50, True)
    over = [*worse, result(5, 0.1)]
    assert is_searched(study, over)
    assert (trial_count(study, None, over), is_at_most(study, None, over)) == (5, False)
    assert not is_searched(study, [*over, result(6, 0.7)])  # one that was under way
    assert not is_searched(hunt(50), over)
    late = hunt(50, patience=3, n_startup_trials=4)  # of TPE, whose first four are drawn at random
    assert not is_searched(late, [*over, result(6, 0.2)])
    assert is_searched(late, [*over, result(6, 0.2), result(7, 0.2)])
    assert hunt(50, patience=3).canonical() == hunt(50).canonical()
