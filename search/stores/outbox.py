"""Tells a store of trials in the background, from their journals, and again where it did not answer."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable

from search.folder.record import TrialRecord
from search.stores.backlog import Backlog, Ended, Item, Job, Live
from search.stores.delivery_log import DeliveryLog

LOG = logging.getLogger(__name__)

FIRST_RETRY_S, LAST_RETRY_S = 0.5, 5.0  # a store that is back is believed within ten seconds, its answer included


class Outbox:
    """One thread that tells one store what is in its backlog.

    A store that was away is told where things stand, not what it missed on the way (`Backlog`).

    Threads: every method may be called by any, and only `drain` and `close` wait.

    Args:
        name: of the store, for people and for `told`.
        tell: called in the thread with a record, running or over; may raise.
        told: where it is noted that a trial that is over was told.
        read: the record of a trial that is over, from its journal.
        refused: what the store raises where it says no, and trying again will not help.
        bugs: what only a mistake of this program raises. It is logged with its traceback, and not tried again.
        say: called with a sentence when the store stops or starts to answer.
        pause_s: the least time between two tellings of trials that still run.
        told_as: the store in `told`, where it may be another one some day; None: its name.
        knock: whether there is somebody at the store's address, in a second or two; asked before a store that was away
            is told again, which may take its client half a minute to find out. None: nobody can say.
    """

    def __init__(
        self,
        name: str,
        tell: Callable[[TrialRecord], None],
        told: DeliveryLog,
        read: Callable[[int], TrialRecord | None],
        *,
        refused: tuple[type[Exception], ...] = (),
        bugs: tuple[type[Exception], ...] = (),
        say: Callable[[str], None] = print,
        pause_s: float = 1.0,
        told_as: str | None = None,
        knock: Callable[[], bool] | None = None,
    ) -> None:
        self._knock = knock
        self._told_as = told_as or name
        self.name, self._tell, self._told, self._read = name, tell, told, read
        self._refused, self._bugs, self._say, self._pause_s = refused, bugs, say, pause_s
        self.backlog = Backlog()
        self._changed = threading.Condition()
        self._closing = False
        self._hurried = False
        self._in_hand: Item | None = None
        self._failures = 0
        self._next_live = 0.0
        self.lost: list[str] = []  # what will not be told
        self._thread = threading.Thread(target=self._run, name=f"outbox-{name}", daemon=True)
        self._thread.start()

    def put(self, record: TrialRecord, *, in_journal: bool = True) -> None:
        """Where a trial stands now. `in_journal`: whether its end can be read there."""
        with self._changed:
            self.backlog.put(record, in_journal=in_journal)
            self._changed.notify_all()

    def catch_up(self, number: int) -> None:
        """The store may not know the end of this trial, which stands in its journal."""
        with self._changed:
            if not (isinstance(self._in_hand, Ended) and self._in_hand.number == number):
                self.backlog.put_ended(number)
            self._changed.notify_all()

    def knows(self, record: TrialRecord) -> bool:
        """Whether it is noted that the store was told of this attempt's end."""
        return self._told.knows(self._told_as, record)

    def withdraw(self, number: int) -> None:
        """Nothing more is to be told of where this trial stood."""
        with self._changed:
            self.backlog.withdraw(number)

    def later(self, job: Callable[[], None]) -> None:
        """Something to be done in the thread once all trials that are over are told, tried again like them."""
        with self._changed:
            self.backlog.jobs.append(Job(job))
            self._changed.notify_all()

    @property
    def healthy(self) -> bool:
        """Whether the store answered last time."""
        return self._failures == 0

    @property
    def behind(self) -> int:
        """How many trials that are over it has not been told of."""
        with self._changed:
            return len(self.backlog.ended) + self._tells_an_end()

    @property
    def has_jobs(self) -> bool:
        """Whether there is something else to tell it: what `later` was given."""
        with self._changed:
            return bool(self.backlog.jobs) or isinstance(self._in_hand, Job)

    def _tells_an_end(self) -> bool:
        return isinstance(self._in_hand, Ended)

    def drain(self, timeout_s: float | None = None) -> bool:
        """Waits until everything is told, but for trials under way. Returns whether it is."""
        with self._changed:
            self._changed.wait_for(lambda: self._hurried or self._is_idle(), timeout_s)
            return self._is_idle()

    def _is_idle(self) -> bool:
        return not self.backlog.ended and not self.backlog.jobs and self._in_hand is None

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
                    left_s = max(0.01, self._next_live - time.monotonic())
                    self._changed.wait(left_s if self.backlog.live else None)
                if self._closing:
                    return
                self._in_hand = item = self.backlog.take()
                if isinstance(item, Live) and not self.backlog.live:
                    self._next_live = time.monotonic() + self._pause_s
            done = self._do(item)
            with self._changed:
                self._in_hand = None
                if not done:
                    self.backlog.put_back(item)
                self._changed.notify_all()
                if not done:
                    pause = min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** min(self._failures - 1, 10))
                    self._changed.wait_for(lambda: self._closing, pause)

    def _ready(self) -> bool:
        waits = self.backlog
        return bool(waits.ended or waits.jobs) or (bool(waits.live) and time.monotonic() >= self._next_live)

    def _do(self, item: Item) -> bool:
        """Whether it is done with: told, or never to be told."""
        try:
            if self._failures and self._knock and not self._knock():
                raise ConnectionError("nobody is at its address")
            self._tell_item(item)
        except self._refused as error:
            self._lose(item, f"{self.name} refused {_shown(item)}: {error}", str(error))
            LOG.warning("%s refused %s", self.name, _shown(item), exc_info=True)
        except self._bugs as error:
            found = _first_line(error)
            self._lose(
                item,
                f"{self.name} was not told of {_shown(item)}, by a mistake of this program ({found}); please report it "
                "with its traceback, which is in the study's controller.log",
                f"a mistake of this program: {found}",
            )
            LOG.exception("a mistake of this program: %s was not told of %s", self.name, _shown(item))
        except Exception as error:  # a store that is away says so in a hundred ways
            self._failures += 1
            LOG.info("%s was not told of %s", self.name, _shown(item), exc_info=self._failures == 1)
            if self._failures == 1 and not self._closing:
                self._say(f"{self.name} does not answer; the study goes on and tells it later ({_first_line(error)})")
            return False
        if self._failures:
            self._say(f"{self.name} answers again")
        self._failures = 0
        return True

    def _lose(self, item: Item, sentence: str, why: str) -> None:
        again = any(lost.endswith(f": {why}") for lost in self.lost)
        self.lost.append(f"{_shown(item)}: {why}")
        if not again:  # of a study that was deleted each trial is refused alike
            self._say(sentence)

    def _tell_item(self, item: Item) -> None:
        match item:
            case Job(do):
                do()
            case Ended(number, record):
                record = record or self._read(number)
                if record is not None:
                    self._tell(record)
                    self._note(record)
            case Live(record):
                self._tell(record)

    def _note(self, record: TrialRecord) -> None:
        # A full disk, or a run that ended meanwhile: then it is told again at the next start, the same.
        with contextlib.suppress(OSError, ValueError):
            self._told.add(self._told_as, record)


def _shown(item: Item) -> str:
    return "the study" if isinstance(item, Job) else f"trial {item.number}"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
