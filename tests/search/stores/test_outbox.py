"""The outbox: what a store is told, in which order, how often, and what happens when it does not answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search.folder.record import TrialRecord
from search.stores import outbox as module
from search.stores.delivery_log import DeliveryLog
from search.stores.outbox import Outbox
from tests.search.fabricate import trial_record

PATIENCE_S = 60.0


class Store:
    """Answers when `failures` is used up; waits at `gate` before it does anything."""

    def __init__(self) -> None:
        self.told: list[TrialRecord] = []
        self.tries = 0
        self.failures = 0
        self.error: Exception = ConnectionError("made up\nsecond line")
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def tell(self, record: TrialRecord) -> None:
        self.entered.set()
        assert self.gate.wait(PATIENCE_S)
        self.tries += 1
        if self.failures:
            self.failures -= 1
            raise self.error
        self.told.append(record)


class RefusedError(Exception):
    pass


Make = Callable[..., Outbox]


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    yield store
    store.gate.set()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def told(tmp_path: Path) -> Iterator[DeliveryLog]:
    told = DeliveryLog(tmp_path)
    yield told
    told.close()


@pytest.fixture
def journal() -> dict[int, TrialRecord]:
    """What a journal has, by trial."""
    return {}


@pytest.fixture
def make(
    store: Store, said: list[str], told: DeliveryLog, journal: dict[int, TrialRecord], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Make]:
    monkeypatch.setattr(module, "FIRST_RETRY_S", 0.001)
    monkeypatch.setattr(module, "LAST_RETRY_S", 0.002)
    made: list[Outbox] = []

    def make(**changes: object) -> Outbox:
        settings = {"refused": (RefusedError,), "say": said.append, "pause_s": 0.0, **changes}
        made.append(Outbox("Store", store.tell, told, journal.get, **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    store.gate.set()
    for outbox in made:
        outbox.close(0)


def test_trials_are_told_in_the_order_of_their_ends(store: Store, make: Make) -> None:
    outbox, gate = make(), store.gate
    gate.clear()
    outbox.put(trial_record(9))
    assert store.entered.wait(PATIENCE_S)  # the store has the first in hand; the others wait
    for number in (3, 1, 2):
        outbox.put(trial_record(number, end="running"))
    for number in (2, 1, 3):
        outbox.put(trial_record(number))
    gate.set()
    assert outbox.drain(PATIENCE_S)
    assert [(r.number, r.state) for r in store.told] == [(n, "COMPLETE") for n in (9, 2, 1, 3)]


def test_a_newer_record_takes_the_place_of_one_that_waits(store: Store, make: Make) -> None:
    outbox = make()
    store.gate.clear()
    outbox.put(trial_record(0))
    assert store.entered.wait(PATIENCE_S)
    for epochs in (1, 2, 3):
        outbox.put(trial_record(1, end="running", n_epochs=epochs))
    outbox.put(trial_record(1, end="running", n_epochs=4))
    store.gate.set()
    outbox.put(trial_record(2))
    outbox.later(lambda: None)
    assert outbox.drain(PATIENCE_S)
    assert outbox.close(PATIENCE_S) == 0
    assert [len(r.epochs) for r in store.told if r.number == 1] in ([], [4])  # it may be closed before


def test_a_trial_that_runs_is_told_too(store: Store, make: Make) -> None:
    outbox = make()
    outbox.put(trial_record(1, end="running", n_epochs=2))
    assert store.entered.wait(PATIENCE_S)
    assert outbox.drain(PATIENCE_S)
    assert [(r.number, r.state, len(r.epochs)) for r in store.told] == [(1, "RUNNING", 2)]


def test_trials_that_are_over_go_before_those_that_run(store: Store, make: Make) -> None:
    outbox = make()
    store.gate.clear()
    outbox.put(trial_record(0))
    assert store.entered.wait(PATIENCE_S)
    outbox.put(trial_record(1, end="running"))
    outbox.put(trial_record(2))
    store.gate.set()
    assert outbox.drain(PATIENCE_S)
    assert [r.number for r in store.told][:2] == [0, 2]


def test_a_store_that_fails_is_told_again(store: Store, make: Make, said: list[str], told: DeliveryLog) -> None:
    outbox = make()
    store.failures = 5
    outbox.put(trial_record(1))
    assert outbox.drain(PATIENCE_S)
    assert store.tries == 6
    assert [r.number for r in store.told] == [1]
    assert said == [
        "Store does not answer; the study goes on and tells it later (ConnectionError: made up)",
        "Store answers again",
    ]
    assert outbox.healthy
    assert told.knows("Store", trial_record(1))


def test_the_order_is_kept_over_failures(store: Store, make: Make) -> None:
    outbox = make()
    store.failures = 3
    store.gate.clear()
    for number in range(4):
        outbox.put(trial_record(number))
    store.gate.set()
    assert outbox.drain(PATIENCE_S)
    assert [r.number for r in store.told] == [0, 1, 2, 3]


def test_while_it_fails_it_is_not_healthy_and_behind(store: Store, make: Make, said: list[str]) -> None:
    failed = threading.Event()

    def say(sentence: str) -> None:
        said.append(sentence)
        failed.set()

    outbox = make(say=say)
    store.failures = 10**9
    outbox.put(trial_record(1))
    outbox.put(trial_record(2))
    outbox.put(trial_record(3, end="running"))
    assert failed.wait(PATIENCE_S)
    assert outbox.drain(0) is False
    assert outbox.behind == 2
    assert outbox.close(0) == 2
    assert len(said) == 1


def test_what_is_refused_is_given_up_and_noted(store: Store, make: Make, said: list[str], told: DeliveryLog) -> None:
    outbox = make()
    store.failures, store.error = 1, RefusedError("deleted")
    outbox.put(trial_record(1))
    outbox.put(trial_record(2))
    assert outbox.drain(PATIENCE_S)
    assert outbox.lost == ["trial 1: deleted"]
    assert said == ["Store refused trial 1: deleted"]
    assert [r.number for r in store.told] == [2]
    assert not told.knows("Store", trial_record(1))
    assert told.knows("Store", trial_record(2))
    assert outbox.close(PATIENCE_S) == 0


def test_a_job_comes_after_the_trials_and_is_tried_again(store: Store, make: Make) -> None:
    outbox = make()
    done: list[int] = []
    failures = [ConnectionError("no"), ConnectionError("no")]

    def job() -> None:
        if failures:
            raise failures.pop()
        done.append(len(store.told))

    store.gate.clear()
    outbox.put(trial_record(0))
    outbox.later(job)
    for number in (1, 2):
        outbox.put(trial_record(number))
    store.gate.set()
    assert outbox.drain(PATIENCE_S)
    assert done == [3]


def test_a_job_that_is_refused(make: Make) -> None:
    outbox = make()

    def job() -> None:
        raise RefusedError("no")

    outbox.later(job)
    assert outbox.drain(PATIENCE_S)
    assert outbox.lost == ["the study: no"]


def test_a_mistake_of_our_own_is_said_and_logged_with_its_traceback(
    store: Store, make: Make, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    outbox = make(bugs=(TypeError,))
    store.error, store.failures = TypeError("no such argument"), 1
    outbox.put(trial_record(5))
    outbox.put(trial_record(6))
    assert outbox.drain(PATIENCE_S)
    assert said == [
        "Store was not told of trial 5, by a mistake of this program (TypeError: no such argument); please report it "
        "with its traceback, which is in the study's controller.log"
    ]
    assert outbox.lost == ["trial 5: a mistake of this program: TypeError: no such argument"]
    assert [record.number for record in store.told] == [6]
    (logged,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert logged.exc_info is not None
    assert logged.exc_info[1] is store.error


def test_closing_with_a_dead_store_returns_the_count(store: Store, make: Make) -> None:
    outbox = make()
    store.failures = 10**9
    for number in range(3):
        outbox.put(trial_record(number))
    outbox.put(trial_record(3, end="running"))
    assert outbox.close(0.01) == 3


def test_closing_with_a_store_that_hangs_counts_what_it_has_in_hand(
    store: Store, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = make()
    store.gate.clear()
    outbox.put(trial_record(0))
    outbox.put(trial_record(1))
    assert store.entered.wait(PATIENCE_S)
    monkeypatch.setattr(outbox._thread, "join", lambda timeout: None)
    assert outbox.close(0) == 2


def test_a_job_that_was_not_done_is_known(store: Store, make: Make) -> None:
    def away() -> None:
        raise OSError("away")

    outbox = make()
    assert not outbox.has_jobs
    outbox.later(away)
    assert outbox.has_jobs
    assert outbox.close(0.0) == 0  # it is no trial
    assert outbox.has_jobs


def test_what_one_store_was_told_another_of_its_kind_does_not_know(store: Store, make: Make, told: DeliveryLog) -> None:
    record = trial_record(1)
    first, second = make(told_as="MLflow here"), make(told_as="MLflow there")
    first.put(record)
    assert first.drain(PATIENCE_S)
    assert (first.knows(record), second.knows(record)) == (True, False)


def test_closing_tells_what_waits(store: Store, make: Make) -> None:
    outbox = make()
    store.gate.clear()
    for number in range(3):
        outbox.put(trial_record(number))
    store.gate.set()
    assert outbox.close(PATIENCE_S) == 0
    assert [r.number for r in store.told] == [0, 1, 2]


def test_what_the_store_may_not_know_is_read_from_the_journal(
    store: Store, make: Make, told: DeliveryLog, journal: dict[int, TrialRecord]
) -> None:
    told.add("Store", trial_record(1))
    told.add("Another", trial_record(2))
    outbox = make()
    assert outbox.knows(trial_record(1))
    assert not outbox.knows(trial_record(2))
    assert not outbox.knows(trial_record(1, started_at=5.0))  # another attempt at it
    journal[2] = trial_record(2)
    outbox.catch_up(2)
    outbox.catch_up(3)  # its journal is gone
    assert outbox.drain(PATIENCE_S)
    assert store.told == [trial_record(2)]


def test_a_store_that_is_far_behind_costs_no_memory(
    store: Store, make: Make, journal: dict[int, TrialRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.stores.backlog.KEPT", 2)
    outbox = make()
    store.gate.clear()
    for number in range(6):
        journal[number] = trial_record(number)
        outbox.put(trial_record(number))
    interrupted = trial_record(6, end="stopped")  # which no journal has
    outbox.put(interrupted, in_journal=False)
    assert store.entered.wait(PATIENCE_S)
    assert sum(item.record is None for item in outbox.backlog.ended.values()) in (3, 4)
    assert outbox.behind == 7
    store.gate.set()
    assert outbox.drain(PATIENCE_S)
    assert store.told == [*journal.values(), interrupted]


def test_what_is_withdrawn_is_told_no_more(store: Store, make: Make) -> None:
    """Also not where the store failed with it in hand."""
    outbox = make()
    store.failures = 10**9
    store.gate.clear()
    outbox.put(trial_record(1, end="running"))
    assert store.entered.wait(PATIENCE_S)
    outbox.put(trial_record(2, end="running"))
    for number in (1, 2):
        outbox.withdraw(number)
    store.gate.set()
    assert outbox.drain(PATIENCE_S)
    done = threading.Event()
    store.failures = 0
    outbox.later(done.set)
    assert done.wait(PATIENCE_S)
    assert outbox.backlog.live == {}
    assert store.told == []


def test_a_disk_that_is_full_is_no_fault_of_the_store(
    store: Store, make: Make, told: DeliveryLog, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(who: str, record: TrialRecord) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(told, "add", full)
    outbox = make()
    outbox.put(trial_record(1))
    assert outbox.drain(PATIENCE_S)
    assert (store.tries, said) == (1, [])


def test_only_what_is_over_is_noted_as_told(store: Store, make: Make, told: DeliveryLog) -> None:
    outbox = make()
    outbox.put(trial_record(1, end="running"))
    assert store.entered.wait(PATIENCE_S)
    assert outbox.drain(PATIENCE_S)
    assert not told.knows("Store", trial_record(1))


def test_a_store_that_was_away_is_told_when_somebody_is_at_its_address(store: Store, make: Make) -> None:
    """Its client would try for a minute, in which it may have come back."""
    knocks: list[bool] = []

    def knock() -> bool:
        knocks.append(len(knocks) >= 3)
        return knocks[-1]

    outbox = make(knock=knock)
    store.failures = 1
    outbox.put(trial_record(1))
    assert outbox.drain(PATIENCE_S)
    assert knocks == [False, False, False, True]
    assert store.tries == 2  # none while nobody was there
    outbox.put(trial_record(2))
    assert outbox.drain(PATIENCE_S)
    assert len(knocks) == 4  # nobody knocks at a store that answers


def test_a_store_that_is_back_is_believed_within_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it was away: the longest pause between two tries, and the longest knock."""
    from search.stores import knock

    assert module.LAST_RETRY_S + knock.PATIENCE_S <= 8
    monkeypatch.setattr("urllib.request.getproxies", dict)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        knocked = knock.knock_at(f"http://127.0.0.1:{server.getsockname()[1]}")
        assert knocked is not None
        assert not knocked()
        server.listen()
        assert knocked()
    assert knock.knock_at("sqlite:///mlflow.db") is None
    monkeypatch.setattr("urllib.request.getproxies", lambda: {"http": "http://proxy:3128"})
    monkeypatch.setattr("urllib.request.proxy_bypass", lambda host: host == "127.0.0.1")
    assert knock.knock_at("http://mlflow.lab:5000") is None  # the proxy knows where that is, and this machine may not
    assert knock.knock_at("http://127.0.0.1:5000") is not None
