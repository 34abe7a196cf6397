"""What NVIDIA's driver counts for this process and has free on its card, asked through NVML. Imports no Keras.

NVML names processes by the ids of the machine, which a container does not know for its own. There the process of ours
is the one that appeared on the cards since the trainer began: exactly one, or there is no figure.
"""

from __future__ import annotations

import os
from typing import Any

MIB = 2**20
# Linux gives the first namespace of process ids this number (PROC_PID_INIT_INO in include/linux/proc_ns.h).
FIRST_NAMESPACE = "pid:[4026531836]"


class Driver:
    """NVML, for this process. To be made before anything is done on a GPU, where it may matter (in a container)."""

    def __init__(self) -> None:
        self._pid: int | None = None
        self._before: set[int] | None = None
        if not in_container():
            self._pid = os.getpid()
            return
        try:
            self._before = set(_memory_by_pid())
        except (
            Exception
        ):  # NVML has a class an error code, and the library itself may be missing; `process_mib` says so
            return

    def look(self) -> None:
        """Finds this process among those of a container's cards; cheap once it is found. Best soon after its context
        on the card is made: what starts on the same card meanwhile cannot be told from it.
        """
        if self._pid is None and self._before is not None:
            new = set(_memory_by_pid()) - self._before
            if len(new) == 1:
                self._pid = new.pop()
            elif new:
                self._before = None  # who is who will not be known later either

    def process_mib(self) -> float | None:
        """Its memory, context and cache included (the figure of `nvidia-smi`).

        Raises:
            LookupError: the driver does not know it, or not which process it is; says so.
            Exception: NVML's own.
        """
        if self._pid is None:
            self.look()
        used = _memory_by_pid()
        if self._pid is None:
            raise LookupError("NVML does not say which process of the machine is this one, in its container")
        if not used.get(self._pid):
            raise LookupError(f"NVML does not know process {self._pid}")
        return used[self._pid] / MIB


def free_bytes() -> int | None:
    """What is free on this process's first card, other people's processes considered; None where NVML does not say.

    The card is the first of `CUDA_VISIBLE_DEVICES`, an index in the order of the bus or a UUID; without it NVML's
    first, which in a container is the one that it was given.
    """
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0].strip()
    try:
        import pynvml

        pynvml.nvmlInit()
        try:
            by_index = first.isdigit()
            card: Any = (
                pynvml.nvmlDeviceGetHandleByIndex(int(first)) if by_index else pynvml.nvmlDeviceGetHandleByUUID(first)
            )
            return int(pynvml.nvmlDeviceGetMemoryInfo(card).free)
        finally:
            pynvml.nvmlShutdown()
    except Exception:  # NVML has a class an error code, and the library itself may be missing
        return None


def in_container() -> bool:
    """Whether process ids here are others than the machine's."""
    try:
        return os.readlink("/proc/self/ns/pid") != FIRST_NAMESPACE
    except OSError:  # no Linux
        return False


def _memory_by_pid() -> dict[int, int]:
    """Bytes on all cards, by process; 0 where the driver does not say."""
    import pynvml

    pynvml.nvmlInit()
    try:
        used: dict[int, int] = {}
        for index in range(pynvml.nvmlDeviceGetCount()):
            card: Any = pynvml.nvmlDeviceGetHandleByIndex(index)
            for process in pynvml.nvmlDeviceGetComputeRunningProcesses(card):
                used[process.pid] = used.get(process.pid, 0) + (process.usedGpuMemory or 0)
        return used
    finally:
        pynvml.nvmlShutdown()
