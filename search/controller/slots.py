"""What the controller knows of each slot, and how long a slot may keep silent."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from search.controller.models import IncomingModel
from search.controller.queue import Graph, Waiting
from search.executors import Slot
from search.folder.journal import TrialJournal
from search.folder.record import TrialRecord
from trainer.events import Ready

BEAT = json.dumps({"alive": True})
BEAT_S = 10.0  # how often slots on other machines are told so; they end after 60 s without
# Until a slot is ready: the import of TensorFlow from a cold network disk may keep Python's lock for a minute or two.
START_S = 180.0
# A graph leaves 0.9 MiB in TensorFlow 2.21 for as long as its process lives, when its gradients are forgotten
# (`trainer.backend.forget_gradients`). So many are 225 MiB, and a start of some seconds in so many traced trainings.
GRAPHS_PER_SLOT = 250
AWAY_S = 5.0  # a wait that ends this late: the controller itself was stopped, and slots could not be heard


@dataclass
class Work:
    """A trial under way on a slot."""

    trial: Waiting
    journal: TrialJournal
    record: TrialRecord
    told_to_stop: bool = False
    model: IncomingModel | None = None  # of a slot on another machine


@dataclass
class SlotState:
    """One slot. Without `ready` it still starts; without `work` it is idle."""

    slot: Slot
    ready: Ready | None = None
    work: Work | None = None
    trained: int = 0
    traced: int = 0  # trainings whose graph was new to it
    leaving: bool = False
    graph: Graph = ()  # of the last trial
    heard_at: float = field(default_factory=time.monotonic)  # an event
    alive_at: float = field(default_factory=time.monotonic)  # anything
    silent_s: float | None = None  # it was ended for having kept silent so long
    lost_s: float | None = None  # it was given up for having given no sign of life so long
    has_record: bool = False  # it was sent the record of photographs

    @property
    def busy(self) -> bool:
        """Whether it should say something soon."""
        return (self.ready is None or self.work is not None) and not self.is_given_up

    @property
    def is_given_up(self) -> bool:
        """Whether it was ended for its silence; its exit is on the way."""
        return self.silent_s is not None or self.lost_s is not None

    def is_used_up(self, trials: int | None, graphs: int | None) -> bool:
        """Whether it has trained as many trials, or traced as many graphs, as a slot may; None is no limit."""
        return (trials is not None and self.trained >= trials) or (graphs is not None and self.traced >= graphs)

    def begin(self, work: Work) -> None:
        """Notes the trial that the slot was given."""
        self.work, self.graph = work, work.record.config.graph()
        self.heard_at = time.monotonic()
        self.slot.send(work.record.config.model_dump_json())

    def stop_training(self) -> None:
        """The training is to end after its epoch."""
        if self.work is not None and not self.work.told_to_stop:
            self.slot.send(json.dumps({"stop": self.work.record.config.trial}))
            self.work.told_to_stop = True

    def retire(self) -> None:
        """Has the slot end as soon as it is idle."""
        self.leaving = True
        self.slot.close()


class Silence:
    """Ends slots that should say something and do not, and those on other machines that give no sign of life.

    Args:
        hang_s: how long one that trains or starts may keep silent, signs of life aside; None: for ever.
        lost_s: how long one on another machine may go without a sign of life, once it is ready.
    """

    def __init__(self, hang_s: float | None, lost_s: float) -> None:
        self._hang_s, self._lost_s = hang_s, lost_s
        self._beat_at = time.monotonic() + BEAT_S

    def wait_s(self, slots: list[SlotState]) -> float | None:
        """How long the controller may wait for mail before it looks at these slots; None: for ever."""
        ends = [end for state in slots for end in (self._hangs_at(state), self._lost_at(state)) if end is not None]
        if any(state.slot.where for state in slots):
            ends.append(self._beat_at)
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def look(self, slots: list[SlotState]) -> None:
        """No mail came for `wait_s`: ends slots that were silent too long."""
        now = time.monotonic()
        ends = [(state, self._hangs_at(state), self._lost_at(state)) for state in slots]
        if any(end is not None and now - end > AWAY_S for _, *both in ends for end in both):
            for state in slots:
                state.heard_at = state.alive_at = now
            ends = []
        for state, hangs_at, lost_at in ends:
            if hangs_at is not None and now >= hangs_at:
                state.silent_s = self._hang_s
                state.slot.kill()
            elif lost_at is not None and now >= lost_at:
                state.lost_s = max(self._lost_s, 0.0 if state.ready else START_S)
                state.slot.kill()

    def beat(self, slots: list[SlotState]) -> None:
        """Says to slots on other machines that the controller is there, where it is time to."""
        now = time.monotonic()
        if now >= self._beat_at:
            self._beat_at = now + BEAT_S
            for state in slots:
                if state.slot.where:
                    state.slot.send(BEAT)

    def _hangs_at(self, state: SlotState) -> float | None:
        if self._hang_s is None or not state.busy or self._waits(state):
            return None
        return state.heard_at + self._hang_s

    def _lost_at(self, state: SlotState) -> float | None:
        if not state.slot.where or state.is_given_up or self._waits(state):
            return None
        return state.alive_at + max(self._lost_s, 0.0 if state.ready else START_S)

    @staticmethod
    def _waits(state: SlotState) -> bool:
        """Whether it has no place yet, for however long; its times count from when it has."""
        if state.slot.waits:
            state.heard_at = state.alive_at = time.monotonic()
        return state.slot.waits
