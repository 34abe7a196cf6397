"""What MLflow, Optuna and a table of trials are told of when a training started to learn."""

from __future__ import annotations

from search.api.tables import trial_table
from search.stores.mlflow.contents import end_points
from search.stores.optuna.outcome import attributes
from tests.search.answer.made import trial
from tests.search.fabricate import CLASSES, trial_record


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


def test_the_table_of_trials_has_starts() -> None:
    records = [trial(0, {"pooling": "max"}, 0, start=7), trial(1, {"pooling": "max"}, 1, start=None)]
    table = trial_table(records)
    assert list(table["learnt"]) == [True, False]
    assert table["start_epoch"][0] == 7
    assert table["start_epoch"].isna().to_list() == [False, True]
