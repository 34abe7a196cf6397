"""What a user may say of a run, beside the study."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from search.controller.setup import SILENCE_S
from search.executors import Resources
from trainer.data import DataOptions
from trainer.outside import typed_line

# A trainer speaks at the end of each epoch: 5-20 s on the full set and two cores. The largest model that a study file
# allows takes some 30 times as long, and its first epoch a trace.
HANG_S = 1800.0


@dataclass
class Options:
    """What a user may say of a run.

    Attributes:
        data: the folder of images.
        slots: trainers at once; None: as many as suit the machine.
        threads: CPU threads of a slot.
        gpus: indexes of the GPUs to use; None: all; empty: the CPU.
        slots_per_gpu: how many share one; None: as many as fit, by measurement.
        timeout_s: no trial begins after so long.
        hang_s: a trainer that should say something, and says nothing for so long, is ended; None: never.
        silence_s: a trainer on another machine that gives no sign of life for so long is lost.
        fresh: a new study, beside the old one.
        images: how the folder of images is to be read.
        max_trials_per_slot: a slot is replaced after so many trials; None: never.
        quick: the study was cut short, and is named so.
        command: the command line.
        prior: whether a new search starts from what questions on the same images found.
        wait: waits until all slots that are wanted are free on this machine, in place of taking what is left.
    """

    data: Path
    slots: int | None = None
    threads: int = 1
    gpus: tuple[int, ...] | None = None
    slots_per_gpu: int | None = None
    timeout_s: float | None = None
    hang_s: float | None = HANG_S
    silence_s: float = SILENCE_S
    fresh: bool = False
    images: DataOptions = field(default_factory=DataOptions)
    max_trials_per_slot: int | None = None
    quick: bool = False
    command: str = field(default_factory=lambda: typed_line("search.run", sys.argv[1:]))
    wait: bool = False
    prior: bool = True

    @property
    def resources(self) -> Resources:
        """What slots may have."""
        return Resources(self.slots, self.threads, self.gpus, self.slots_per_gpu)
