"""Ctrl-C and SIGTERM, sent to a real controller: what is under way is put back, and nobody is left."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.controllers import Controllers, controllers, trainers_of, wait_until_no_trainer_is_left
from tests.faults.installation import Installation
from tests.search.workshop import PATIENCE_S, question

STUDY = question((0.01, 0.001), seeds=2)
INTERRUPTED = 130
HURRIED_S = 5.0


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def epochs_of(here: Installation, number: int) -> int:
    path = here.books.folder("rates") / f"{number:05d}.jsonl"
    return path.read_text().count('"event":"epoch"') if path.exists() else 0


@contextmanager
def deaf_server() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def goes_on(here: Installation, made: Controllers) -> None:
    assert made.run(STUDY) == 0, made.words()
    here.books.check("rates", 4)
    wait_until_no_trainer_is_left(here.places.runs)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_once(here: Installation, tmp_path: Path, number: signal.Signals) -> None:
    with controllers(tmp_path / "log", runs=str(here.places.runs), data=str(here.data), slots=2) as made:
        pid = made.begin(STUDY, settings={"steps": True})  # after an epoch, trainings wait for what comes
        wait_for(lambda: all(epochs_of(here, trial) == 1 for trial in (0, 1)))
        assert len(trainers_of(here.places.runs)) == 2
        os.kill(pid, number)
        assert made.end() == INTERRUPTED
        assert not trainers_of(here.places.runs)
        assert here.books.states("rates") == {"WAITING": 4}
        assert {state for *_, state in here.books.runs("rates")} <= {"PRUNED", "interrupted"}
        goes_on(here, made)


def test_twice_ends_within_seconds_whatever_hangs(here: Installation, tmp_path: Path) -> None:
    """The trainers do not listen, and neither does MLflow."""
    with (
        deaf_server() as deaf,
        controllers(tmp_path / "log", runs=str(here.places.runs), data=str(here.data), slots=2) as made,
    ):
        pid = made.begin(STUDY, settings={"faults": {"*": ["hang", 2]}}, tracking=deaf)
        wait_for(lambda: all(epochs_of(here, trial) == 1 for trial in (0, 1)))
        logs = here.places.study("rates") / "slots"
        os.kill(pid, signal.SIGINT)
        wait_for(lambda: all("told to stop" in log.read_text() for log in logs.iterdir()))
        begun = time.monotonic()
        os.kill(pid, signal.SIGINT)
        assert made.end() == INTERRUPTED
        assert time.monotonic() - begun < HURRIED_S
        assert not trainers_of(here.places.runs)
        assert set(here.books.states("rates")) <= {"WAITING", "RUNNING"}
        goes_on(here, made)


def test_while_the_stores_are_told_the_rest(here: Installation, tmp_path: Path) -> None:
    """The trials are over, and MLflow does not answer: Ctrl-C once, and nobody waits for it."""
    with (
        deaf_server() as deaf,
        controllers(tmp_path / "log", runs=str(here.places.runs), data=str(here.data), slots=2) as made,
    ):
        pid = made.begin(STUDY, tracking=deaf)
        wait_for(lambda: len(here.books.journals("rates")) == 4 and not trainers_of(here.places.runs))
        begun = time.monotonic()
        os.kill(pid, signal.SIGINT)
        assert made.end() in (0, INTERRUPTED)  # it may have come before the last slot's end was heard of
        assert time.monotonic() - begun < 2 * HURRIED_S  # drawing the answer included
        goes_on(here, made)
