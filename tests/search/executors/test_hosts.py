"""The hosts executor: the suite of all executors over a real ssh on loopback, and what is its own."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from search.executors import Executor, HostSettings, HostsExecutor, Resources, TrainerSource
from tests.search import noop_trainer
from tests.search.executors.conformance import PATIENCE_S, ExecutorSuite, Reader, config, controller_program
from tests.search.noop_trainer import SEEDS
from tests.sshd import Sshd
from trainer.events import Ready, Started
from trainer.fingerprint import code_fingerprint


def program(host: HostSettings, source: TrainerSource, logs: Path) -> str:
    read = f"HostSettings.model_validate_json({host.model_dump_json()!r})"
    return controller_program(f"HostsExecutor(source, logs, [{read}], command=command)", source, logs)


class TestHostsExecutor(ExecutorSuite):
    @pytest.fixture(autouse=True)
    def _server(self, server: Sshd) -> None:
        self.server = server

    def executor(self, source: TrainerSource, logs: Path, *, command: tuple[str, ...] | None = None) -> Executor:
        host = self.server.host(source.cache)
        return HostsExecutor(source, logs, [host], Resources(gpus=()), command=command or noop_trainer.COMMAND)

    def controller_script(self, source: TrainerSource, logs: Path) -> str:
        return program(self.server.host(source.cache), source, logs)

    def test_a_trainer_whose_controller_keeps_silent_ends_itself(
        self, source: TrainerSource, place: Path, reader: Reader
    ) -> None:
        host = self.server.host(source.cache)
        executor = HostsExecutor(source, place / "logs", [host], command=noop_trainer.COMMAND, silence_s=0.5)
        with executor:
            slot = executor.start(0, reader.mailbox)
            slot.send(config(seed=SEEDS["hang"]))
            reader.event(slot, Started)
            assert reader.exit(slot).reason == "ended with status 75"

    def test_a_connection_that_is_lost_is_told_as_such(self, started: Executor, reader: Reader) -> None:
        """The server's own process for this connection is killed."""
        slot = started.start(0, reader.mailbox)
        ready = reader.event(slot, Ready)
        assert isinstance(ready, Ready)
        trainer = psutil.Process(ready.pid)
        for process in trainer.parents():
            if process.name().startswith("sshd"):
                process.kill()
                break
        end = reader.exit(slot)
        assert (end.status, end.reason, end.out_of_memory) == (255, "lost its connection", False)
        _, alive = psutil.wait_procs([trainer], timeout=PATIENCE_S)
        assert alive == [], "a trainer without a controller goes on"

    def test_code_of_ones_own_is_brought_once_whole(self, source: TrainerSource, place: Path, reader: Reader) -> None:
        code = place / "own code"
        (code / "weights").mkdir(parents=True)
        (code / "my_model.py").write_text("def build(): ...\n")
        (code / "weights" / "w.bin").write_bytes(b"\0\xff")
        host = self.server.host(source.cache)
        program = "import sys; print(sys.argv[sys.argv.index('--code') + 1])"
        command = (sys.executable, "-c", program)
        logs = place / "logs"
        with HostsExecutor(replace(source, code=code), logs, [host], Resources(gpus=()), command=command) as executor:
            for number in range(2):
                slot = executor.start(number, reader.mailbox)
                reader.exit(slot)
                there = Path(reader.lines[slot][0].decode())
                assert there.parent == source.cache / "code"
                assert (there / "my_model.py").read_text() == "def build(): ...\n"
                assert (there / "weights" / "w.bin").read_bytes() == b"\0\xff"
        assert [path.name for path in there.parent.glob("own-*")] == [there.name]
        assert not list(there.parent.glob(".own*")), "half of it is left"

    def test_a_slot_is_of_a_machine(self, started: Executor, reader: Reader) -> None:
        slot = started.start(1, reader.mailbox)
        assert (slot.where, slot.title) == ("lab1", "slot 1 on lab1")
        assert not started.shares_machine

    def test_models_and_environment_on_the_way(
        self, source: TrainerSource, place: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Keras's backend passes, what the user names, and the machine's own table; quotes and spaces stay."""
        monkeypatch.setenv("KERAS_BACKEND", "jax")
        monkeypatch.setenv("SEARCH_PASS_ENV", "NOTE")
        monkeypatch.setenv("NOTE", 'it\'s "two" $HOME `x` ;')
        monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "1")
        program = "import json, os, sys; print(json.dumps([dict(os.environ), sys.argv[1:]]))"
        host = self.server.host(source.cache, environment={"LAB": "a 'quoted' \\ value"})
        command = (sys.executable, "-c", program)
        with HostsExecutor(source, place / "logs", [host], Resources(threads=3, gpus=()), command=command) as executor:
            slot = executor.start(0, reader.mailbox)
            reader.exit(slot)
        environment, arguments = json.loads(reader.lines[slot][0])
        assert environment["KERAS_BACKEND"] == "jax"
        assert environment["NOTE"] == 'it\'s "two" $HOME `x` ;'
        assert "TF_NUM_INTEROP_THREADS" not in environment
        assert environment["KERAS_HOME"] == os.devnull
        assert environment["LAB"] == "a 'quoted' \\ value"
        assert (environment["OMP_NUM_THREADS"], environment["CUDA_VISIBLE_DEVICES"]) == ("3", "-1")
        assert environment["PYTHONPATH"] == f"{source.cache}/code/{code_fingerprint()}"
        assert arguments[arguments.index("--threads") + 1] == "3"


@pytest.mark.faults
class TestBehindAnotherPrefix(ExecutorSuite):
    """`env` stands in for `srun` and its like: a program that runs the words behind it, without a shell."""

    def executor(self, source: TrainerSource, logs: Path, *, command: tuple[str, ...] | None = None) -> Executor:
        host = prefixed(source)
        return HostsExecutor(source, logs, [host], Resources(gpus=()), command=command or noop_trainer.COMMAND)

    def controller_script(self, source: TrainerSource, logs: Path) -> str:
        return program(prefixed(source), source, logs)


def prefixed(source: TrainerSource) -> HostSettings:
    """This machine behind a prefix."""
    return HostSettings(name="node7", prefix=("env",), python=sys.executable, cache=str(source.cache))
