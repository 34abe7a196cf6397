"""The shared view of a study's experiment, names of runs, and when a study's run ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from search.stores.mlflow import Tracker
from search.stores.mlflow.view import MAIN_METRIC, TAG, VIEWED, state_of, view_tag
from tests.search.fabricate import study_record, trial_record

# MLflow 3.17 uses what SQLAlchemy 2.1 will drop.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

MOST = 5000  # characters of an experiment's tag in MLflow's database


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("view")


@pytest.fixture
def tracker(folder: Path) -> Iterator[Tracker]:
    made = Tracker(f"sqlite:///{folder}/mlflow.db", folder / "artifacts", with_pictures=False)
    yield made
    made.close()


@pytest.fixture
def client(tracker: Tracker) -> MlflowClient:
    return tracker.runs.store.client


def test_the_columns_are_the_factor_the_accuracies_and_the_costs() -> None:
    tag = view_tag(["pooling"], 1.5)
    state = state_of(tag)
    assert state["selectedColumns"] == [
        "metrics.`test_accuracy`",
        "metrics.`final_val_accuracy`",
        "metrics.`final_train_accuracy`",
        "metrics.`vram_peak_mib`",
        "metrics.`train_s`",
        "metrics.`parameters`",
        "params.`pooling`",
        "params.`seed`",
    ]
    assert state["columnOrder"] == state["selectedColumns"]
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`test_accuracy`", False)
    charts = [chart["metricKey"] for chart in state["compareRunCharts"]]
    assert charts[:3] == ["val_accuracy", "train_accuracy", "test_accuracy"]
    assert [section["name"] for section in state["compareRunSections"]][1:] == ["Model metrics", "System metrics"]
    assert len(tag) < MOST
    with pytest.raises(ValueError, match="no view of MLflow's"):
        state_of('{"state": "deflate;AAAA"}')


def test_an_experiment_gets_it_once(tracker: Tracker, client: MlflowClient) -> None:
    study = study_record(name="once")
    tracker.open_study(study)
    experiment = client.get_experiment_by_name("once")
    assert experiment.tags[MAIN_METRIC] == "test_accuracy"
    client.set_experiment_tag(experiment.experiment_id, TAG, "a person's view")
    tracker.open_study(study)
    assert client.get_experiment_by_name("once").tags[TAG] == "a person's view"
    client._tracking_client.store.delete_experiment_tag(experiment.experiment_id, TAG)
    tracker.open_study(study)
    assert TAG not in client.get_experiment_by_name("once").tags, "who deletes it is not given it again"


def test_an_older_experiment_gets_it_and_keeps_what_it_has(tracker: Tracker, client: MlflowClient) -> None:
    experiment_id = client.create_experiment("older", tags={MAIN_METRIC: "val_accuracy"})
    tracker.open_study(study_record(name="older"))
    tags = client.get_experiment(experiment_id).tags
    assert (tags[MAIN_METRIC], tags[VIEWED]) == ("val_accuracy", "1")
    assert state_of(tags[TAG])["selectedColumns"][0] == "metrics.`test_accuracy`"


def test_runs_have_short_names() -> None:
    record = trial_record(3, {"pooling": "max", "seed": 2}, seed=2)
    assert record.short_name == "max s2"
    assert dataclasses.replace(record, role="tuning").short_name == "max tuning"
    assert dataclasses.replace(record, role="search").short_name == "trial 3"
    assert dataclasses.replace(record, params={"augmentation": False}).short_name == "augmentation off s2"
    assert dataclasses.replace(record, params={"seed": 2}).short_name == "s2"


def test_a_study_ends_when_its_last_trial_did(tracker: Tracker, client: MlflowClient) -> None:
    study = study_record(name="ends")
    tracker.runs.began_at = 1000.0
    run_id = tracker.open_study(study)
    tracker.close_study(study, "FINISHED", "## Yes", {"test_accuracy": 0.5}, 1066.0, "mean over 2 trials of max")
    tracker.open_study(study)
    tracker.end_study(study, "FINISHED", 1066.0)
    run = client.get_run(run_id)
    assert (run.info.start_time, run.info.end_time) == (1_000_000, 1_066_000)
    assert run.data.metrics == {"test_accuracy": 0.5}
    assert run.data.tags["metrics_of"] == "mean over 2 trials of max"
