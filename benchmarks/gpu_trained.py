"""What trainers said that trained at once, and how fast they were together."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from trainer.events import Epoch, Event, Finished


@dataclass
class Trained:
    """What trainers said that trained at once.

    Attributes:
        images_per_s: of all together, in the epochs in which all were training.
        vram_peak_mib: of each, by its allocator.
        vram_process_mib: of each, by the driver.
        finished: of each.
        device: its name.
    """

    images_per_s: float | None
    vram_peak_mib: list[float | None]
    vram_process_mib: list[float | None]
    finished: list[Finished] = field(default_factory=list)
    device: str = ""

    def as_json(self) -> dict[str, Any]:
        """Without the events."""
        return {
            "images_per_s": self.images_per_s and round(self.images_per_s),
            "vram_peak_mib": self.vram_peak_mib,
            "vram_process_mib": self.vram_process_mib,
        }


Said = Sequence[tuple[float, Event]]  # by one trainer: when, and what


def images_per_second(trainers: Sequence[Said]) -> float | None:
    """Of all trainers together: of each the median of those epochs in which every one was training.

    An epoch counts that began after the first epoch of every trainer was over, and ended before any trainer had
    finished. None where a trainer has none.
    """
    counted = _together(trainers)
    return sum(map(statistics.median, counted)) if counted and all(counted) else None


def epochs_together(trainers: Sequence[Said]) -> int:
    """How many epochs count of the trainer that has the fewest."""
    return min(map(len, _together(trainers)), default=0)


def _together(trainers: Sequence[Said]) -> list[list[float]]:
    """Images/s of the epochs of each trainer that count; empty where one has not begun."""
    epochs = [[(at, event) for at, event in own if isinstance(event, Epoch)] for own in trainers]
    if not all(epochs):
        return []
    warm, cool = max(own[0][0] for own in epochs), min(own[-1][0] for own in epochs)
    return [
        [event.images_per_s for (begun, _), (end, event) in itertools.pairwise(own) if begun >= warm and end <= cool]
        for own in epochs
    ]
