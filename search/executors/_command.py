"""What a slot is started with: its arguments and its environment, the same for every executor."""

from __future__ import annotations

import os
from pathlib import Path

from search.executors._base import TrainerSource
from trainer.environment import THREADS, process_environment

# TensorFlow frees and takes some hundred MB at every step. With memory kept, and in huge pages, a step on the CPU takes
# 5-10 % less time (benchmarks/); glibc alone reads this.
MALLOC = {
    "GLIBC_TUNABLES": (
        "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0"
        ":glibc.malloc.trim_threshold=100000000000:glibc.malloc.top_pad=268435456"
    ),
    "MALLOC_ARENA_MAX": "1",
}


def trainer_arguments(source: TrainerSource, threads: int | None) -> list[str]:
    """The arguments of `python -m trainer`.

    Args:
        source: what the slot trains on.
        threads: CPU threads of the slot; None on a GPU, where they follow from the machine.
    """
    arguments = ["--data", str(source.data), "--cache", str(source.cache), "--output", str(source.output)]
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


def own_environment() -> dict[str, str]:
    """The variables of a slot on this machine: built from a list, without secrets, this checkout to import from."""
    environment = process_environment()
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [_checkout(), environment.get("PYTHONPATH")]))
    return environment


def _checkout() -> str:
    """The folder that holds the package `trainer`: slots may be started from anywhere."""
    return str(Path(__file__).resolve().parents[2])
