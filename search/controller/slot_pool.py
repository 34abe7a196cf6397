"""`SlotPool`: starts slots, starts them again, and ends those that keep silent."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from search.console.callbacks import View
from search.controller.mail import Mails, Restart
from search.controller.slots import Silence, SlotState
from search.errors import ExecutorError
from search.executors import Executor, Slot, SlotExit, log_tail
from trainer.events import PROTOCOL, Ready

STARTS = 3  # a slot that dies this often in a row before it is ready will not get better
RESTART_S, RESTART_PATIENCE_S = 1.0, 180.0  # between tries to start a slot again; a Docker engine is back in seconds


class SlotPool:
    """The slots of a run. It knows processes, and no trial but the one that each slot trains.

    Every method belongs to the controller's thread.

    Args:
        executor: starts them.
        mailbox: of the controller.
        view: is shown slots that come and go.
        hang_s: how long a slot that should say something may keep silent; None: for ever.
    """

    def __init__(self, executor: Executor, mailbox: Mails, view: View, hang_s: float | None) -> None:
        self._executor, self._mailbox, self._view = executor, mailbox, view
        self._slots: dict[Slot, SlotState] = {}
        self._silence = Silence(hang_s)
        self._failed_starts: Counter[int] = Counter()
        self._returning: set[int] = set()  # slots that could not be replaced, and are tried again
        self._stuck_since: float | None = None

    def __iter__(self) -> Iterator[SlotState]:
        return iter(list(self._slots.values()))

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def is_empty(self) -> bool:
        """Whether there is no slot, and none will come back."""
        return not self._slots and not self._returning

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

    def ready(self, state: SlotState, ready: Ready) -> None:
        """A slot introduces itself.

        Raises:
            ExecutorError: it is not what was asked for, and no other one of this executor will be.
        """
        if state.slot.has_gpu and ready.device != "gpu":
            raise ExecutorError(
                f"Slot {state.slot.number} was given a GPU, and {ready.backend} finds none. Is its part for CUDA "
                f"installed (GPU=yes make setup), and the driver new enough? The end of its log ({state.slot.log}):\n"
                f"{log_tail(state.slot.log)}\nOr train on the CPU: --gpus none"
            )
        if ready.protocol != PROTOCOL:
            raise ExecutorError(
                f"Slot {state.slot.number} speaks version {ready.protocol} of the trainer's protocol, this search "
                f"{PROTOCOL}: install both from one checkout."
            )
        self._failed_starts[state.slot.number] = 0
        state.ready = ready
        self._view.slot_ready(state.slot.number, ready)

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
        if state.ready is None and wanted:
            self._failed_starts[number] += 1
            if self._failed_starts[number] >= STARTS:
                raise ExecutorError(
                    f"Slot {number} {mail.reason} before it was ready, {STARTS} times in a row. The end of its log "
                    f"({mail.slot.log}):\n{log_tail(mail.slot.log)}"
                )
        return state, mail

    def replace(self, number: int, *, patient: bool) -> None:
        """Starts the next slot of this number; where that fails, `Restart` comes in a second.

        Args:
            number: of the slot that is gone.
            patient: whether slots of this run have trained, so that an engine that is restarted may be waited for.

        Raises:
            ExecutorError: it cannot be started, and has been tried for long enough.
        """
        self._returning.discard(number)
        now = time.monotonic()
        try:
            self.start(number)
            self._stuck_since = None
        except ExecutorError as error:
            if self._stuck_since is None:
                self._stuck_since = now
                self._view.say(f"{error} It is tried again for {RESTART_PATIENCE_S:g} s.")
            if not patient or now - self._stuck_since > RESTART_PATIENCE_S:
                raise
            self._returning.add(number)
            timer = threading.Timer(RESTART_S, self._mailbox.put, [Restart(number)])
            timer.daemon = True
            timer.start()

    def leave(self, number: int) -> None:
        """The slot that was to be tried again is no longer wanted."""
        self._returning.discard(number)

    def silence_s(self) -> float | None:
        """How long the controller may wait for mail before it looks at the slots; None: for ever."""
        return self._silence.wait_s(list(self))

    def end_silent(self) -> None:
        """No mail came for `silence_s`."""
        self._silence.end_silent(list(self))

    def kill(self) -> None:
        """Ends every slot now."""
        for slot in self._slots:
            slot.kill()
