"""Two machines over ssh, each in a network of its own: one is cut off and comes back, loses its sshd, its trainer."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from search.controller.session import Options, run_study
from search.executors import HostsExecutor, Mailbox, Resources, Slot, TrainerSource
from search.folder.record import TrialRecord
from tests.faults.installation import Installation
from tests.faults.networks import Namespace, namespaces
from tests.search import noop_trainer
from tests.search.workshop import PATIENCE_S, Watcher, question
from trainer.events import Ready

LONG = pytest.mark.faults


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[list[Namespace]]:
    with namespaces(tmp_path / "machines", "lab1", "lab2") as made:
        yield made


class Two(HostsExecutor):
    """Both machines, which it remembers the slots of; no-op trainers that wait for each step."""

    def __init__(self, source: TrainerSource, logs: Path, machines: list[Namespace], silence_s: float) -> None:
        told = {noop_trainer.VARIABLE: json.dumps({"steps": True, "models": True})}
        hosts = [
            machine.server.host(logs.parent / f"cache of {machine.server.name}", slots=1, environment=told)
            for machine in machines
        ]
        super().__init__(source, logs, hosts, Resources(gpus=()), command=noop_trainer.COMMAND, silence_s=silence_s)
        self.started: dict[int, Slot] = {}

    def start(self, number: int, mailbox: Mailbox) -> Slot:
        slot = self.started[number] = super().start(number, mailbox)
        return slot


class Strike(Watcher):
    """Strikes lab2 in its first training, and mends it once that was noticed. The trainings of lab1 wait till then.

    Attributes:
        noticed_s: seconds from the strike until the trial was put back.
        back_s: seconds from the mending until a slot of lab2 was ready again.
        ended_s: seconds from the strike until the trainer that was lost had ended.
    """

    def __init__(self, kind: str, machine: Namespace) -> None:
        super().__init__()
        self.kind, self.machine = kind, machine
        self.executor: Two | None = None
        self.victim: psutil.Process | None = None
        self.struck_at = self.mended_at = self.noticed_s = self.back_s = self.ended_s = 0.0
        self.waiting: list[TrialRecord] = []

    def strike(self, pid: int) -> None:
        self.victim = psutil.Process(pid)
        self.struck_at = time.monotonic()
        self.watch = threading.Thread(target=self._ended, args=(self.victim,), daemon=True)
        self.watch.start()
        match self.kind:
            case "link":
                self.machine.cut()
            case "sshd":
                self.machine.server.stop()
                for process in self.victim.parents():
                    if process.name().startswith("sshd"):
                        process.kill()
            case "trainer":
                os.kill(pid, signal.SIGKILL)

    def _ended(self, victim: psutil.Process) -> None:
        psutil.wait_procs([victim])
        self.ended_s = time.monotonic() - self.struck_at

    def mend(self) -> None:
        self.mended_at = time.monotonic()
        match self.kind:
            case "link":
                self.machine.mend()
            case "sshd":
                self.machine.server.start()

    def slot_ready(self, slot: int, ready: Ready) -> None:
        if self.noticed_s and slot == 1 and not self.back_s:
            self.back_s = time.monotonic() - self.mended_at
            for record in self.waiting:
                self.step(record)

    def trial(self, record: TrialRecord, tally: Any) -> None:
        super().trial(record, tally)
        if record.terminal or not record.epochs:
            return
        if record.slot == 1 and not self.struck_at:
            self.strike(record.ready.pid)
        elif not self.back_s:
            self.waiting.append(record)
        else:
            self.step(record)

    def step(self, record: TrialRecord) -> None:
        assert self.executor is not None
        self.executor.started[record.slot].send(json.dumps({"step": record.config.trial}))

    def say(self, sentence: str) -> None:
        super().say(sentence)
        if "is trained again" in sentence and not self.noticed_s:
            self.noticed_s = time.monotonic() - self.struck_at
            if self.kind == "trainer":
                self.mend()
        if "tried again while others train" in sentence:
            self.mend()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("link", ("slot 1 on lab2 lost its connection", "slot 1 on lab2 gave no sign of life")),
        ("sshd", ("slot 1 on lab2 lost its connection",)),
        ("trainer", ("slot 1 on lab2 was ended by SIGKILL",)),
    ],
)
@pytest.mark.parametrize("short", [True, pytest.param(False, marks=LONG)], ids=["short", "as users have it"])
def test_a_machine_is_lost_and_comes_back(
    here: Installation,
    machines: list[Namespace],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    reason: tuple[str, ...],
    short: bool,
) -> None:
    controller_silence_s, silence_s = 60.0, 20.0
    if short:
        controller_silence_s, silence_s = 6.0, 4.0
        monkeypatch.setattr("search.executors._command.ALIVE_S", 0.5)
        monkeypatch.setattr("search.controller.slots.BEAT_S", 1.0)
        for name, value in {"ALIVE_S": 1, "ALIVE_COUNT": 2, "CONNECT_S": 2}.items():
            monkeypatch.setattr(f"search.executors.hosts.connection.{name}", value)
    view = Strike(kind, machines[1])

    def make(source: TrainerSource, logs: Path) -> Two:
        view.executor = Two(source, logs, machines, controller_silence_s)
        return view.executor

    options = Options(here.data, slots=2, silence_s=silence_s, command="python -m search.run --study rates")
    outcome = run_study(question(seeds=4), options, here.places, view, make)
    assert (outcome.end, outcome.untold) == ("finished", {})
    assert view.back_s, "lab2 did not come back"
    (lost,) = [said for said in view.said if "is trained again" in said]
    assert lost.startswith(reason)
    records = here.books.check("rates", 8)
    assert here.books.attempts("rates") == 9
    assert {record.slot for record in records} == {0, 1}
    models = here.places.study("rates") / "models"
    (kept,) = models.iterdir()
    assert kept.read_text() == kept.stem
    assert view.victim is not None
    view.watch.join(PATIENCE_S + controller_silence_s)
    assert view.ended_s, "the trainer that was lost goes on"
    print(f"{kind}: noticed after {view.noticed_s:.1f} s, back {view.back_s:.1f} s after mending, "
          f"the lost trainer ended {view.ended_s:.1f} s after the strike: {lost}")  # fmt: skip
