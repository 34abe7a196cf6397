"""What a slot is started with: its arguments and its environment, the same for every executor."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from search.executors._base import TrainerSource
from trainer.environment import FIXED, THREADS, passed_on, process_environment

# TensorFlow frees and takes some hundred MB at every step. With memory kept, and in huge pages, a step on the CPU takes
# 5-10 % less time (benchmarks/); glibc alone reads this.
MALLOC = {
    "GLIBC_TUNABLES": (
        "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0"
        ":glibc.malloc.trim_threshold=100000000000:glibc.malloc.top_pad=268435456"
    ),
    "MALLOC_ARENA_MAX": "1",
}
ALIVE_S = 5.0  # how often a trainer on another machine says that it lives: four times before it counts as lost
CONTROLLER_SILENCE_S = 60.0  # after which it ends itself; the controller says something every 10 s
THERE = ("KERAS_BACKEND", "NOOP_TRAINER")  # of this machine's variables, what a slot on another one is given: no path


def trainer_arguments(source: TrainerSource, threads: int | None, *, silence_s: float | None = None) -> list[str]:
    """The arguments of `python -m trainer`.

    Args:
        source: what the slot trains on; folders of its own machine.
        threads: CPU threads of the slot; None on a GPU, where they follow from the machine.
        silence_s: of a slot on another machine: after how many silent seconds of its controller it ends itself.
    """
    arguments = ["--data", str(source.data), "--cache", str(source.cache)]
    if silence_s is None:
        arguments += ["--output", str(source.output)]
    else:
        arguments += ["--send-models", "--alive-s", f"{ALIVE_S:g}", "--silence-s", f"{silence_s:g}"]
    arguments.append("--exit-with-stdin")
    if threads is not None:
        arguments += ["--threads", str(threads)]
    if source.skip_bad_files:
        arguments.append("--skip-bad-files")
    if source.code is not None:
        arguments += ["--code", str(source.code)]
    return arguments


def cpu_environment(threads: int) -> dict[str, str]:
    """The variables of a slot that trains on the CPU, with so many threads."""
    return {"CUDA_VISIBLE_DEVICES": "-1", **dict.fromkeys(THREADS, str(threads)), **MALLOC}


def environment_there(code: str, threads: int, gpu: int | None) -> dict[str, str]:
    """The variables of a slot on another machine, beside what that machine gives a login.

    Args:
        code: the folder there that holds the package `trainer`.
        threads: CPU threads of the slot.
        gpu: the index of its GPU, as nvidia-smi counts; None: the CPU.
    """
    environment = {name: os.environ[name] for name in THERE if name in os.environ} | passed_on() | FIXED
    environment |= {"PYTHONPATH": code, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return environment | (cpu_environment(threads) if gpu is None else {"CUDA_VISIBLE_DEVICES": str(gpu)})


def own_environment(also: Iterable[str] = ()) -> dict[str, str]:
    """The variables of a slot on this machine: built from a list, without secrets, this checkout to import from.

    Args:
        also: how the names of further variables begin that it may have.
    """
    environment = process_environment(also)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [_checkout(), environment.get("PYTHONPATH")]))
    return environment


def _checkout() -> str:
    """The folder that holds the package `trainer`: slots may be started from anywhere."""
    return str(Path(__file__).resolve().parents[2])
