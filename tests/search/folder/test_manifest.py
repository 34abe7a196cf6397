"""Studies whose stores are others than before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from search import sync
from search.addresses.urls import shown_url
from search.errors import StorageError
from search.folder.manifest import check_storage, say_moved
from search.settings import Places
from tests.search.controller.test_session import Installation, here, mlflow_template
from tests.search.fabricate import note_study
from tests.search.installation import copy_database
from tests.search.workshop import Watcher, question

__all__ = ["here", "mlflow_template"]

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

SERVER = "postgresql+psycopg2://optuna:***@127.0.0.1:5450/optuna"


def noted(folder: Path, **stores: str) -> Path:
    (folder / "trials").mkdir(parents=True)
    (folder / "trials" / "told.jsonl").write_text("told")
    return note_study(folder, question(), **stores)


def test_a_study_of_a_server_is_not_gone_on_with_in_the_folder_of_runs(tmp_path: Path) -> None:
    places = Places.of(str(tmp_path))
    folder = noted(places.study("rates"), optuna_storage=SERVER)
    with pytest.raises(StorageError) as raised:
        check_storage("rates", folder, places)
    assert str(raised.value) == (
        f"The study rates is recorded in {SERVER}, which no flag, no variable and no running stack names now. Start "
        "the stack (docker compose up -d), or name the database with --storage-url; or start a new study beside it "
        "with --fresh."
    )
    check_storage("rates", folder, Places.of(str(tmp_path), "postgresql://ada:x@elsewhere/optuna"))
    check_storage("other", places.study("other"), places)


def test_a_study_of_the_folder_of_runs_moves_into_a_server(tmp_path: Path) -> None:
    places = Places.of(str(tmp_path), SERVER)
    check_storage("rates", noted(places.study("rates"), optuna_storage="sqlite:////somewhere/optuna.db"), places)


def test_another_mlflow_is_told_anew(tmp_path: Path) -> None:
    places = Places.of(str(tmp_path), tracking_uri="http://127.0.0.1:5050")
    said: list[str] = []
    same = noted(places.study("same"), tracking="http://127.0.0.1:5050")
    before_it_was_noted = noted(places.study("older"))
    for folder in (same, before_it_was_noted, places.study("none")):
        say_moved(folder, places, said.append)
    assert said == []
    moved = noted(places.study("moved"), tracking="postgresql://ada:***@h/mlflow")
    say_moved(moved, places, said.append)
    assert said == [
        "MLflow was postgresql://ada:***@h/mlflow so far; the one of now is told everything that the journals know"
    ]


def test_for_real(here: Installation, mlflow_template: Path) -> None:
    """A second MLflow has every trial once, and so has the first."""
    here.run(question(seeds=1, epochs=1))
    first, runs = here.places, here.places.runs
    copy_database(mlflow_template, runs / "second.db")
    second = Installation(runs, here.data)
    second.places = replace(first, tracking_uri=f"sqlite:///{runs / 'second.db'}")
    second.client = type(here.client)(second.places.tracking_uri)
    view = Watcher()
    outcome = second.run(question(seeds=1, epochs=1), view=view)
    assert (outcome.untold, outcome.refused) == ({}, [])
    assert any(said.startswith(f"MLflow was {shown_url(first.tracking_uri)} so far;") for said in view.said)
    assert sorted(second.mlflow_runs("rates")[1]) == [0, 1]
    assert sorted(here.mlflow_runs("rates")[1]) == [0, 1]


def elsewhere(first: Installation, monkeypatch: pytest.MonkeyPatch, storage: str, tracking: str) -> Installation:
    """The same folder of runs, with the stores that the environment names now."""
    monkeypatch.setenv("SEARCH_STORAGE_URL", storage)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    return Installation(first.places.runs, first.data)


@pytest.mark.slow
def test_from_sqlite_into_a_server(
    here: Installation, monkeypatch: pytest.MonkeyPatch, postgres: Callable[[], str]
) -> None:
    """The same command, as README says: nothing is trained again, and both databases have every trial once."""
    study = question(seeds=2, epochs=2)
    here.run(study)
    server = elsewhere(here, monkeypatch, postgres(), postgres())
    assert server.places.storage_url.startswith("postgresql")
    outcome = server.run(study)
    assert (outcome.is_told, [record.state for record in outcome.records]) == (True, ["COMPLETE"] * 4)
    assert server.executor is not None
    assert server.executor.started == [], "what was trained is told, and not trained again"
    for place in (here, server):
        assert [trial.state.name for trial in place.trials("rates")] == ["COMPLETE"] * 4
        parent, runs = place.mlflow_runs("rates")
        assert parent.info.status == "FINISHED"
        assert {number: run.info.status for number, run in runs.items()} == dict.fromkeys(range(4), "FINISHED")
    values = [[trial.values for trial in place.trials("rates")] for place in (here, server)]
    assert values[0] == values[1]

    server.run(question(seeds=3, epochs=2))  # goes on there, and there alone
    assert [len(place.trials("rates")) for place in (here, server)] == [4, 6]
    assert [sorted(place.mlflow_runs("rates")[1]) for place in (here, server)] == [[*range(4)], [*range(6)]]
    monkeypatch.delenv("SEARCH_STORAGE_URL")
    with pytest.raises(StorageError, match="The study rates is recorded in postgresql"):
        Installation(here.places.runs, here.data).run(question(seeds=4, epochs=2))


@pytest.mark.slow
def test_from_sqlite_into_a_server_by_sync(
    here: Installation, monkeypatch: pytest.MonkeyPatch, postgres: Callable[[], str]
) -> None:
    """All studies of the folder at once, without their images."""
    here.run(question(seeds=1, epochs=1))
    server = elsewhere(here, monkeypatch, postgres(), postgres())
    assert sync.main(["--runs", str(here.places.runs), "--no-stack"]) == 0
    assert [trial.state.name for trial in server.trials("rates")] == ["COMPLETE"] * 2
    assert sorted(server.mlflow_runs("rates")[1]) == [0, 1]
