"""What the controller knows of each slot, and how long a slot may keep silent."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from search.controller.queue import Graph, Waiting
from search.executors import Slot
from search.folder.journal import TrialJournal
from search.folder.record import TrialRecord
from trainer.events import Ready

AWAY_S = 5.0  # a wait that ends this late: the controller itself was stopped, and slots could not be heard


@dataclass
class Work:
    """A trial under way on a slot."""

    trial: Waiting
    journal: TrialJournal
    record: TrialRecord
    told_to_stop: bool = False


@dataclass
class SlotState:
    """One slot. Without `ready` it still starts; without `work` it is idle."""

    slot: Slot
    ready: Ready | None = None
    work: Work | None = None
    trained: int = 0
    leaving: bool = False
    graph: Graph = ()  # of the last trial
    heard_at: float = field(default_factory=time.monotonic)
    silent_s: float | None = None  # it was ended for having kept silent so long

    @property
    def busy(self) -> bool:
        """Whether it should say something soon."""
        return (self.ready is None or self.work is not None) and self.silent_s is None

    def begin(self, work: Work) -> None:
        """It is given a trial."""
        self.work, self.graph = work, work.record.config.graph()
        self.heard_at = time.monotonic()
        self.slot.send(work.record.config.model_dump_json())

    def stop_training(self) -> None:
        """The training is to end after its epoch."""
        if self.work is not None and not self.work.told_to_stop:
            self.slot.send(json.dumps({"stop": self.work.record.config.trial}))
            self.work.told_to_stop = True

    def retire(self) -> None:
        """It is to end once it is idle."""
        self.leaving = True
        self.slot.close()


class Silence:
    """Ends slots that should say something and do not.

    Args:
        limit_s: how long one may keep silent; None: for ever.
    """

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = limit_s

    def wait_s(self, slots: list[SlotState]) -> float | None:
        """How long the controller may wait for mail before it looks at these slots; None: for ever."""
        if self._limit_s is None:
            return None
        heard = [state.heard_at for state in slots if state.busy]
        return max(0.0, min(heard) + self._limit_s - time.monotonic()) if heard else None

    def end_silent(self, slots: list[SlotState]) -> None:
        """No mail came for `wait_s`."""
        if self._limit_s is None:
            return
        now = time.monotonic()
        busy = [state for state in slots if state.busy]
        if any(now - state.heard_at > self._limit_s + AWAY_S for state in busy):
            for state in busy:
                state.heard_at = now
            return
        for state in busy:
            if now - state.heard_at >= self._limit_s:
                state.silent_s = self._limit_s
                state.slot.kill()
