"""Studies whose stores are others than before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

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
