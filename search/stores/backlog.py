"""What a store is still to be told: one queue of items, in the order of their kinds and then of their coming."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from search.folder.record import TrialRecord

KEPT = 100  # trials that are over, in memory; the others that wait are read from their journals when their turn comes


@dataclass(frozen=True)
class Ended:
    """A trial that is over. `record` None: it stands in the trial's journal."""

    number: int
    record: TrialRecord | None = None


@dataclass(frozen=True)
class Job:
    """Something to do that is not about one trial."""

    do: Callable[[], None]


@dataclass(frozen=True)
class Live:
    """A trial under way, as far as it has to be told."""

    record: TrialRecord

    @property
    def number(self) -> int:
        """The trial's number."""
        return self.record.number


Item: TypeAlias = Ended | Job | Live


class Backlog:
    """Trials that are over come first, in the order of their ends; then jobs; then the trials under way, of which a
    newer record takes the place of an older one that waits.

    Threads: none of its own; whoever has it locks it.
    """

    def __init__(self) -> None:
        self.ended: OrderedDict[int, Ended] = OrderedDict()
        self.jobs: deque[Job] = deque()
        self.live: OrderedDict[int, Live] = OrderedDict()
        self._withdrawn: set[int] = set()

    def put(self, record: TrialRecord, *, in_journal: bool) -> None:
        """Where a trial stands now. `in_journal`: whether its end can be read there."""
        number = record.number
        self._withdrawn.discard(number)
        if record.terminal is None:
            self.live[number] = Live(record)
            return
        self.live.pop(number, None)
        keep = len(self.ended) < KEPT or not in_journal
        self.ended[number] = Ended(number, record if keep else None)

    def put_ended(self, number: int) -> None:
        """A trial whose end stands in its journal."""
        self.ended[number] = Ended(number)

    def withdraw(self, number: int) -> None:
        """Nothing more is to be told of where this trial stood."""
        self.live.pop(number, None)
        self._withdrawn.add(number)

    def take(self) -> Item:
        """The next item.

        Raises:
            LookupError: nothing waits.
        """
        if self.ended:
            return self.ended.popitem(last=False)[1]
        if self.jobs:
            return self.jobs.popleft()
        if self.live:
            return self.live.popitem(last=False)[1]
        raise LookupError("nothing waits")

    def put_back(self, item: Item) -> None:
        """An item that could not be told, in front; not where something newer took its place meanwhile."""
        match item:
            case Ended(number):
                if number not in self.ended:
                    self.ended[number] = item
                    self.ended.move_to_end(number, last=False)
            case Job():
                self.jobs.appendleft(item)
            case Live():
                number = item.number
                if not (number in self.ended or number in self.live or number in self._withdrawn):
                    self.live[number] = item
                    self.live.move_to_end(number, last=False)
