"""What MLflow, Optuna and a table of trials are told of when a training started to learn."""

from __future__ import annotations

from dataclasses import replace

import pytest
from optuna.trial import TrialState

from search.api.tables import trial_table
from search.folder.record import Role
from search.stores.mlflow.contents import end_points
from search.stores.optuna.outcome import attributes, ending
from tests.search.answer.made import trial
from tests.search.fabricate import CLASSES, trial_record
from tests.search.workshop import hunt


def test_the_start_is_told() -> None:
    record = trial(0, {"pooling": "max"}, 0, start=7)
    assert [(point.value, point.step) for point in end_points(record, CLASSES) if point.key == "start_epoch"] == [
        (7, 0)
    ]
    assert attributes(record, None)["start_epoch"] == 7


def test_a_training_that_never_started_has_none() -> None:
    for record in (trial(0, {"pooling": "max"}, 0, start=None), trial_record(0, end="error")):
        assert "start_epoch" not in {point.key for point in end_points(record, CLASSES)}
        assert "start_epoch" not in attributes(record, None)


@pytest.mark.parametrize(
    ("role", "start", "sampler", "objectives", "state"),
    [
        ("search", 7, "tpe", 2, TrialState.COMPLETE),
        ("search", None, "tpe", 2, TrialState.PRUNED),
        ("search", None, "auto", 2, TrialState.PRUNED),
        ("search", None, "nsgaii", 2, TrialState.COMPLETE),  # which reads no PRUNED trials
        ("search", None, "tpe", 1, TrialState.COMPLETE),  # the worst value there is
        ("confirm", None, "tpe", 2, TrialState.COMPLETE),
    ],
)
def test_a_search_is_told_that_a_training_at_chance_is_worse_than_one_that_learnt(
    role: Role, start: int | None, sampler: str, objectives: int, state: TrialState
) -> None:
    record = replace(trial(0, {"pooling": "max"}, 0, start=start), role=role)
    names = ["val_accuracy", "cost"][:objectives]
    study = hunt(sampler=sampler, objectives=names, constraints={"parameters": 1e9})
    told = ending(record, study, names, "parameters")
    assert told.state == state
    assert len(told.values or ()) == (objectives if state == TrialState.COMPLETE else 0)
    assert told.constraints["vram"] == 0
    assert told.constraints["parameters"] < 0


def test_the_table_of_trials_has_starts() -> None:
    records = [trial(0, {"pooling": "max"}, 0, start=7), trial(1, {"pooling": "max"}, 1, start=None)]
    table = trial_table(records)
    assert list(table["learnt"]) == [True, False]
    assert table["start_epoch"][0] == 7
    assert table["start_epoch"].isna().to_list() == [False, True]
