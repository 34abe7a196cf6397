"""Trainers in containers that are killed, and an engine that is restarted: the budget is exact, nothing is left."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from search.controller.session import Options, Outcome, run_study
from search.executors import DockerExecutor, Executor, Mailbox, Slot, TrainerSource
from search.folder.record import TrialRecord
from search.study import Study
from tests.faults.installation import Installation
from tests.faults.servers import PATIENCE_S
from tests.search.executors.test_docker import COMMAND, engine, image  # noqa: F401
from tests.search.noop_trainer import VARIABLE
from tests.search.workshop import Watcher, question

STUDY = question((0.01, 0.001), seeds=5, epochs=2)


class Contained(DockerExecutor):
    """Slots in containers of the no-op trainer, which wait after each epoch; it remembers the latest of each number."""

    def __init__(self, source: TrainerSource, logs: Path, tag: str) -> None:
        settings = json.dumps({"steps": True})
        super().__init__(source, logs, image=tag, study="faults", command=["env", f"{VARIABLE}={settings}", *COMMAND])
        self.latest: dict[int, Slot] = {}

    def start(self, number: int, mailbox: Mailbox) -> Slot:
        slot = self.latest[number] = super().start(number, mailbox)
        return slot


class Yard:
    """An installation whose trainers are containers."""

    def __init__(self, here: Installation, tag: str) -> None:
        self.here, self._tag = here, tag
        self.executor: Contained | None = None

    def run(self, study: Study, at_epoch: Callable[[TrialRecord], bool]) -> tuple[Outcome, Watcher]:
        """`at_epoch` says whether a trial goes on after the epoch that it has ended."""

        def make(source: TrainerSource, logs: Path) -> Executor:
            self.executor = Contained(source, logs, self._tag)
            return self.executor

        def watch(record: TrialRecord) -> None:
            if record.epochs and not record.terminal and at_epoch(record):
                assert self.executor is not None
                self.executor.latest[record.slot].send(json.dumps({"step": record.config.trial}))

        view = Watcher(watch)
        options = Options(self.here.data, slots=2, command="python -m search.run")
        return run_study(study, options, self.here.places, view, make_executor=make), view

    def container(self, record: TrialRecord) -> str:
        assert self.executor is not None
        return str(self.executor.latest[record.slot].container_id)  # type: ignore[attr-defined]


def left(environment: Mapping[str, str] | None = None) -> list[str]:
    """The containers of these tests' studies."""
    command = ["docker", "ps", "--all", "--quiet", "--filter", "label=blood-cell-search.study=faults"]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split()


def test_containers_are_killed(here: Installation, image: str) -> None:  # noqa: F811
    yard = Yard(here, image)
    kills = [2, 5]

    def at_epoch(record: TrialRecord) -> bool:
        if record.number in kills:
            kills.remove(record.number)
            subprocess.run(["docker", "kill", yard.container(record)], check=True, capture_output=True)
            return False
        return True

    outcome, view = yard.run(STUDY, at_epoch)
    assert (outcome.end, outcome.untold) == ("finished", {})
    assert [said.partition("; ")[2] for said in view.said if "SIGKILL" in said] == [
        f"trial {number} is trained again" for number in (2, 5)
    ]
    here.books.check("rates", 10)
    assert here.books.attempts("rates") == 12
    assert left() == []


class OwnEngine:
    """A Docker engine beside the machine's, with images and containers of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.address = f"unix://{folder}/socket"
        self.environment = {**os.environ, "DOCKER_HOST": self.address}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers, or skips the test."""
        # In a network of its own: an engine that is told to have no bridge deletes the machine's `docker0`.
        command = [
            "unshare",
            "--net",
            "dockerd",
            "--data-root",
            f"{self._folder}/data",
            "--exec-root",
            f"{self._folder}/exec",
        ]
        command += ["--pidfile", f"{self._folder}/pid", "--host", self.address, "--bridge", "none"]
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [*command, "--iptables=false", "--ip6tables=false"], stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + PATIENCE_S
        while subprocess.run(["docker", "version"], env=self.environment, capture_output=True, check=False).returncode:
            if self._process.poll() is not None:
                words = (self._folder / "log").read_text(errors="replace").splitlines()[-1]
                pytest.skip(f"a second Docker engine does not start here: {words}")
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def stop(self) -> None:
        """In good order: it ends its containers."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)


@pytest.fixture
def own_engine(image: str) -> Iterator[OwnEngine]:  # noqa: F811
    """One that runs, and has the image."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("needs root and dockerd")
    folder = Path(tempfile.mkdtemp(prefix="engine-", dir="/tmp"))  # a socket's path is short
    made = OwnEngine(folder)
    made.start()
    try:
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
            subprocess.run(
                ["docker", "load"], stdin=saved.stdout, env=made.environment, check=True, capture_output=True
            )
        yield made
    finally:
        made.stop()
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)


@pytest.mark.faults
def test_the_engine_is_restarted(
    here: Installation,
    own_engine: OwnEngine,
    image: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the middle of a trial, with another under way beside it."""
    monkeypatch.setenv("DOCKER_HOST", own_engine.address)
    yard = Yard(here, image)
    restarts = [3, 7]

    def at_epoch(record: TrialRecord) -> bool:
        if record.number in restarts:
            restarts.remove(record.number)
            own_engine.stop()
            own_engine.start()
            return False
        return True

    outcome, view = yard.run(STUDY, at_epoch)
    assert restarts == []
    assert (outcome.end, outcome.untold) == ("finished", {})
    here.books.check("rates", 10)
    assert 12 <= here.books.attempts("rates") <= 14
    assert left(own_engine.environment) == []
    assert any("is trained again" in said for said in view.said)
