"""Peak memory of the controller and of a slot, in a small real study: resident, as the kernel counts it (VmHWM)."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peer import LEVELS, SEARCH, project_run
from benchmarks.processes import BenchmarkError
from benchmarks.results import Measured


def measure(
    data: Path, *, repeat: int = 1, epochs: int = 2, seeds: int = 1, search: Sequence[str] = SEARCH
) -> Measured:
    """The pooling question with a seed a level.

    Raises:
        BenchmarkError: the study failed.
    """
    controllers, slots, decoders = [], [], []
    for _ in range(repeat):
        with tempfile.TemporaryDirectory(prefix="benchmark-memory-") as folder:
            ran = project_run(Path(folder), data, epochs, seeds, search, watch_memory=True)
        trainers = [peak for command, peak in ran.peaks if _is_trainer(command)]
        decoding = [peak for command, peak in ran.peaks if "decoding_process" in command]
        if not trainers:
            raise BenchmarkError(f"no trainer was seen among the processes: {ran.peaks}")
        controllers.append(ran.peaks[0][1])
        slots.append(max(trainers))
        decoders.append(max(decoding, default=0.0))
    measured = Measured("memory", f"peak resident memory, {len(LEVELS) * seeds} trials of {epochs} epochs")
    measured.add("controller", controllers, "MiB", below=400)
    measured.add("slot (the largest)", slots, "MiB")
    if statistics.median(decoders):
        measured.add("decoding process (the largest)", decoders, "MiB")
    return measured


def _is_trainer(command: str) -> bool:
    words = command.split()
    return "trainer" in words or any(word.endswith("noop_trainer.py") for word in words)
