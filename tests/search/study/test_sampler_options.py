"""Options of samplers are Optuna's own keywords; what is refused is said with Optuna's list or in its words."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from pydantic import ValidationError

from search.study.diff import meaning_diff
from search.study.sampler_options import allowed_options
from search.study.samplers import SAMPLERS, Proposal, chosen
from tests.search.workshop import hunt


def refusals(**search: Any) -> list[str]:
    with pytest.raises(ValidationError) as raised:
        hunt(**search)
    return [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in raised.value.errors()]


def test_optunas_keywords_that_take_scalars() -> None:
    found = allowed_options(SAMPLERS["tpe"])
    assert {"n_ei_candidates", "multivariate", "group", "constant_liar"} <= set(found)
    assert not {"self", "seed", "n_startup_trials", "gamma", "weights", "constraints_func"} & set(found)
    assert "population_size" in allowed_options(SAMPLERS["nsgaii"])
    assert allowed_options(SAMPLERS["random"]) == []


def test_an_unknown_option_is_refused_with_optunas_list() -> None:
    listed = ", ".join(allowed_options(SAMPLERS["tpe"]))
    assert refusals(options={"n_ei_candidate": 48}) == [
        "search.options.n_ei_candidate: no option of TPESampler for a study file; allowed: " + listed
    ]
    assert refusals(options={"seed": 1}) == [
        "search.options.seed: no study may set it: it follows from the study's name and the trial's number, so that a "
        "search repeats"
    ]
    assert refusals(options={"n_startup_trials": 1}) == [
        "search.options.n_startup_trials: no study may set it: it stands in [search] itself"
    ]
    assert refusals(sampler="random", options={"size": 1}) == [
        'search.options.size: the sampler "random" takes no options'
    ]


def test_a_value_is_refused_in_optunas_words() -> None:
    (said,) = refusals(sampler="nsgaii", options={"population_size": 1})
    assert said.startswith("search.options: Optuna refuses them: ")
    assert "population_size" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"multivariate": "yes"}, 'multivariate: found "yes"; allowed: true or false'),
        ({"n_ei_candidates": 24.5}, "n_ei_candidates: found 24.5; allowed: a whole number"),
        ({"n_ei_candidates": True}, "n_ei_candidates: found true; allowed: a whole number"),
    ],
)
def test_a_value_of_another_type_is_refused(options: dict[str, Any], words: str) -> None:
    assert refusals(options=options) == [f"search.options.{words}"]
    assert hunt(sampler="nsgaii", options={"crossover_prob": 1}).search is not None, "a whole number is a number"


def test_a_value_that_fails_when_a_trial_is_proposed_is_refused_before_any_is() -> None:
    """Optuna's TPE is made with any number of candidates, and proposes by it after its start-up trials."""
    (said,) = refusals(options={"n_ei_candidates": -1})
    assert said.startswith("search.options: Optuna refuses them: ")


def test_options_reach_the_sampler_and_are_part_of_the_meaning() -> None:
    study = hunt(options={"multivariate": True, "constant_liar": False})
    assert study.search is not None
    proposal = Proposal(seed=1, study_seed=1, n_startup_trials=3, space={}, options=study.search.options)
    sampler: Any = SAMPLERS["tpe"].build(proposal)
    assert (sampler._multivariate, sampler._constant_liar, sampler._n_startup_trials) == (True, False, 3)
    assert meaning_diff(hunt().canonical(), study.canonical()) == [
        "search.options.multivariate: none -> true", "search.options.constant_liar: none -> false",
    ]  # fmt: skip


NUMBERS: dict[str, BaseDistribution] = {"a": FloatDistribution(0, 1), "b": FloatDistribution(0, 1)}
NAMES: dict[str, BaseDistribution] = {**NUMBERS, "c": CategoricalDistribution(["x", "y"])}


@pytest.mark.parametrize(
    ("space", "n_trials", "n_objectives", "torch", "sampler"),
    [
        (NUMBERS, 60, 1, True, "gp"),
        (NUMBERS, 60, 1, False, "tpe"),
        (NUMBERS, 500, 1, True, "gp"),
        (NUMBERS, 501, 1, True, "tpe"),
        (NUMBERS, 999, 1, True, "tpe"),
        (NUMBERS, 1000, 1, True, "cmaes"),
        (NUMBERS, 60, 2, True, "tpe"),
        (NAMES, 60, 1, True, "tpe"),
        (NAMES, 1000, 1, True, "tpe"),
    ],
)
def test_auto_takes_what_optunas_documentation_recommends(
    monkeypatch: pytest.MonkeyPatch, space: Any, n_trials: int, n_objectives: int, torch: bool, sampler: str
) -> None:
    there = {"torch": torch, "cmaes": True}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if there[name] else None)
    asked = Proposal(1, 1, 10, space, n_trials=n_trials, n_objectives=n_objectives)
    assert chosen(asked) == sampler
