"""The `local` executor: a slot is a process on this machine."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from search.errors import ExecutorError
from search.executors._base import Executor, Mailbox, Order, Slot, TrainerSource
from search.executors._command import cpu_environment, own_environment, trainer_arguments
from search.executors._ending import end_slots
from search.executors._kernel import KernelKills
from search.executors._leases import Capacity, Share
from search.executors._local_slot import LocalSlot
from search.executors._machine import (
    available_cores,
    check_gpus,
    free_vram_mib,
    most_on_gpus,
    mps_is_on,
    slots_of_cores,
    visible_gpus,
)


class LocalExecutor(Executor):
    """Slots as child processes.

    Args:
        source: what the slots train on.
        logs: the folder for what they write on stderr.
        threads: CPU threads of a slot. One by default, so that the numbers of a trial do not depend on how many slots
            train beside it; two slots of one thread are also faster than one of two.
        gpus: indexes of the GPUs to use, in turn; None: all that NVML knows; empty: the CPU.
        slots_per_gpu: how many share one; None: one at first, then as many as fit, which the controller measures.
        command: the trainer's command line; tests give another.
        must_see_gpus: whether the driver of this machine must know the GPUs.
    """

    name: ClassVar[str] = "local"

    def __init__(
        self,
        source: TrainerSource,
        logs: Path,
        *,
        threads: int = 1,
        gpus: Sequence[int] | None = None,
        slots_per_gpu: int | None = 1,
        command: Sequence[str] | None = None,
        must_see_gpus: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._source, self._logs, self._threads = source, logs, threads
        self._gpus = list(visible_gpus() if gpus is None else gpus)
        self._slots_per_gpu, self._must_see_gpus = slots_per_gpu, must_see_gpus
        self._command = list(command or [sys.executable, "-P", "-m", "trainer"])  # -P: not from the current folder
        self._environment = dict(environment or {})
        self._slots: list[LocalSlot] = []
        self._kills = KernelKills()

    @classmethod
    def of(cls, order: Order) -> LocalExecutor:
        wanted = order.resources
        return cls(
            order.source,
            order.logs,
            threads=wanted.threads,
            gpus=wanted.gpus,
            slots_per_gpu=wanted.slots_per_gpu,
            must_see_gpus=True,
        )

    def check(self) -> str:
        if shutil.which(self._command[0]) is None:
            raise ExecutorError(f"The trainer cannot be started: {self._command[0]} is not there.")
        if self._gpus:
            if self._must_see_gpus:
                check_gpus(self._gpus)
            return f"local processes on GPU {', '.join(str(gpu) for gpu in self._gpus)}{self._sharing()}"
        threads = "one thread" if self._threads == 1 else f"{self._threads} threads"
        return f"local processes on the CPU, {threads} each"

    def _sharing(self) -> str:
        """How trainers that share a GPU use it, to be said at the start."""
        fits = ", as many as fit on each" if self._measured_per_gpu is None else ""
        if mps_is_on():
            return f"{fits}, by NVIDIA MPS"
        alone = self._measured_per_gpu == 1
        return fits if alone else f"{fits}, in turns, as no daemon of NVIDIA MPS runs"

    @property
    def _measured_per_gpu(self) -> int | None:
        """`slots_per_gpu`; not None where it cannot be measured."""
        return self._slots_per_gpu or (1 if self.free_vram_mib() is None else None)

    @property
    def on_gpu(self) -> bool:
        return bool(self._gpus)

    def default_slots(self) -> int:
        if self._gpus:
            return len(self._gpus) * (self._slots_per_gpu or 1)
        return slots_of_cores(self._threads)

    def most_slots(self) -> int:
        if self._measured_per_gpu is None:
            return most_on_gpus(len(self._gpus), available_cores())
        return self.default_slots()

    def free_vram_mib(self) -> list[float] | None:
        return free_vram_mib(self._gpus)

    def capacity(self) -> Capacity:
        return Capacity(available_cores(), self._threads, tuple(self._gpus), self._measured_per_gpu)

    def take(self, share: Share) -> None:
        self._gpus = list(share.gpus)

    def start(self, number: int, mailbox: Mailbox) -> Slot:
        threads = None if self._gpus else self._threads
        command = [*self._command, *trainer_arguments(self._source, threads)]
        environment = own_environment()
        environment.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # as NVML and nvidia-smi count; CUDA: fastest first
        if self._gpus:
            environment["CUDA_VISIBLE_DEVICES"] = str(self._gpus[number % len(self._gpus)])
        else:
            environment |= cpu_environment(self._threads)
        environment |= self._environment
        self._slots = [slot for slot in self._slots if slot.alive]
        slot = LocalSlot(number, command, environment, self._logs / f"slot-{number}.log", mailbox, self._kills)
        slot.has_gpu = bool(self._gpus)
        slot.card = environment.get("CUDA_VISIBLE_DEVICES", "") if self._gpus else ""
        self._slots.append(slot)
        return slot

    def close(self) -> None:
        end_slots(self._slots)
        self._slots.clear()
