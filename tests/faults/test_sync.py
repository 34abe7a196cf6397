"""`python -m search.sync`: what it tells, what it says, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from search import sync
from search.errors import StorageError
from search.folder.lock import StudyLock
from search.stores.mlflow import Tracker
from tests.faults.installation import Installation
from tests.search.workshop import question


def places(here: Installation) -> list[str]:
    return ["--runs", str(here.places.runs), "--no-stack"]


def test_stores_that_were_lost_are_made_again(
    here: Installation,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = question(seeds=2)
    assert here.run(study).untold == {}
    before = here.books.journals("rates")
    (here.places.runs / "optuna.db").unlink()
    (here.places.runs / "mlflow.db").unlink()
    capsys.readouterr()
    assert sync.main(places(here)) == 0
    assert capsys.readouterr().out == "rates: told Optuna 4 trials, MLflow 4 trials\n"  # whatever was noted
    assert sync.main([*places(here), "--again"]) == 0
    assert capsys.readouterr().out == "rates: told MLflow 4 trials\n"
    here.books.check("rates", 4)
    assert here.books.journals("rates") == before


def test_a_study_that_is_under_way_is_left_alone(
    here: Installation,
    capsys: pytest.CaptureFixture[str],
) -> None:
    here.run(question(seeds=1))
    with StudyLock(here.places.study("rates"), "rates"):
        assert sync.main(places(here)) == 2
    assert capsys.readouterr().err.startswith("The study rates is being worked on by process ")


def test_a_store_that_is_still_away(
    here: Installation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here.run(question(seeds=1))
    monkeypatch.setattr(sync, "PATIENCE_S", 0.0)
    capsys.readouterr()
    assert sync.main([*places(here), "--again", "--tracking-uri", "http://127.0.0.1:1"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[-2:] == ["rates: nothing could be told", "  MLflow is still behind by 2 trials"]


def test_the_end_of_a_study_that_mlflow_was_not_told(
    here: Installation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It missed no trial, only how the study ended."""
    here.run(question(seeds=1))
    client = MlflowClient(here.places.tracking_uri)
    experiment = client.get_experiment_by_name("rates")
    assert experiment is not None
    (parent,) = client.search_runs([experiment.experiment_id], "tags.role = 'study'")
    client.set_terminated(parent.info.run_id, "KILLED")
    assert sync.main(places(here)) == 0
    assert client.get_run(parent.info.run_id).info.status == "FINISHED"

    def away(*_: object) -> None:
        raise StorageError("made up")

    monkeypatch.setattr(sync, "PATIENCE_S", 0.0)
    monkeypatch.setattr(Tracker, "end_study", away)
    capsys.readouterr()
    assert sync.main(places(here)) == 1
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "rates: nothing could be told",
        "  MLflow does not answer, and was not told how the study stands",
    ]


def test_bad_names_and_no_studies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sync.main(["--no-stack", "--runs", str(tmp_path), "--study", "nothing"]) == 2
    assert capsys.readouterr().err == f"--study nothing: no such study in {tmp_path}; there are: none\n"
    assert sync.main(["--no-stack", "--runs", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"No studies in {tmp_path}.\n"
    folder = tmp_path / "studies" / "rates"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text('{"name": "rates"')
    assert sync.main(["--no-stack", "--runs", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"{folder / 'study.json'}: this is no note of a study: JSONDecodeError: ")
    assert [path.name for path in folder.iterdir()] == ["study.json"]
