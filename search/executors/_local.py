"""The `local` executor: a slot is a process on this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from search.errors import ExecutorError
from search.executors._base import Executor, Mailbox, Slot, SlotExit, SlotLine, TrainerSource
from search.executors._kernel import KernelKills

# TensorFlow frees and takes some hundred MB at every step. With memory kept, and in huge pages, a step on the CPU takes
# 5-10 % less time (benchmarks/); glibc alone reads this.
MALLOC = {
    "GLIBC_TUNABLES": (
        "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0"
        ":glibc.malloc.trim_threshold=100000000000:glibc.malloc.top_pad=268435456"
    ),
    "MALLOC_ARENA_MAX": "1",
}
GRACE_S = 5.0  # how long slots that were told to end may take; a trainer ends as soon as its stdin closes
SECRETS = ("SEARCH_", "MLFLOW_", "PGPASS", "AWS_")  # how the names of variables begin that no trainer is given


class LocalExecutor(Executor):
    """Slots as child processes.

    Args:
        source: what the slots train on.
        logs: the folder for what they write on stderr.
        threads: CPU threads of a slot. One by default, so that the numbers of a trial do not depend on how many slots
            train beside it; two slots of one thread are also faster than one of two.
        gpus: indexes of the GPUs to use, in turn; None: all that NVML knows; empty: the CPU.
        slots_per_gpu: how many share one.
        command: the trainer's command line; tests give another.
    """

    name: ClassVar[str] = "local"

    def __init__(
        self,
        source: TrainerSource,
        logs: Path,
        *,
        threads: int = 1,
        gpus: Sequence[int] | None = None,
        slots_per_gpu: int = 1,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._source, self._logs, self._threads = source, logs, threads
        self._gpus = list(visible_gpus() if gpus is None else gpus)
        self._slots_per_gpu = slots_per_gpu
        self._command = list(command or [sys.executable, "-m", "trainer"])
        self._environment = dict(environment or {})
        self._slots: list[_LocalSlot] = []
        self._kills = KernelKills()

    def check(self) -> str:
        if shutil.which(self._command[0]) is None:
            raise ExecutorError(f"The trainer cannot be started: {self._command[0]} is not there.")
        if self._gpus:
            return f"local processes on GPU {', '.join(str(gpu) for gpu in self._gpus)}"
        threads = "one thread" if self._threads == 1 else f"{self._threads} threads"
        return f"local processes on the CPU, {threads} each"

    def default_slots(self) -> int:
        if self._gpus:
            return len(self._gpus) * self._slots_per_gpu
        return max(1, min(available_cores() // self._threads, 8))  # each slot takes about 1.5 GB of memory

    def start(self, number: int, mailbox: Mailbox) -> Slot:
        source = self._source
        command = [*self._command, "--data", str(source.data), "--cache", str(source.cache)]
        command += ["--output", str(source.output), "--exit-with-stdin"]
        if not self._gpus:
            command += ["--threads", str(self._threads)]
        if source.skip_bad_files:
            command.append("--skip-bad-files")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(SECRETS)}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [_checkout(), environment.get("PYTHONPATH")]))
        environment["CUDA_VISIBLE_DEVICES"] = str(self._gpus[number % len(self._gpus)]) if self._gpus else "-1"
        environment.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # as NVML and nvidia-smi count; CUDA: fastest first
        if not self._gpus:
            environment |= {name: value for name, value in MALLOC.items() if name not in os.environ}
            environment.setdefault("OMP_NUM_THREADS", str(self._threads))
        environment |= self._environment
        self._slots = [slot for slot in self._slots if slot.alive]
        slot = _LocalSlot(number, command, environment, self._logs / f"slot-{number}.log", mailbox, self._kills)
        slot.has_gpu = bool(self._gpus)
        self._slots.append(slot)
        return slot

    def close(self) -> None:
        for slot in self._slots:
            slot.close()
        deadline = time.monotonic() + GRACE_S
        for slot in self._slots:
            slot.join(deadline)
        self._slots.clear()


class _LocalSlot(Slot):
    def __init__(
        self,
        number: int,
        command: list[str],
        environment: dict[str, str],
        log: Path,
        mailbox: Mailbox,
        kills: KernelKills,
    ) -> None:
        self.number, self.log, self._kills = number, log, kills
        self._killed = False
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with open(log, "ab") as stderr:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env=environment,
                    start_new_session=True,  # Ctrl-C is the controller's to handle
                )
        except OSError as error:
            raise ExecutorError(f"Slot {number} cannot be started: {error}") from None
        self._thread = threading.Thread(target=self._read, args=(mailbox,), name=f"slot-{number}", daemon=True)
        self._thread.start()

    def _read(self, mailbox: Mailbox) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            mailbox.put(SlotLine(self, line.rstrip(b"\n")))
        status = self._process.wait()
        self._process.stdout.close()
        self.close()
        by_kernel = status == -signal.SIGKILL and not self._killed
        reason = f"was ended by {signal_name(-status)}" if status < 0 else f"ended with status {status}"
        mailbox.put(SlotExit(self, status, reason, out_of_memory=by_kernel and self._kills.ended(self._process.pid)))

    def send(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it is gone, or was closed: its SlotExit is on the way
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def close(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def kill(self) -> None:
        self._killed = True
        if self._process.returncode is None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)  # with what it started

    @property
    def alive(self) -> bool:
        """Whether its exit is still to be told."""
        return self._thread.is_alive()

    def join(self, deadline: float) -> None:
        """Waits for its end; past the deadline, kills it."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self.alive:
            self.kill()
            self._thread.join()


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def visible_gpus() -> list[int]:
    """Indexes of this machine's NVIDIA GPUs, within CUDA_VISIBLE_DEVICES where it is set; none without a driver.

    Raises:
        ExecutorError: the variable names GPUs in another way than by index.
    """
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is not None:
        parts = [part.strip() for part in wanted.split(",")]
        named = [part for part in parts if part.startswith(("GPU-", "MIG-"))]
        if named:
            raise ExecutorError(
                f"CUDA_VISIBLE_DEVICES: found {named[0]}; allowed: indexes, as 0,2 (nvidia-smi lists them). Unset it, "
                "and name GPUs with --gpus"
            )
        return [int(part) for part in parts if part.isdigit()]
    try:
        import pynvml  # loads the driver's library

        pynvml.nvmlInit()
        try:
            return list(range(pynvml.nvmlDeviceGetCount()))
        finally:
            pynvml.nvmlShutdown()
    except Exception:  # no driver, no library, or a driver that refuses: no GPU for us
        return []


def _checkout() -> str:
    """The folder that holds the package `trainer`: slots may be started from anywhere."""
    return str(Path(__file__).resolve().parents[2])


def signal_name(number: int) -> str:
    """As `SIGKILL`."""
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
