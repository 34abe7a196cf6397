"""Conditional parameters as Optuna is told of them: in the trials where they are proposed, and in no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from search.answer.importance import importances
from search.stores.optuna import OptunaStudy
from search.study import Study
from search.study.design import plan
from search.study.samplers import SAMPLERS
from tests.search.fabricate import trial_record
from tests.search.workshop import hunt

DEEP = [3, 4, 5, 6]
METHODS: list[dict[str, Any]] = [
    *({"sampler": name} for name, entry in SAMPLERS.items() if entry.is_installed),
    {"sampler": "tpe", "options": {"multivariate": True, "group": True}},
    {"sampler": "tpe", "options": {"multivariate": True}},
]


def narrow(n_trials: int = 40, **search: Any) -> Study:
    """A search over learning rates, depths, and of deep models the width."""
    single = SAMPLERS[search.get("sampler", "tpe")].most_objectives == 1
    data = hunt(n_trials, 1, **({"objectives": ["val_accuracy"]} if single else {}), **search).model_dump(
        exclude_none=True
    )
    data["scientific"]["width"] = {"low": 1.0, "high": 4.0, "when": {"depth": DEEP}}
    return Study.model_validate(data)


@pytest.fixture
def open_study(tmp_path: Path) -> Iterator[Callable[[Study], OptunaStudy]]:
    opened: list[OptunaStudy] = []

    def open_study(study: Study) -> OptunaStudy:
        opened.append(OptunaStudy(f"sqlite:///{tmp_path}/optuna.db", study.name, study))
        return opened[-1]

    yield open_study
    for store in opened:
        store.close()


def end(store: OptunaStudy, number: int, params: dict[str, Any]) -> None:
    store.tell(trial_record(number, params, role="search", accuracy=0.3 + 0.05 * params.get("width", 1)), None)


@pytest.mark.parametrize(
    "method", METHODS, ids=lambda method: "-".join([method["sampler"], *method.get("options", ())])
)
def test_it_is_proposed_where_its_condition_holds_alone(
    method: dict[str, Any], open_study: Callable[[Study], OptunaStudy], capfd: pytest.CaptureFixture[str]
) -> None:
    store = open_study(narrow(**method))
    for _ in range(14):
        number, params = store.ask()
        assert ("width" in params) == (params["depth"] in DEEP)
        end(store, number, params)
    trials = store.trials()
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    for trial in trials:
        assert (
            set(trial.distributions)
            == set(trial.params)
            == {"learning_rate", "depth"} | ({"width"} if trial.params["depth"] in DEEP else set())
        )
    assert {"width" in trial.params for trial in trials} == {True, False}
    assert "independent" not in capfd.readouterr().err


def test_the_reference_model_is_queued_without_it(open_study: Callable[[Study], OptunaStudy]) -> None:
    data = narrow().model_dump(exclude_none=True)
    data["scientific"]["width"]["when"] = {"depth": [5, 6]}
    study = Study.model_validate(data)
    store = open_study(study)
    assert store.enqueue(plan(study)) == [0]
    assert store.write_queue()
    (trial,) = store.trials()
    assert (trial.state, trial.params) == (TrialState.WAITING, {"learning_rate": 0.0005, "depth": 4})


def test_a_proposal_that_was_broken_off_is_finished(open_study: Callable[[Study], OptunaStudy]) -> None:
    """Its depth was written and its width was not: the same width is proposed again, and the depth stays."""
    store = open_study(narrow(sampler="random"))
    while True:
        number, params = store.ask()
        if "width" in params:
            break
    twin = open_study(Study.model_validate({**narrow(sampler="random").model_dump(exclude_none=True), "name": "twin"}))
    for _ in range(number + 1):
        twin.ask()
    assert twin.finish_asking(number) == twin.finish_asking(number)
    assert store.finish_asking(number) == params


def test_a_search_that_was_begun_without_conditions_goes_on(open_study: Callable[[Study], OptunaStudy]) -> None:
    store = open_study(hunt(9, sampler="random"))
    number, params = store.ask()
    end(store, number, params)
    again = open_study(hunt(9, sampler="random"))
    assert [trial.params for trial in again.trials()] == [params]
    assert again.ask()[0] == 1


def test_importances_leave_it_out() -> None:
    study = narrow()
    records = []
    for number in range(12):
        params = {"learning_rate": 10 ** (-4 + number / 6), "depth": 1 + number % 6}
        params |= {"width": 2.0} if params["depth"] in DEEP else {}
        records.append(trial_record(number, params, seed=number, role="search"))
    assert set(importances(study, records, "validation")) <= {"learning_rate", "depth"}
