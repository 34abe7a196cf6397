"""Links follow the ports on which `search.ui` opens its pages; what a person wrote beside them stays."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from mlflow import MlflowClient

from search.addresses.ports import note_ports, noted_ports
from search.addresses.urls import dashboard_study, mlflow_run, runs_page
from search.settings import Places
from search.stack import embedded
from search.stores.marked import marked
from search.stores.mlflow import Tracker
from search.stores.optuna import open_storage
from search.stores.optuna.notes import Notes
from search.stores.relinking import in_our_part, mover, relink
from tests.search.fabricate import study_record

# MLflow 3.17 uses what SQLAlchemy 2.1 will drop.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
]

OLD, NEW = {"mlflow": 5050, "optuna": 8050}, {"mlflow": 5051, "optuna": 8051}


def test_addresses_have_the_ports_that_are_noted(tmp_path: Path) -> None:
    tracking, storage = f"sqlite:///{tmp_path}/mlflow.db", f"sqlite:///{tmp_path}/optuna.db"
    assert noted_ports(tracking) == OLD
    note_ports(tmp_path, NEW)
    assert mlflow_run(tracking, "1", "abc") == (
        "http://127.0.0.1:5051/#/experiments/1/runs/abc?workflowType=machine_learning"
    )
    assert dashboard_study(3, None, storage) == "http://127.0.0.1:8051/dashboard/studies/3"
    assert noted_ports("postgresql://ada@host/optuna") == OLD
    (tmp_path / "ui.json").write_text("nonsense")
    assert noted_ports(tracking) == OLD


def test_the_address_of_a_study_opens_our_view() -> None:
    assert runs_page("http://m", "7") == (
        "http://m/#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=search"
    )


def test_only_our_part_of_a_note_is_changed() -> None:
    link = "http://127.0.0.1:8050/dashboard/studies/1"
    move = mover(OLD, NEW)
    assert in_our_part(f"mine: {link}\n\n{marked(link)}", move) == (
        f"mine: {link}\n\n{marked(link.replace('8050', '8051'))}"
    )
    assert in_our_part(f"mine: {link}", move) == f"mine: {link}"
    assert in_our_part(f"[Trial 0]({link})\n\n{link}", move) == (f"[Trial 0]({link.replace('8050', '8051')})\n\n{link}")


def test_what_was_written_follows(tmp_path: Path) -> None:
    places = Places.of(str(tmp_path / "Ada's runs"))
    study = study_record()
    tracker = Tracker(places.tracking_uri, places.artifacts, with_pictures=False)
    run_id = tracker.open_study(study)
    tracker.close_study(study, "FINISHED", "[Optuna dashboard](http://127.0.0.1:8050/dashboard/studies/1)", {})
    tracker.close()
    (places.study("pooling")).mkdir(parents=True)
    page = places.study("pooling") / "answer.html"
    page.write_text('<a href="http://127.0.0.1:5050/#/experiments/1/runs/x">', encoding="utf-8")
    relink(places.runs, mover(OLD, NEW))
    assert ":5051/#/" in page.read_text(encoding="utf-8")
    note = MlflowClient(places.tracking_uri).get_run(run_id).data.tags["mlflow.note.content"]
    assert "http://127.0.0.1:8051/dashboard/studies/1" in note

    optuna.create_study(study_name="pooling", storage=open_storage(places.storage_url))
    notes = Notes(places.storage_url, "pooling")
    notes.write("[Study in MLflow](http://127.0.0.1:5050/#/experiments/1)", {})
    notes.relink(mover(OLD, NEW))
    from optuna_dashboard import get_note

    assert "http://127.0.0.1:5051/#/experiments/1" in get_note(notes._study)
    notes.close()


def test_the_servers_start_without_what_is_not_needed() -> None:
    assert embedded.OFF == {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_AI_GATEWAY": "false",
        "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
