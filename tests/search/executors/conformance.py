"""What every executor promises (`search.executors._base`), as one suite.

A module of tests derives from `ExecutorSuite`, says how its executor is made, and declares what it cannot do. The slots
are no-op trainers, whose faults are asked for by a config's seed, so that nothing but the contract is used.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import psutil
import pytest

from search.errors import ExecutorError
from search.executors import Executor, Mailbox, Slot, SlotExit, SlotLine, TrainerSource, log_tail
from tests.search import noop_trainer
from tests.search.noop_trainer import SEEDS
from trainer.config import TrainConfig
from trainer.events import Alive, Epoch, Event, Failed, Finished, Ready, Started, Stopped, parse

ALIVE = Alive().model_dump_json().encode()
PATIENCE_S = 60.0  # for what takes milliseconds, on a machine that is busy
ROOT = Path(__file__).resolve().parents[3]


def config(trial: str = "t", seed: int = 0, epochs: int = 3) -> str:
    return TrainConfig(trial=trial, seed=seed, epochs=epochs).model_dump_json()


CONTROLLER = """
import json, queue
from pathlib import Path
from search.executors import (
    HostsExecutor, HostSettings, LocalExecutor, RayExecutor, Resources, TrainerSource
)
from trainer.events import Alive, Ready, parse

source = TrainerSource(*map(Path, {folders!r}))
logs, command = Path({logs!r}), {command!r}
executor = {executor}
mailbox = queue.SimpleQueue()
slots = [executor.start(number, mailbox) for number in range(2)]
slots[0].send({config!r})
pids = set()
started = False
while len(pids) < 2 or not started:
    event = parse(mailbox.get().line)
    if isinstance(event, Ready):
        pids.add(event.pid)
    elif not isinstance(event, Alive):
        started = True
print(json.dumps(sorted(pids)), flush=True)
while True:
    mailbox.get()
"""


def controller_program(executor: str, source: TrainerSource, logs: Path) -> str:
    """What `ExecutorSuite.controller_script` asks for, of executors whose slots have process ids of this machine.

    Args:
        executor: the expression that makes it, from `source`, `logs` and `command`, the no-op trainer's.
        source: what its slots train on.
        logs: the folder of their logs.
    """
    return CONTROLLER.format(
        executor=executor,
        folders=[str(source.data), str(source.cache), str(source.output)],
        logs=str(logs),
        command=list(noop_trainer.COMMAND),
        config=config(seed=SEEDS["hang"]),
    )


class Reader:
    """A mailbox, read in the order of a test. Signs of life, which come at any time, are left out."""

    def __init__(self) -> None:
        self.mailbox: Mailbox = queue.SimpleQueue()
        self.lines: dict[Slot, list[bytes]] = {}
        self.exits: dict[Slot, list[SlotExit]] = {}
        self.after_exit: list[SlotLine] = []

    def read(self) -> None:
        mail = self.mailbox.get(timeout=PATIENCE_S)
        if isinstance(mail, SlotLine) and mail.line == ALIVE:
            return
        if isinstance(mail, SlotLine):
            if self.exits.get(mail.slot):
                self.after_exit.append(mail)
            self.lines.setdefault(mail.slot, []).append(mail.line)
        elif isinstance(mail, SlotExit):
            self.exits.setdefault(mail.slot, []).append(mail)

    def until(self, found: Callable[[], bool]) -> None:
        while not found():
            self.read()

    def events(self, slot: Slot) -> list[Event]:
        return [parse(line) for line in self.lines.get(slot, [])]

    def event(self, slot: Slot, kind: type[Event]) -> Event:
        """The first event of this kind; waits for it."""
        self.until(lambda: any(isinstance(event, kind) for event in self.events(slot)))
        return next(event for event in self.events(slot) if isinstance(event, kind))

    def exit(self, slot: Slot) -> SlotExit:
        self.until(lambda: bool(self.exits.get(slot)))
        return self.exits[slot][0]


class ExecutorSuite(ABC):
    """The suite. What differs between executors is declared here."""

    reports_status: ClassVar[bool] = True  # SlotExit.status is the trainer's own
    shares_machine: ClassVar[bool] = True  # a slot's process id is of this machine

    @abstractmethod
    def executor(self, source: TrainerSource, logs: Path, *, command: tuple[str, ...] | None = None) -> Executor:
        """An executor of no-op trainers, or of another command (as `command`)."""

    @abstractmethod
    def controller_script(self, source: TrainerSource, logs: Path) -> str:
        """A Python program: starts two slots, prints their process ids (a JSON list), and waits for ever."""

    # -- parts ---------------------------------------------------------------------------------------------------------

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        place = tmp_path / 'Ada\'s "runs" and more'
        place.mkdir()
        return place

    @pytest.fixture
    def source(self, place: Path) -> TrainerSource:
        for name in ("data of 'hers'", "cache", 'out"put'):
            (place / name).mkdir()
        return TrainerSource(place / "data of 'hers'", place / "cache", place / 'out"put')

    @pytest.fixture
    def started(self, source: TrainerSource, place: Path):  # type: ignore[no-untyped-def]
        with self.executor(source, place / "logs") as executor:
            yield executor

    @pytest.fixture
    def reader(self) -> Reader:
        return Reader()

    # -- the contract --------------------------------------------------------------------------------------------------

    def test_says_what_slots_run_on(self, started: Executor) -> None:
        assert started.check()
        assert started.default_slots() >= 1
        assert started.name

    def test_lines_come_in_order_then_one_exit(self, started: Executor, reader: Reader) -> None:
        slot = started.start(0, reader.mailbox)
        slot.send(config("a", epochs=30))
        slot.send(config("b", epochs=30))
        reader.until(lambda: sum(b'"finished"' in line for line in reader.lines.get(slot, [])) == 2)
        slot.close()
        end = reader.exit(slot)
        started.close()
        kinds = [event.event for event in reader.events(slot)]
        assert kinds == ["ready", *(["started", *["epoch"] * 30, "finished"] * 2)]
        assert [e.epoch for e in reader.events(slot) if isinstance(e, Epoch)] == [*range(1, 31)] * 2
        assert reader.mailbox.empty()
        assert reader.after_exit == []
        assert reader.exits[slot] == [end]
        if self.reports_status:
            assert (end.status, end.reason) == (0, "ended with status 0")
        assert not end.out_of_memory

    def test_two_slots_train_at_once(self, started: Executor, reader: Reader) -> None:
        one, two = started.start(0, reader.mailbox), started.start(1, reader.mailbox)
        for slot, label in ((one, "one"), (two, "two")):
            slot.send(config(label, seed=SEEDS["until_stopped"]))
        for slot in (one, two):  # both are under way before either may end
            assert isinstance(reader.event(slot, Started), Started)
        for slot, label in ((two, "two"), (one, "one")):
            slot.send(json.dumps({"stop": label}))
            assert reader.event(slot, Stopped) == Stopped(trial=label, epoch=0)
        assert (one.number, two.number) == (0, 1)
        assert one.log != two.log

    def test_stop_ends_the_training_and_the_slot_goes_on(self, started: Executor, reader: Reader) -> None:
        slot = started.start(0, reader.mailbox)
        slot.send(config("first", seed=SEEDS["until_stopped"]))
        reader.event(slot, Started)
        slot.send(json.dumps({"stop": "first"}))
        reader.event(slot, Stopped)
        slot.send(config("second"))
        finished = reader.event(slot, Finished)
        assert isinstance(finished, Finished)
        assert finished.trial == "second"

    def test_closing_an_idle_slot_ends_it(self, started: Executor, reader: Reader) -> None:
        slot = started.start(0, reader.mailbox)
        reader.event(slot, Ready)
        slot.close()
        reader.exit(slot)
        assert [event.event for event in reader.events(slot)] == ["ready"]

    def test_closing_a_busy_slot_ends_it_at_once(self, started: Executor, reader: Reader) -> None:
        slot = started.start(0, reader.mailbox)
        slot.send(config(seed=SEEDS["hang"]))
        reader.event(slot, Started)
        slot.close()
        reader.exit(slot)
        assert not any(isinstance(event, Finished) for event in reader.events(slot))

    def test_killing_a_slot_is_no_lack_of_memory(self, started: Executor, reader: Reader) -> None:
        slot = started.start(0, reader.mailbox)
        slot.send(config(seed=SEEDS["hang"]))
        reader.event(slot, Started)
        slot.kill()
        end = reader.exit(slot)
        assert not end.out_of_memory
        if self.reports_status:
            assert (end.status, end.reason) == (-signal.SIGKILL, "was ended by SIGKILL")

    def test_a_slot_that_dies_by_itself_says_how(self, started: Executor, reader: Reader) -> None:
        killed, crashed = started.start(0, reader.mailbox), started.start(1, reader.mailbox)
        killed.send(config(seed=SEEDS["kill"]))
        crashed.send(config(seed=SEEDS["exit"]))
        ends = reader.exit(killed), reader.exit(crashed)
        if self.reports_status:
            assert [end.reason for end in ends] == ["was ended by SIGKILL", "ended with status 3"]
        assert log_tail(crashed.log).endswith("noop: made-up crash")

    def test_a_slot_that_is_gone_takes_anything(self, started: Executor, reader: Reader) -> None:
        slot = started.start(0, reader.mailbox)
        slot.close()
        slot.send(config())
        reader.exit(slot)
        for _ in range(2):
            slot.send(config())
            slot.close()
            slot.kill()
        started.close()
        started.close()
        assert len(reader.exits[slot]) == 1

    def test_a_replacement_has_the_number_and_writes_on_in_the_log(self, started: Executor, reader: Reader) -> None:
        first = started.start(3, reader.mailbox)
        first.send(config(seed=SEEDS["exit"]))
        reader.exit(first)
        second = started.start(3, reader.mailbox)
        reader.event(second, Ready)
        second.close()
        reader.exit(second)
        assert second.number == 3
        assert second is not first
        assert second.log == first.log
        assert second.log.read_text().count("noop: ready") == 2

    def test_a_program_that_is_not_there(self, source: TrainerSource, place: Path, reader: Reader) -> None:
        with self.executor(source, place / "logs", command=("/no/such/trainer",)) as executor:
            with pytest.raises(ExecutorError, match=r"The trainer cannot be started: /no/such/trainer is not there\."):
                executor.check()
            with pytest.raises(ExecutorError, match="/no/such/trainer"):
                executor.start(0, reader.mailbox)

    def test_a_program_that_ends_before_it_is_ready(self, source: TrainerSource, place: Path, reader: Reader) -> None:
        command = (sys.executable, "-c", "import sys; sys.exit('no licence for this trainer')")
        with self.executor(source, place / "logs", command=command) as executor:
            slot = executor.start(0, reader.mailbox)
            end = reader.exit(slot)
        if self.reports_status:
            assert end.status == 1
        assert reader.lines == {}
        assert log_tail(slot.log) == "no licence for this trainer"

    def test_a_slot_is_told_of_data_cache_and_output(self, source: TrainerSource, place: Path, reader: Reader) -> None:
        """Paths have spaces and quotes."""
        program = "import json, sys; print(json.dumps(sys.argv[1:]))"
        skipping = TrainerSource(source.data, source.cache, source.output, skip_bad_files=True)
        for given in (source, skipping):
            with self.executor(given, place / "logs", command=(sys.executable, "-c", program)) as executor:
                slot = executor.start(0, reader.mailbox)
                reader.exit(slot)
            arguments = json.loads(reader.lines[slot][0])
            told = {"--data": given.data, "--cache": given.cache}
            if executor.shares_machine:
                told["--output"] = given.output
            assert ("--send-models" in arguments) == (not executor.shares_machine)
            for flag, folder in told.items():
                assert arguments[arguments.index(flag) + 1] == str(folder)
            assert "--exit-with-stdin" in arguments
            assert ("--skip-bad-files" in arguments) == given.skip_bad_files

    def test_a_slot_reads_the_studys_own_files(self, source: TrainerSource, place: Path, reader: Reader) -> None:
        code = place / "the study's code"
        code.mkdir()
        (code / "my_model.py").write_text("# mine")
        program = "import sys, pathlib; print(*(p.read_text() for p in pathlib.Path(sys.argv[-1]).iterdir()))"
        own = TrainerSource(source.data, source.cache, source.output, code=code)
        with self.executor(own, place / "logs", command=(sys.executable, "-c", program)) as executor:
            slot = executor.start(0, reader.mailbox)
            reader.exit(slot)
        assert reader.lines[slot] == [b"# mine"]

    def test_no_secret_is_in_a_slots_environment(
        self, source: TrainerSource, place: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secrets = ["SEARCH_STORAGE_URL", "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"]
        secrets += ["PGPASSWORD", "AWS_SECRET_ACCESS_KEY"]
        for name in secrets:
            monkeypatch.setenv(name, "secret-of-the-test")
        with self.executor(source, place / "logs") as executor:
            slot = executor.start(0, reader.mailbox)
            slot.send(config(seed=SEEDS["environment"]))
            reader.event(slot, Finished)
        line = next(line for line in slot.log.read_text().splitlines() if line.startswith('{"environment"'))
        names = json.loads(line)["environment"]
        assert "PATH" in names
        assert [name for name in names if name in secrets or name.startswith(("SEARCH_", "MLFLOW_"))] == []

    def test_stdout_carries_any_bytes_and_large_lines(self, started: Executor, reader: Reader) -> None:
        slot = started.start(0, reader.mailbox)
        slot.send(config("g", seed=SEEDS["garbage"]))
        reader.until(lambda: any(b'"finished"' in line for line in reader.lines.get(slot, [])))
        garbage = [line + b"\n" for line in reader.lines[slot][2 : 2 + len(noop_trainer.GARBAGE)]]
        assert tuple(garbage) == noop_trainer.GARBAGE
        reader.lines[slot].clear()
        slot.send(config("l", seed=SEEDS["large"]))
        large = reader.event(slot, Failed)
        assert isinstance(large, Failed)
        assert large.message == "x" * noop_trainer.LARGE_BYTES
        reader.event(slot, Finished)

    def test_a_large_config_passes(self, started: Executor, reader: Reader) -> None:
        slot = started.start(0, reader.mailbox)
        reader.event(slot, Ready)
        slot.send(json.dumps({"epochs": 1, "trial": "x" * 50_000}))
        failed = reader.event(slot, Failed)
        assert isinstance(failed, Failed)
        assert failed.kind == "config"

    def test_no_process_is_left_after_close(self, source: TrainerSource, place: Path, reader: Reader) -> None:
        with self.executor(source, place / "logs") as executor:
            slots = [executor.start(number, reader.mailbox) for number in range(3)]
            slots[0].send(config(seed=SEEDS["hang"]))
            reader.event(slots[0], Started)
            processes = [psutil.Process(_pid(reader, slot)) for slot in slots] if self.shares_machine else []
        while not reader.mailbox.empty():  # everything is there when `close` returns
            reader.read()
        assert {slot: len(reader.exits[slot]) for slot in slots} == dict.fromkeys(slots, 1)
        assert [process for process in processes if process.is_running()] == []

    def test_no_process_is_left_after_the_controller_was_killed(self, source: TrainerSource, place: Path) -> None:
        script = place / "controller.py"
        script.write_text(self.controller_script(source, place / "logs"))
        controller = subprocess.Popen(
            [sys.executable, script], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        try:
            assert controller.stdout is not None
            trainers = [psutil.Process(pid) for pid in json.loads(controller.stdout.readline())]
            assert len(trainers) == 2
            assert all(process.is_running() for process in trainers)
        finally:
            controller.kill()
            controller.communicate()
        _, alive = psutil.wait_procs(trainers, timeout=PATIENCE_S)
        assert alive == []


def _pid(reader: Reader, slot: Slot) -> int:
    ready = reader.event(slot, Ready)
    assert isinstance(ready, Ready)
    return ready.pid
