"""What trials say, made up, and trainers that go on together, for tests of how GPUs are filled."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from search.console.callbacks import Tally
from search.folder.record import TrialRecord
from tests.search.workshop import Noops, Watcher
from trainer.events import Epoch, Failed, Started, Stopped


def started() -> Started:
    return Started(trial="t", parameters=1, flops_per_image=1, images={}, photographs={}, traced=True)


def epoch(peak: float | None = None, images_per_s: float = 1.0) -> Epoch:
    figures = dict.fromkeys(("train_loss", "train_accuracy", "val_loss", "val_accuracy", "epoch_s"), 1.0)
    return Epoch(trial="t", epoch=1, images_per_s=images_per_s, vram_peak_mib=peak, **figures)


def stopped() -> Stopped:
    return Stopped(trial="t", epoch=1)


def lacking() -> Failed:
    return Failed(trial="t", kind="out_of_memory", message="made up")


class Together(Watcher):
    """No-op trainers wait after each epoch until each slot that was started has a trial.

    Args:
        executor: gives theirs, once it is there.
        speed: a file with the images/s that each tells.
        shared: whether what one trainer tells alone is all that the card can do.
        on_trial: as of `Watcher`.

    Attributes:
        settings: of no-op trainers.
    """

    def __init__(
        self,
        executor: Callable[[], Noops | None],
        speed: Path,
        shared: bool = False,
        on_trial: Callable[[TrialRecord], None] | None = None,
    ) -> None:
        super().__init__(on_trial)
        self.settings: dict[str, Any] = {"steps": True, "speed": str(speed)}
        self._executor, self._speed, self._shared = executor, speed, shared
        self._seen: set[int] = set()
        self._held: dict[int, TrialRecord] = {}
        self._tell()

    def trial(self, record: TrialRecord, tally: Tally) -> None:
        super().trial(record, tally)
        self._seen.add(record.slot)
        self._held.pop(record.slot, None)
        if record.terminal is None and record.epochs:
            self._held[record.slot] = record
        self._tell()
        executor = self._executor()
        assert executor is not None
        if self._seen == {slot.number for slot in executor.started}:
            for number, held in self._held.items():
                executor.slot(number).send(json.dumps({"step": held.config.trial}))
            self._held.clear()

    def _tell(self) -> None:
        """In one piece, as a trainer may read it at any time."""
        new = self._speed.with_suffix(".new")
        new.write_text(str(8000 / max(1, len(self._seen)) if self._shared else 8000))
        new.replace(self._speed)
