"""The local executor: the suite of all executors, and what is its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from search.errors import ExecutorError
from search.executors import Executor, LocalExecutor, TrainerSource
from search.executors._machine import available_cores, visible_gpus
from tests.search import noop_trainer
from tests.search.executors.conformance import ExecutorSuite, Reader, config, controller_program
from tests.search.noop_trainer import SEEDS
from trainer.events import Started


class TestLocalExecutor(ExecutorSuite):
    def executor(self, source: TrainerSource, logs: Path, *, command: tuple[str, ...] | None = None) -> Executor:
        return LocalExecutor(source, logs, gpus=[], command=command or noop_trainer.COMMAND)

    def controller_script(self, source: TrainerSource, logs: Path) -> str:
        return controller_program("LocalExecutor(source, logs, gpus=[], command=command)", source, logs)

    def test_the_executor_can_be_made_without_a_command(
        self, source: TrainerSource, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(place))
        executor = LocalExecutor(source, place / "logs", gpus=[])
        assert executor.check() == "local processes on the CPU, one thread each"
        assert LocalExecutor(source, place, threads=2, gpus=[]).check() == "local processes on the CPU, 2 threads each"
        assert LocalExecutor(source, place, gpus=[0, 3]).check() == "local processes on GPU 0, 3"

    def test_the_start_says_how_trainers_share_a_gpu(
        self, source: TrainerSource, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(place))
        shared = LocalExecutor(source, place, gpus=[0], slots_per_gpu=2)
        assert shared.check() == "local processes on GPU 0, in turns, as no daemon of NVIDIA MPS runs"
        (place / "control").touch()
        assert shared.check() == "local processes on GPU 0, by NVIDIA MPS"

    def test_slots_by_default(self, source: TrainerSource, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("search.executors._machine.available_cores", lambda: 6)

        def slots(threads: int = 1, gpus: list[int] | None = None, each: int = 1) -> int:
            return LocalExecutor(source, place, threads=threads, gpus=gpus or [], slots_per_gpu=each).default_slots()

        assert [slots(), slots(2), slots(12), slots(gpus=[0, 1]), slots(gpus=[0], each=3)] == [6, 3, 1, 2, 3]
        monkeypatch.setattr("search.executors._machine.available_cores", lambda: 64)
        assert slots() == 8

    def test_gpus_are_dealt_out_in_turn(self, source: TrainerSource, place: Path, reader: Reader) -> None:
        program = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])"
        seen = []
        with LocalExecutor(source, place, gpus=[1, 4], command=(sys.executable, "-c", program)) as executor:
            for number in range(3):
                slot = executor.start(number, reader.mailbox)
                reader.exit(slot)
                seen.append(reader.lines[slot])
        assert seen == [[b"1"], [b"4"], [b"1"]]

    def test_on_the_cpu_a_slot_sees_no_gpu(self, source: TrainerSource, place: Path, reader: Reader) -> None:
        program = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'], os.environ['OMP_NUM_THREADS'])"
        executor = LocalExecutor(source, place, threads=3, gpus=[], command=(sys.executable, "-c", program))
        with executor:
            slot = executor.start(0, reader.mailbox)
            reader.exit(slot)
        assert reader.lines[slot] == [b"-1 3"]

    def test_a_slot_is_told_nothing_of_the_shell_that_started_it(
        self, source: TrainerSource, place: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nor does it import a `trainer.py` of the current folder."""
        for name in ("KERAS_MAX_EPOCHS", "TF_XLA_FLAGS", "OMP_NUM_THREADS", "http_proxy", "LC_NUMERIC", "COLUMNS"):
            monkeypatch.setenv(name, "7")
        monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
        program = "import os; print(*sorted(f'{name}={value}' for name, value in os.environ.items()), sep='\\n')"
        with LocalExecutor(source, place, threads=2, gpus=[], command=(sys.executable, "-c", program)) as executor:
            slot = executor.start(0, reader.mailbox)
            reader.exit(slot)
        found = dict(line.decode().split("=", 1) for line in reader.lines[slot])
        assert (found["MPLBACKEND"], found["LC_ALL"], found["OMP_NUM_THREADS"]) == ("agg", "C.UTF-8", "2")
        assert not found.keys() & {"KERAS_MAX_EPOCHS", "TF_XLA_FLAGS", "http_proxy", "LC_NUMERIC", "COLUMNS"}
        assert "-P" in LocalExecutor(source, place)._command

    def test_gpus_within_cuda_visible_devices(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
        assert visible_gpus() == [2, 5]
        for none in ("", "-1"):
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
            assert visible_gpus() == []

    def test_cores_are_those_this_process_may_use(self) -> None:
        assert available_cores() == len(os.sched_getaffinity(0))

    def test_a_trainer_that_does_not_end_is_killed_with_what_it_started(
        self, source: TrainerSource, place: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("search.executors._ending.GRACE_S", 0.2)
        program = (
            "import subprocess, sys, time\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
            "print(child.pid, flush=True)\n"
            "time.sleep(600)\n"
        )
        with LocalExecutor(source, place, gpus=[], command=(sys.executable, "-c", program)) as executor:
            slot = executor.start(0, reader.mailbox)
            reader.until(lambda: slot in reader.lines)
            child = psutil.Process(int(reader.lines[slot][0]))
        assert reader.exit(slot).reason == "was ended by SIGKILL"
        psutil.wait_procs([child], timeout=30)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE

    def test_an_end_by_a_signal_without_a_name(self, source: TrainerSource, place: Path, reader: Reader) -> None:
        program = "import os, signal; os.kill(os.getpid(), signal.SIGRTMIN + 1)"
        with LocalExecutor(source, place, gpus=[], command=(sys.executable, "-c", program)) as executor:
            slot = executor.start(0, reader.mailbox)
            assert reader.exit(slot).reason == "was ended by signal 35"

    def test_the_kernel_that_ends_a_slot_for_its_memory_is_recognised(
        self, source: TrainerSource, place: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By its own log, which here is a made-up `dmesg`: what it writes of another process says nothing."""
        tools = place / "tools"
        tools.mkdir()
        dmesg = tools / "dmesg"
        monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
        found = []
        with self.executor(source, place / "logs") as executor:
            for mentioned in (True, False):
                slot = executor.start(0, reader.mailbox)
                slot.send(config(seed=SEEDS["until_stopped"]))
                reader.event(slot, Started)
                pid = reader.events(slot)[0].pid  # type: ignore[union-attr]
                dmesg.write_text(f"#!/bin/sh\necho '[1.0] Killed process {pid if mentioned else f'{pid}1'} (python)'\n")
                dmesg.chmod(0o755)
                os.kill(pid, 9)
                found.append(reader.exit(slot).out_of_memory)
        assert found == [True, False]

    def test_a_folder_of_logs_that_cannot_be_made(self, source: TrainerSource, place: Path, reader: Reader) -> None:
        (place / "logs").write_text("a file")
        with (
            self.executor(source, place / "logs") as executor,
            pytest.raises(ExecutorError, match="Slot 0 cannot be started: "),
        ):
            executor.start(0, reader.mailbox)

    def test_ended_slots_leave_no_open_files(self, source: TrainerSource, place: Path, reader: Reader) -> None:
        me = psutil.Process()
        with self.executor(source, place / "logs") as executor:
            before = None
            for _ in range(3):
                slot = executor.start(0, reader.mailbox)
                slot.send(config(seed=SEEDS["exit"]))
                reader.exit(slot)
                before = before or me.num_fds()
            assert me.num_fds() == before

    def test_the_real_trainer_is_the_default(self, source: TrainerSource, place: Path, reader: Reader) -> None:
        source.data.rmdir()
        with LocalExecutor(source, place / "logs", gpus=[]) as executor:
            slot = executor.start(0, reader.mailbox)
            assert reader.exit(slot).status == 2
        assert slot.log.read_text().startswith(f"{source.data}: no such folder")
