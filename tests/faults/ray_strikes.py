"""What watches a study on a Ray cluster, strikes it at a moment that is known, and mends it again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from search.executors import Mailbox, RayExecutor, Resources, Slot, TrainerSource
from search.folder.record import TrialRecord
from tests.ray_nodes import RayNodes
from tests.search import noop_trainer
from tests.search.workshop import Watcher


class Remembering(RayExecutor):
    """No-op trainers that wait for each step; it remembers slots."""

    def __init__(self, source: TrainerSource, logs: Path, cluster: RayNodes, slots: int, silence_s: float) -> None:
        super().__init__(
            source,
            logs,
            Resources(slots=slots, gpus=()),
            address=cluster.head.head,
            cache=str(source.cache),
            command=noop_trainer.COMMAND,
            silence_s=silence_s,
        )
        self.started: dict[int, Slot] = {}

    def start(self, number: int, mailbox: Mailbox) -> Slot:
        slot = self.started[number] = super().start(number, mailbox)
        return slot


class Strike(Watcher):
    """The first two trainings go on; the next are held, struck, and held until a slot is back where one was lost.

    Args:
        cluster: that is struck.
        slots: so many are held before.
        strike: is called then.
        mend: is called in a thread once all losses were noticed.
        losses: so many are expected.
        on: the node that slots are lost on, or come to.

    Attributes:
        noticed_s: seconds from the strike until the last of the lost trials was put back.
        back_s: seconds from the mending until a training had begun on that node.
        ended_s: seconds from the strike until the trainers that were lost had ended.
    """

    def __init__(
        self,
        cluster: RayNodes,
        slots: int,
        strike: Callable[[], None],
        mend: Callable[[], None],
        losses: int = 1,
        on: int = 1,
    ) -> None:
        super().__init__()
        self.cluster, self.slots, self._strike, self._mend = cluster, slots, strike, mend
        self.losses, self.on = losses, on
        self.executor: Remembering | None = None
        self.over: set[int] = set()
        self.first: set[int] = set()  # trainings that are not held
        self.held: dict[int, TrialRecord] = {}
        self.lost: list[str] = []
        self.struck_at = self.mended_at = self.noticed_s = self.back_s = self.ended_s = 0.0
        self.threads: list[threading.Thread] = []
        self.machines: set[int] = set()

    def trial(self, record: TrialRecord, tally: object) -> None:
        super().trial(record, tally)  # type: ignore[arg-type]
        if record.terminal:
            self.over.add(record.number)
            return
        if not record.epochs:
            return
        where = self.cluster.where(record.ready.pid)
        self.machines.add(where)
        if self.back_s or len(self.first | {record.number}) <= 2:
            self.first.add(record.number)
            self._step(record)
            return
        self.held[record.slot] = record
        if not self.struck_at and len(self.held) == self.slots:
            self._begin()
        elif self.mended_at and where == self.on:
            self.back_s = time.monotonic() - self.mended_at
            for waiting in self.held.values():
                self._step(waiting)

    def _begin(self) -> None:
        victims = [
            psutil.Process(record.ready.pid)
            for record in self.held.values()
            if self.losses > 1 or self.cluster.where(record.ready.pid) == self.on
        ]
        self.struck_at = time.monotonic()
        self._strike()
        self._later(lambda: self._ended(victims))
        if not self.losses:
            self._mended()

    def _later(self, what: Callable[[], None]) -> None:
        self.threads.append(threading.Thread(target=what, daemon=True))
        self.threads[-1].start()

    def _ended(self, victims: list[psutil.Process]) -> None:
        psutil.wait_procs(victims)
        self.ended_s = time.monotonic() - self.struck_at

    def _mended(self) -> None:
        def mend() -> None:
            self._mend()
            self.mended_at = time.monotonic()

        self._later(mend)

    def _step(self, record: TrialRecord) -> None:
        assert self.executor is not None
        self.executor.started[record.slot].send(json.dumps({"step": record.config.trial}))

    def say(self, sentence: str) -> None:
        super().say(sentence)
        if "is trained again" not in sentence:
            return
        self.lost.append(sentence)
        self.held.pop(int(sentence.split()[1]), None)
        if len(self.lost) == self.losses:
            self.noticed_s = time.monotonic() - self.struck_at
            self._mended()

    def wait(self) -> None:
        """Until its threads are done."""
        for thread in self.threads:
            thread.join(300)
            assert not thread.is_alive()


class Straight(Strike):
    """Nothing is held, and nothing struck."""

    def __init__(self, cluster: RayNodes) -> None:
        super().__init__(cluster, 0, lambda: None, lambda: None)
        self.back_s = 1.0
