"""An MLflow server that is away in the middle of a study, or from its start: no epoch waits, and nothing is missed."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from search import sync
from search.controller.controller import Controller
from search.executors import _local_slot
from search.executors._base import SlotLine
from search.folder.record import TrialRecord
from search.settings import Places
from tests.faults.installation import Installation
from tests.faults.servers import MlflowServer
from tests.search.workshop import Watcher, closed_gate, question

LONG = pytest.mark.faults
SHORT_S = 1.0  # of silence, within which every epoch must be dealt with


class Stamped(SlotLine):
    """A line, and when it came."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        object.__setattr__(self, "came_at", time.perf_counter())


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each line of a slot waited until it was dealt with, but for its introduction: before the first trial
    MLflow is told of the study, and what it refuses ends the run.
    """
    found: list[float] = []
    line = Controller._line

    def watched(controller: Controller, mail: Any) -> None:
        line(controller, mail)
        if b'"event":"ready"' not in mail.line:
            found.append(time.perf_counter() - mail.came_at)

    monkeypatch.setattr(_local_slot, "SlotLine", Stamped)
    monkeypatch.setattr(Controller, "_line", watched)
    return found


@pytest.fixture
def here(
    tmp_path: Path, tiny_images: Path, mlflow_server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    monkeypatch.setattr("search.stores.outbox.LAST_RETRY_S", 1.0)
    places = Places.of(str(tmp_path / "Ada's runs"), None, mlflow_server.url)
    places.runs.mkdir()
    return Installation(places, tiny_images, mlflow_server.database)


@pytest.mark.parametrize(
    ("away_s", "seeds"), [pytest.param(0.0, 6, id="short"), pytest.param(120.0, 30, id="long", marks=LONG)]
)
def test_mlflow_goes_away_in_the_middle(
    here: Installation,
    mlflow_server: MlflowServer,
    delays: list[float],
    monkeypatch: pytest.MonkeyPatch,
    away_s: float,
    seeds: int,
) -> None:
    """Trials go on meanwhile; it is back when the last has begun and so long has passed."""
    monkeypatch.setattr("search.controller.ending.SHORT_WORDS_S", 300.0)
    mlflow_server.start()
    over: set[int] = set()
    half_over, back = threading.Event(), threading.Event()

    def away() -> None:
        assert half_over.wait(120)
        mlflow_server.stop()
        time.sleep(away_s)
        mlflow_server.start()
        back.set()

    thread = threading.Thread(target=away)
    thread.start()

    def watch(record: TrialRecord) -> None:
        if record.terminal:
            over.add(record.number)
            if len(over) == seeds:
                half_over.set()

    view = Watcher(watch)
    outcome = here.run(question((0.01, 0.001), seeds=seeds, epochs=5), slots=2, view=view)
    thread.join()
    assert (outcome.end, outcome.untold, outcome.refused) == ("finished", {}, [])
    assert len(delays) >= 2 * seeds * 6
    assert max(delays) < SHORT_S
    assert any(said.startswith("MLflow does not answer; the study goes on") for said in view.said)
    here.books.check("rates", 2 * seeds)


def test_mlflow_is_away_from_the_start(
    here: Installation, mlflow_server: MlflowServer, delays: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    """The study runs and says how far MLflow is behind; `search.sync` catches up, once."""
    tallies: list[str] = []
    gate = here.places.runs / "gate"
    with closed_gate(gate) as open_gate:  # the first trials train until it is known that MLflow is away

        class Told(Watcher):
            def say(self, sentence: str) -> None:
                super().say(sentence)
                if sentence.startswith("MLflow does not answer"):
                    open_gate()

        view = Told()
        view.on_trial = lambda record: tallies.append(view.tally.behind)
        settings = {"gate": str(gate)}
        outcome = here.run(question((0.01, 0.001), seeds=3), slots=2, view=view, settings=settings)
    assert (outcome.end, outcome.untold) == ("finished", {"MLflow": 6})
    assert max(delays) < SHORT_S
    assert [t.state.name for t in here.books.trials("rates")] == ["COMPLETE"] * 6
    assert any(said.startswith("MLflow does not answer; the study goes on") for said in view.said)
    assert any(tally.endswith("behind") for tally in tallies)
    journals = here.books.journals("rates")

    places = ["--no-stack", "--runs", str(here.places.runs), "--tracking-uri", here.places.tracking_uri]
    before = capsys.readouterr()
    assert sync.PATIENCE_S > 10
    mlflow_server.start()
    assert sync.main([*places, "--study", "rates"]) == 0
    assert capsys.readouterr().out == "rates: told MLflow 6 trials\n", before
    here.books.check("rates", 6)
    assert sync.main(places) == 0
    assert capsys.readouterr().out == "rates: nothing was missing\n"
    assert sync.main([*places, "--again"]) == 0
    assert capsys.readouterr().out == "rates: told MLflow 6 trials\n"
    here.books.check("rates", 6)
    assert here.books.journals("rates") == journals
