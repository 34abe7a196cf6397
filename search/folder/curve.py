"""A trial's journal as pruners see it: its curve, counted from where the training starts to learn."""

from __future__ import annotations

from collections.abc import Sequence

from search.folder.record import TrialRecord
from search.study.objectives import OBJECTIVES
from search.study.pruners import Curve
from trainer.clock import first_below, last_start
from trainer.config import TrainConfig
from trainer.events import Epoch


def cap(config: TrainConfig) -> int:
    """The epoch after which a training that has not started is compared as it is, from its first epoch on.

    Where the clock is used, the one before the trainer ends it by itself. Else half of the epochs: trainings that start
    late stay behind at every distance from their start (measured, LOG.md), and would have less than half of them.
    """
    if config.epochs_after_start is not None:
        return max(1, last_start(config) - 1)
    return max(1, config.epochs // 2)


def start_so_far(record: TrialRecord) -> int | None:
    """The epoch in which a training left chance, at most `cap`; None where it has not by now. 0 of trainers of version
    0.1, which do not tell the loss at chance: their epochs count from the first.
    """
    chance = record.started.chance_loss if record.started else None
    if chance is None:
        return 0
    return first_below([epoch.train_loss for epoch in record.epochs[: cap(record.config)]], chance)


def planned_epochs(record: TrialRecord) -> int:
    """After how many epochs a training would end that nobody stops, as far as it is known; early stopping aside."""
    after, start = record.config.epochs_after_start, start_so_far(record)
    if after is None:
        return record.config.epochs
    return min(start, last_start(record.config)) + after if start else last_start(record.config)


def curve_of(record: TrialRecord, measure: str) -> Curve:
    """The curve of a trial so far.

    Args:
        record: of the trial, in any state.
        measure: that decides, a name of `DECIDING`.
    """
    config, epochs, start = record.config, record.epochs, start_so_far(record)
    length = config.epochs_after_start or config.epochs
    if start is None:
        start = 0 if len(epochs) >= cap(config) else len(epochs)
    return Curve(record.number, length, _values(epochs[start:], measure))


def _values(epochs: Sequence[Epoch], measure: str) -> tuple[float, ...]:
    by_epoch = OBJECTIVES[f"val_{measure}"].by_epoch
    found = [by_epoch(epoch) for epoch in epochs] if by_epoch else []
    return tuple(value for value in found if value is not None)
