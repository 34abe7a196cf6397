"""Controllers as processes of their own, which end themselves by SIGKILL at a chosen moment.

    python -m tests.faults.controllers < orders

A line of JSON is an order: a study is run in a fork of this process, which has everything imported. The answers are two
lines of JSON: its process id at the start, and at the end its exit status, negative for a signal.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil

import search.pages.publish
import search.stores.stores
from search.console.callbacks import Tally, View
from search.controller.controller import Controller
from search.controller.session import Options, run_study
from search.errors import SearchError
from search.executors import _local_slot
from search.folder.journal import TrialJournal
from search.folder.record import TrialRecord
from search.settings import Places
from search.stores.mlflow import Tracker
from search.stores.optuna import OptunaStudy
from search.study import Study
from tests.search.workshop import Noops
from trainer.events import Epoch

ROOT = Path(__file__).resolve().parents[2]


def _epoch(last: bool) -> Callable[..., bool]:
    def when(controller: Controller, state: Any, work: Any, event: Any) -> bool:
        return isinstance(event, Epoch) and event.epoch == (work.record.config.epochs if last else 1)

    return when


def _config(slot: Any, line: str) -> bool:
    return '"learning_rate"' in line


def _any(*_: Any, **named: Any) -> bool:
    return True


# What a controller does with a trial, in order: where it is done, and which of the calls count.
BOUNDARIES: dict[str, tuple[Any, str, Callable[..., bool]]] = {
    "queue": (OptunaStudy, "_made", _any),
    "ask": (OptunaStudy, "ask", _any),
    "propose": (OptunaStudy, "_proposed", _any),
    "submit": (_local_slot.LocalSlot, "send", _config),
    "first epoch": (Controller, "_event", _epoch(last=False)),
    "last epoch": (Controller, "_event", _epoch(last=True)),
    "journal": (TrialJournal, "_append", _any),
    "Optuna": (OptunaStudy, "tell", _any),
    "MLflow": ("search.stores.mlflow.store.MlflowStore", "log", _any),  # imported by `main` alone: it warns
}


def _die_at(boundary: str, after: bool, nth: int) -> None:
    """The n-th call ends this process, before it does anything or after it has done all."""
    owner, name, counts = BOUNDARIES[boundary]
    if isinstance(owner, str):
        owner = pkgutil.resolve_name(owner)
    original = getattr(owner, name)
    calls, lock = [0], threading.Lock()

    def deadly(*given: Any, **named: Any) -> Any:
        hit = False
        if counts(*given, **named):
            with lock:
                calls[0] += 1
                hit = calls[0] == nth
        if hit and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*given, **named)
        if hit:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


class Meter(View):
    """Writes down how many trials are over, when, and how much memory this process has; every so many trials."""

    def __init__(self, path: str, every: int) -> None:
        self._path, self._every = Path(path), every
        self._over: int | None = None

    def begin(self, name: str, tally: Tally) -> None:
        self._note(tally)

    def trial(self, record: TrialRecord, tally: Tally) -> None:
        if tally.over % self._every == 0:
            self._note(tally)

    def _note(self, tally: Tally) -> None:
        if tally.over != self._over:
            self._over = tally.over
            sample = {"over": tally.over, "s": time.monotonic(), "rss": psutil.Process().memory_info().rss}
            with self._path.open("a") as file:
                file.write(json.dumps(sample) + "\n")


def _run(order: dict[str, Any]) -> int:
    search.pages.publish.draw = lambda *_: {}  # type: ignore[assignment]
    search.stores.stores.Tracker = partial(Tracker, with_pictures=False)  # type: ignore[assignment, misc]
    if "umask" in order:
        os.umask(order["umask"])
    if order.get("boundary"):
        _die_at(order["boundary"], order["after"], order["nth"])
    places = Places.of(order["runs"], order.get("storage"), order.get("tracking"))
    make = partial(Noops, settings=order.get("settings"))
    options = Options(Path(order["data"]), slots=order.get("slots", 1), command="python -m search.run")
    view = Meter(order["samples"], order["every"]) if "samples" in order else View()
    try:
        outcome = run_study(Study.model_validate(order["study"]), options, places, view, make_executor=make)
    except SearchError as error:
        print(error, file=sys.stderr, flush=True)
        return error.exit_status
    return 130 if outcome.end == "interrupted" else 0


def main() -> None:
    importlib.import_module("search.stores.mlflow.store")  # takes seconds; every fork has it then
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            status = 70
            try:
                sys.stdin.close()
                status = _run(json.loads(line))
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        print(json.dumps({"pid": child}), flush=True)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status)}), flush=True)


class Controllers:
    """The other side of the pipe.

    Args:
        log: what they write on stderr.
        given: of every order: `runs`, `data`, ...
    """

    def __init__(self, log: Path, **given: Any) -> None:
        self._given, self.log = given, log
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.controllers"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def begin(self, study: Study, **order: Any) -> int:
        """Starts a controller. Returns its process id."""
        assert self._process.stdin is not None
        line = json.dumps({**self._given, **order, "study": study.model_dump(mode="json")})
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return int(self._answer()["pid"])

    def end(self) -> int:
        """Waits for its end. Returns its exit status, negative for a signal."""
        return int(self._answer()["status"])

    def run(self, study: Study, **order: Any) -> int:
        self.begin(study, **order)
        return self.end()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.log.read_text()[-3000:]
        found: dict[str, Any] = json.loads(line)
        return found

    def words(self) -> str:
        """What controllers wrote on stderr."""
        return self.log.read_text(errors="replace")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


@contextmanager
def controllers(log: Path, **given: Any) -> Iterator[Controllers]:
    made = Controllers(log, **given)
    try:
        yield made
    finally:
        made.close()


def trainers_of(runs: Path) -> list[psutil.Process]:
    """The trainers that work in this folder of runs."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = process.info["cmdline"] or []
        if str(runs / "cache") in command and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def wait_until_no_trainer_is_left(runs: Path, patience_s: float = 30.0) -> None:
    _, alive = psutil.wait_procs(trainers_of(runs), timeout=patience_s)
    assert not alive, f"{len(alive)} trainers survive their controller"
    assert not trainers_of(runs)


if __name__ == "__main__":
    main()
