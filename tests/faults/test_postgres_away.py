"""Postgres that is restarted, and that is away: training goes on, and everything is told when it is back."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from search.folder.record import TrialRecord
from search.settings import Places
from search.stores.optuna import OptunaStudy
from tests.faults.installation import Installation
from tests.faults.servers import Cluster
from tests.search.workshop import Watcher, hunt, question

LONG = pytest.mark.faults


@pytest.fixture(autouse=True)
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.stores.outbox.LAST_RETRY_S", 1.0)


@pytest.fixture
def here(tmp_path: Path, tiny_images: Path, cluster: Cluster) -> Installation:
    """Both stores on Postgres."""
    runs = tmp_path / "Ada's runs"
    return Installation(Places.of(str(runs), cluster.database(), cluster.database()), tiny_images)


def values(here: Installation) -> list[Any]:
    return [(trial.number, trial.params, trial.values) for trial in here.books.trials("rates")]


@pytest.mark.parametrize(
    ("restarts", "seeds"), [pytest.param(1, 10, id="short"), pytest.param(5, 50, id="long", marks=LONG)]
)
def test_postgres_is_restarted(here: Installation, cluster: Cluster, restarts: int, seeds: int) -> None:
    """Each time that a share of the trials is over, from beside the controller's thread."""
    due = threading.Semaphore(0)
    over: set[int] = set()

    def restart() -> None:
        for _ in range(restarts):
            due.acquire()
            cluster.restart()

    thread = threading.Thread(target=restart)
    thread.start()

    def watch(record: TrialRecord) -> None:
        if record.terminal and record.number not in over:
            over.add(record.number)
            if len(over) % (2 * seeds // (restarts + 1)) == 0 and len(over) < 2 * seeds:
                due.release()

    outcome = here.run(question((0.01, 0.001), seeds=seeds), slots=2, view=Watcher(watch))
    for _ in range(restarts):
        due.release()
    thread.join()
    assert (outcome.end, outcome.refused) == ("finished", [])
    here.run(question((0.01, 0.001), seeds=seeds))  # whatever a restart at the end left
    here.books.check("rates", 2 * seeds)
    assert here.books.attempts("rates") == 2 * seeds


@pytest.mark.parametrize("away_s", [pytest.param(0.0, id="short"), pytest.param(60.0, id="long", marks=LONG)])
def test_postgres_goes_away_at_a_tell(
    here: Installation, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, away_s: float
) -> None:
    """It is back when so long has passed and every trial is over: training does not stall meanwhile."""
    seeds = 20
    tell, tells = OptunaStudy.tell, [0]
    away: list[float] = []
    over: set[int] = set()
    all_over = threading.Event()

    def down(store: OptunaStudy, record: TrialRecord, link: str | None) -> None:
        tells[0] += 1
        if tells[0] == 4:
            cluster.stop()
            away.append(time.monotonic())
            threading.Thread(target=up).start()
        tell(store, record, link)

    def up() -> None:
        assert all_over.wait(60)
        time.sleep(max(0.0, away[0] + away_s - time.monotonic()))
        cluster.start()

    def watch(record: TrialRecord) -> None:
        if record.terminal:
            over.add(record.number)
            if len(over) == 2 * seeds:
                all_over.set()

    monkeypatch.setattr(OptunaStudy, "tell", down)
    monkeypatch.setattr("search.controller.ending.SHORT_WORDS_S", 120.0)
    view = Watcher(watch)
    outcome = here.run(question((0.01, 0.001), seeds=seeds), slots=2, view=view)
    assert (outcome.end, outcome.untold, outcome.refused) == ("finished", {}, [])
    assert any(said.startswith("Optuna does not answer; the study goes on and tells it later") for said in view.said)
    assert "Optuna answers again" in view.said
    here.books.check("rates", 2 * seeds)
    assert here.books.attempts("rates") == 2 * seeds
    told = values(here)
    here.run(question((0.01, 0.001), seeds=seeds))
    assert values(here) == told


def test_a_search_waits_for_its_sampler_and_goes_on(
    here: Installation, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Postgres goes away at a question; who was asked in vain is asked again, and no trial is made twice."""
    ask, asks = OptunaStudy.ask, [0]
    interesting = iter([3, 6])
    next_at = [next(interesting)]

    def asked(store: OptunaStudy) -> Any:
        asks[0] += 1
        if asks[0] == next_at[0]:
            cluster.stop()
            threading.Timer(1.0, cluster.start).start()
            next_at[0] = next(interesting, -1)
        return ask(store)

    monkeypatch.setattr(OptunaStudy, "ask", asked)
    study = hunt(10, sampler="tpe", objectives=["val_accuracy"])
    outcome = here.run(study, slots=2)
    assert (outcome.end, outcome.untold) == ("finished", {})
    assert asks[0] > 9  # 9 proposals, and those in vain
    here.books.check("hunt", 10)
