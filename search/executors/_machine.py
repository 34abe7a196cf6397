"""This machine: its cores, its GPUs, and how its processes end."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from search.errors import ExecutorError

MOST_SLOTS = 8  # on cores: each takes about 1.5 GB of memory
MOST_PER_GPU = 8  # where they are counted by measurement; more were not measured (benchmarks/gpu.py)


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def slots_of_cores(threads: int) -> int:
    """How many slots of so many threads suit the cores of this machine."""
    return max(1, min(available_cores() // threads, MOST_SLOTS))


def most_on_gpus(gpus: int, cores: int) -> int:
    """How many slots so many GPUs may come to have where what fits is measured: one a core, and one a GPU at least."""
    return max(gpus, min(gpus * MOST_PER_GPU, cores))


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


def free_vram_mib(gpus: Sequence[int]) -> list[float] | None:
    """What is free on each of these GPUs, MiB, as NVML has it; None where it does not say, and without a GPU."""
    if not gpus:
        return None
    try:
        import pynvml

        pynvml.nvmlInit()
        try:
            cards = [pynvml.nvmlDeviceGetHandleByIndex(gpu) for gpu in gpus]
            return [pynvml.nvmlDeviceGetMemoryInfo(card).free / 2**20 for card in cards]
        finally:
            pynvml.nvmlShutdown()
    except Exception:  # as in `visible_gpus`
        return None


def mps_is_on() -> bool:
    """Whether a daemon of NVIDIA MPS takes what processes of this machine ask of its GPUs.

    It keeps a control file in the folder that programs find it by (NVIDIA, "Multi-Process Service", chapter 4: the
    variable, and its default), and takes it away when it ends.
    """
    return Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps"), "control").exists()


def check_gpus(wanted: Sequence[int]) -> None:
    """Whether this machine has the GPUs that were asked for.

    Raises:
        ExecutorError: it lacks one.
    """
    there = visible_gpus()
    missing = [gpu for gpu in wanted if gpu not in there]
    if missing:
        found = f"GPU {', '.join(map(str, there))}" if there else "no GPU (try nvidia-smi)"
        raise ExecutorError(
            f"--gpus {','.join(map(str, wanted))}: NVIDIA's driver shows {found} on this machine; --gpus none "
            "trains on the CPU"
        )


def signal_name(number: int) -> str:
    """The name of a signal, as `SIGKILL`."""
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def reason_of(status: int) -> str:
    """How a process ended, in words that follow its name; a negative status is a signal's number."""
    return f"was ended by {signal_name(-status)}" if status < 0 else f"ended with status {status}"
