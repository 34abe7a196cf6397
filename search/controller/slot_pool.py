"""`SlotPool`: starts slots, starts them again, and ends those that keep silent."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from search.console.callbacks import View
from search.controller.equality import check_protocol, check_ready
from search.controller.mail import Mail, Mails, Restart
from search.controller.slots import Silence, SlotState, Work
from search.errors import ExecutorError, StorageError
from search.executors import Executor, Slot, SlotExit, SlotLine, log_tail
from trainer.events import Alive, Ready, TrialEvent, parse, protocol_of

STARTS = 3  # a slot that dies this often in a row before it is ready will not get better
RESTART_MOST_S = 30.0  # between tries to reach a machine that is away; each costs it and the network a connection
RESTART_S, RESTART_PATIENCE_S = 1.0, 180.0  # between tries to start a slot again; a Docker engine is back in seconds


class SlotPool:
    """The slots of a run. It knows processes, and no trial but the one that each slot trains.

    Every method belongs to the controller's thread.

    Args:
        executor: starts them.
        mailbox: of the controller.
        view: is shown slots that come and go.
        silence: how long slots may keep silent.

    Attributes:
        record: the file of the record of photographs, once it is known; slots on other machines are sent it.
    """

    def __init__(self, executor: Executor, mailbox: Mails, view: View, silence: Silence) -> None:
        self._executor, self._mailbox, self._view = executor, mailbox, view
        self._slots: dict[Slot, SlotState] = {}
        self._silence = silence
        self._failed_starts: Counter[int] = Counter()
        self._returning: set[int] = set()  # slots that could not be replaced, and are tried again
        self._stuck_since: float | None = None
        self._devices: dict[str, str] = {}  # kinds that were seen, and where first
        self.record: Path | None = None

    def __iter__(self) -> Iterator[SlotState]:
        return iter(list(self._slots.values()))

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def is_empty(self) -> bool:
        """Whether there is no slot, and none will come back."""
        return not self._slots and not self._returning

    @property
    def numbers(self) -> set[int]:
        """Of slots that are there, or will come back."""
        return {slot.number for slot in self._slots} | self._returning

    @property
    def idle(self) -> int:
        """How many wait for a trial, or will when they are ready."""
        return sum(state.work is None and not state.leaving for state in self)

    def get(self, slot: Slot) -> SlotState | None:
        """The state of a slot; None once it is gone."""
        return self._slots.get(slot)

    def start(self, number: int) -> None:
        """Starts a slot.

        Raises:
            ExecutorError: it cannot be started.
        """
        slot = self._executor.start(number, self._mailbox)
        self._slots[slot] = SlotState(slot)

    def hear(self, mail: SlotLine) -> tuple[SlotState, Work, TrialEvent] | None:
        """What a slot says of the trial that it trains; None where it says anything else, which is dealt with here.

        Raises:
            ExecutorError: it introduces itself, and is not what was asked for.
        """
        state = self._slots.get(mail.slot)
        if state is None:
            return None
        state.alive_at = time.monotonic()
        try:
            event = parse(mail.line)
        except ValidationError:
            check_protocol(mail.slot, protocol_of(mail.line))
            self._view.say(f"{mail.slot.title} wrote what is no event, ignored: {mail.line[:120]!r}")
            return None
        if isinstance(event, Alive):
            return None
        state.heard_at = state.alive_at
        if isinstance(event, Ready):
            self._ready(state, event)
            return None
        if state.work is None or event.trial != state.work.record.config.trial:
            self._view.say(f"{mail.slot.title} spoke of trial {event.trial!r}, which it does not train")
            return None
        return state, state.work, event

    def _ready(self, state: SlotState, ready: Ready) -> None:
        check_ready(state.slot, ready)
        number = state.slot.number
        self._failed_starts[number] = 0
        self._stuck_since = None
        state.ready = ready
        self._view.slot_ready(number, ready)
        if ready.device_name not in self._devices:
            self._devices[ready.device_name] = state.slot.title
            if len(self._devices) > 1:
                kinds = "; ".join(f"{where}: {device}" for device, where in self._devices.items())
                self._view.say(
                    f"Devices differ ({kinds}): levels of one seed are kept on devices of one kind where they can."
                )

    def introduce(self, state: SlotState) -> None:
        """Sends a slot on another machine what it needs before its first config.

        Raises:
            StorageError: the record of photographs cannot be read.
        """
        if self.record is None or self._executor.shares_machine or state.has_record:
            return
        try:
            text = self.record.read_text(encoding="utf-8")
        except OSError as error:
            raise StorageError(f"{self.record}: cannot be read: {error.strerror or error}") from None
        state.slot.send(json.dumps({"record": self.record.name, "text": text}))
        state.has_record = True

    def gone(self, mail: SlotExit, *, wanted: bool) -> tuple[SlotState, SlotExit] | None:
        """A slot has ended: its state, and its exit in words for people; None of one that is not known.

        Args:
            mail: its exit.
            wanted: whether slots are to train; one that dies before it is ready is a fault then.

        Raises:
            ExecutorError: it died before it was ready, and so did those before it.
        """
        state = self._slots.pop(mail.slot, None)
        if state is None:
            return None
        number = mail.slot.number
        self._view.slot_gone(number)
        if state.silent_s is not None:
            mail = replace(mail, reason=f"said nothing for {state.silent_s:g} s (--hang-s) and was ended")
        if state.lost_s is not None:
            mail = replace(mail, reason=f"gave no sign of life for {state.lost_s:g} s (--silence-s) and was given up")
        if state.ready is None and wanted and not state.leaving:
            self._failed_starts[number] += 1
            if self._may_come_back:
                if self._failed_starts[number] == 1:
                    why = f" ({last})" if (last := log_tail(mail.slot.log, 1)) else ""
                    end = f"{mail.slot.title} {mail.reason} before it was ready{why}"
                    self._view.say(f"{end}; it is tried again while others train")
            elif self._failed_starts[number] >= STARTS:
                raise ExecutorError(
                    f"Slot {number} {mail.reason} before it was ready, {STARTS} times in a row. The end of its log "
                    f"({mail.slot.log}):\n{log_tail(mail.slot.log)}"
                )
        return state, mail

    def replace(self, number: int, *, patient: bool) -> None:
        """Starts the next slot of this number; where that fails, or has failed, `Restart` comes after a while.

        Args:
            number: of the slot that is gone.
            patient: whether slots of this run have trained, so that an engine that is restarted, or a machine that was
                cut off, may be waited for.

        Raises:
            ExecutorError: it cannot be started, and has been tried for long enough.
        """
        is_its_turn = number in self._returning
        self._returning.discard(number)
        if self._failed_starts[number] and not is_its_turn and self._may_come_back:
            self._wait_for(number, patient)
            return
        now = time.monotonic()
        try:
            self.start(number)
            if self._executor.shares_machine:
                self._stuck_since = None
        except ExecutorError as error:
            if self._stuck_since is None:
                self._stuck_since = now
                self._view.say(f"{error} It is tried again for {RESTART_PATIENCE_S:g} s.")
            if not patient or now - self._stuck_since > RESTART_PATIENCE_S:
                raise
            self._later(number, RESTART_S)

    @property
    def _may_come_back(self) -> bool:
        """Whether a machine that does not answer is no reason to stop: it is another one, and slots have been ready."""
        return not self._executor.shares_machine and bool(self._devices)

    def _wait_for(self, number: int, patient: bool) -> None:
        """A slot of another machine ended before it was ready: it is tried again while others train."""
        now, failed = time.monotonic(), self._failed_starts[number]
        if any(state.ready for state in self):
            self._stuck_since = None
        elif self._stuck_since is None:
            self._stuck_since = now
        elif not patient or now - self._stuck_since > RESTART_PATIENCE_S:
            raise ExecutorError(
                f"No machine has answered for {RESTART_PATIENCE_S:g} s. Run the same command to go on when they are "
                f"back: {self._executor.who_answers()} says which are."
            )
        self._later(number, min(RESTART_S * 2 ** min(failed - 1, 10), RESTART_MOST_S))

    def _later(self, number: int, wait_s: float) -> None:
        self._returning.add(number)
        timer = threading.Timer(wait_s, self._mailbox.put, [Restart(number)])
        timer.daemon = True
        timer.start()

    def leave(self, number: int | None = None) -> None:
        """The slot that was to be tried again is no longer wanted; None: no such slot is."""
        self._returning &= set() if number is None else self._returning - {number}

    def next_mail(self, deadline: float | None) -> Mail | None:
        """The next mail; None where the deadline (of `time.monotonic`) has passed. Ends slots that keep silent."""
        while True:
            self._silence.beat(list(self))  # however much mail there is
            left = deadline - time.monotonic() if deadline is not None else -1.0
            idle = left > 0 and not all(state.busy for state in self)
            silence = self._silence.wait_s(list(self))
            try:
                return self._mailbox.get(timeout=left if idle and (silence is None or left < silence) else silence)
            except queue.Empty:
                if idle and deadline is not None and time.monotonic() > deadline:
                    return None
                self._silence.look(list(self))

    def kill(self) -> None:
        """Ends every slot now."""
        for slot in self._slots:
            slot.kill()
