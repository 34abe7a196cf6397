"""Tells a store of trials in the background, from their journals, and again where it did not answer."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from search.folder.record import TrialRecord
from search.stores.delivery_log import DeliveryLog

FIRST_RETRY_S, LAST_RETRY_S = 0.5, 10.0
KEPT = 100  # trials that are over, in memory; the others that wait are read from their journals when their turn comes

Work = TrialRecord | Callable[[], None]


class Outbox:
    """One thread that tells one store.

    First it tells of trials that are over, in the order of their ends; then come the jobs; then the trials under way,
    of which a newer record takes the place of an older one that waits. So a store that was away is told where things
    stand, not what it missed on the way.

    Threads: every method may be called by any, and only `drain` and `close` wait.

    Args:
        name: of the store, for people and for `told`.
        tell: called in the thread with a record, running or over; may raise.
        told: where it is noted that a trial that is over was told.
        read: the record of a trial that is over, from its journal.
        refused: exceptions that trying again will not mend.
        say: called with a sentence when the store stops or starts to answer.
        pause_s: the least time between two tellings of trials that still run.
        told_as: the store in `told`, where it may be another one some day; None: its name.
    """

    def __init__(
        self,
        name: str,
        tell: Callable[[TrialRecord], None],
        told: DeliveryLog,
        read: Callable[[int], TrialRecord | None],
        *,
        refused: tuple[type[Exception], ...] = (),
        say: Callable[[str], None] = print,
        pause_s: float = 1.0,
        told_as: str | None = None,
    ) -> None:
        self._told_as = told_as or name
        self.name, self._tell, self._told, self._read = name, tell, told, read
        self._refused, self._say, self._pause_s = refused, say, pause_s
        self._over: OrderedDict[int, TrialRecord | None] = OrderedDict()  # None: to be read
        self._jobs: deque[Callable[[], None]] = deque()
        self._live: OrderedDict[int, TrialRecord] = OrderedDict()
        self._withdrawn: set[int] = set()
        self._changed = threading.Condition()
        self._closing = False
        self._hurried = False
        self._in_hand: int | Work | None = None
        self._failures = 0
        self._next_live = 0.0
        self.lost: list[str] = []  # what the store refused
        self._thread = threading.Thread(target=self._run, name=f"outbox-{name}", daemon=True)
        self._thread.start()

    def put(self, record: TrialRecord, *, in_journal: bool = True) -> None:
        """Where a trial stands now. `in_journal`: whether its end can be read there."""
        with self._changed:
            self._withdrawn.discard(record.number)
            if record.terminal is None:
                self._live[record.number] = record
            else:
                self._live.pop(record.number, None)
                self._over[record.number] = record if len(self._over) < KEPT or not in_journal else None
            self._changed.notify_all()

    def catch_up(self, number: int) -> None:
        """The store may not know the end of this trial, which stands in its journal."""
        with self._changed:
            self._over[number] = None
            self._changed.notify_all()

    def knows(self, record: TrialRecord) -> bool:
        """Whether it is noted that the store was told of this attempt's end."""
        return self._told.knows(self._told_as, record)

    def withdraw(self, number: int) -> None:
        """Nothing more is to be told of where this trial stood."""
        with self._changed:
            self._live.pop(number, None)
            self._withdrawn.add(number)

    def later(self, job: Callable[[], None]) -> None:
        """Something to be done in the thread once all trials that are over are told, tried again like them."""
        with self._changed:
            self._jobs.append(job)
            self._changed.notify_all()

    @property
    def healthy(self) -> bool:
        """Whether the store answered last time."""
        return self._failures == 0

    @property
    def behind(self) -> int:
        """How many trials that are over it has not been told of."""
        with self._changed:
            return len(self._over) + self._tells_an_end()

    @property
    def has_jobs(self) -> bool:
        """Whether there is something else to tell it: what `later` was given."""
        with self._changed:
            return bool(self._jobs) or callable(self._in_hand)

    def holds(self, number: int) -> bool:
        """Whether it has still something to tell of this trial."""
        with self._changed:
            in_hand = self._in_hand.number if isinstance(self._in_hand, TrialRecord) else self._in_hand
            return number in self._over or number in self._live or number == in_hand

    def _tells_an_end(self) -> bool:
        in_hand = self._in_hand
        return isinstance(in_hand, int) or (isinstance(in_hand, TrialRecord) and in_hand.terminal is not None)

    def drain(self, timeout_s: float | None = None) -> bool:
        """Waits until everything is told, but for trials under way. Returns whether it is."""
        with self._changed:
            self._changed.wait_for(lambda: self._hurried or self._is_idle(), timeout_s)
            return self._is_idle()

    def _is_idle(self) -> bool:
        return not self._over and not self._jobs and self._in_hand is None

    def hurry(self) -> None:
        """Whoever waits in `drain` or `close` waits no longer. For signal handlers."""
        with self._changed:  # a lock that one thread may take twice
            self._hurried = True
            self._changed.notify_all()

    def close(self, timeout_s: float, away_s: float | None = None) -> int:
        """Tells what waits, and ends the thread. Returns how many trials were not told.

        Args:
            timeout_s: it gives up after so long without a trial told.
            away_s: the same, while the store does not answer; None: as long.
        """
        with self._changed:
            left, told_at = self.behind, time.monotonic()
            while not self._is_idle() and not self._hurried:
                patience = timeout_s if self.healthy or away_s is None else away_s
                rest = told_at + patience - time.monotonic()
                if rest <= 0:
                    break
                self._changed.wait(rest)
                if self.behind < left:
                    left, told_at = self.behind, time.monotonic()
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout=0.5 if self._hurried else 5)  # for what it has in hand
        return self.behind

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closing and not self._ready():
                    self._changed.wait(max(0.01, self._next_live - time.monotonic()) if self._live else None)
                if self._closing:
                    return
                work, put_back = self._take()
                self._in_hand = work
            done = self._do(work)
            with self._changed:
                self._in_hand = None
                if not done:
                    put_back()
                self._changed.notify_all()
                if not done:
                    pause = min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** min(self._failures - 1, 10))
                    self._changed.wait_for(lambda: self._closing, pause)

    def _ready(self) -> bool:
        return bool(self._over or self._jobs) or (bool(self._live) and time.monotonic() >= self._next_live)

    def _take(self) -> tuple[int | Work, Callable[[], None]]:
        """What is to be done next, and what puts it back where it was."""
        if self._over:
            number, over = self._over.popitem(last=False)

            def over_again() -> None:
                if number not in self._over:
                    self._over[number] = over
                    self._over.move_to_end(number, last=False)

            return number if over is None else over, over_again
        if self._jobs:
            job = self._jobs.popleft()
            return job, lambda: self._jobs.appendleft(job)
        if len(self._live) == 1:
            self._next_live = time.monotonic() + self._pause_s
        live = self._live.popitem(last=False)[1]

        def live_again() -> None:
            number = live.number
            if number not in self._over and number not in self._live and number not in self._withdrawn:
                self._live[number] = live
                self._live.move_to_end(number, last=False)

        return live, live_again

    def _do(self, work: int | Work) -> bool:
        """Whether it is done with, told or refused."""
        try:
            if isinstance(work, int):
                record = self._read(work)
                if record is not None:
                    self._tell_one(record)
            elif isinstance(work, TrialRecord):
                self._tell_one(work)
            else:
                work()
        except self._refused as error:
            what = f"trial {_number(work)}" if isinstance(work, int | TrialRecord) else "the study"
            self.lost.append(f"{what}: {error}")
            self._say(f"{self.name} refused {what}: {error}")
        except Exception as error:  # a store that is away says so in a hundred ways
            self._failures += 1
            if self._failures == 1 and not self._closing:
                self._say(f"{self.name} does not answer; the study goes on and tells it later ({_first_line(error)})")
            return False
        if self._failures:
            self._say(f"{self.name} answers again")
        self._failures = 0
        return True

    def _tell_one(self, record: TrialRecord) -> None:
        self._tell(record)
        if record.terminal is not None:
            # A full disk, or a run that ended meanwhile: then it is told again at the next start, the same.
            with contextlib.suppress(OSError, ValueError):
                self._told.add(self._told_as, record)


def _number(work: int | TrialRecord) -> int:
    return work if isinstance(work, int) else work.number


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
