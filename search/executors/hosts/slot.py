"""A slot on another machine: a trainer there, at the end of a pipe that may be cut."""

from __future__ import annotations

import queue
import threading
from pathlib import Path

from search.executors._base import Mailbox, SlotExit, SlotLine
from search.executors._kernel import KernelKills
from search.executors._local_slot import LocalSlot
from search.executors._machine import reason_of
from search.executors.hosts.connection import LOST_STATUS

SIGNALS = 64  # on Linux


class _Heard:
    """Passes mail on, and knows whether the trainer has said anything."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self.anything = False

    def put(self, item: SlotLine | SlotExit, /) -> None:
        self.anything = self.anything or isinstance(item, SlotLine)
        self._mailbox.put(item)


class HostSlot(LocalSlot):
    """A slot whose trainer runs on another machine. What stands for it here is `ssh`, or another prefix.

    Lines are written by a thread: a connection that is cut takes no more, and the controller must not wait for it.

    Args:
        where: the machine's name.
        by_ssh: whether ssh carries the lines.
    """

    def __init__(
        self,
        number: int,
        command: list[str],
        environment: dict[str, str],
        log: Path,
        mailbox: Mailbox,
        *,
        where: str,
        by_ssh: bool,
    ) -> None:
        self.where, self._by_ssh = where, by_ssh
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._heard = _Heard(mailbox)
        super().__init__(number, command, environment, log, self._heard, KernelKills())
        threading.Thread(target=self._write, name=f"slot-{number}-out", daemon=True).start()

    def send(self, line: str) -> None:
        self._lines.put(line)

    def close(self) -> None:
        self._lines.put(None)
        if not self._heard.anything:  # a connection that is still being made would not notice
            self.kill()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            super().send(line)
        super().close()

    def _ending(self, status: int) -> SlotExit:
        if self._by_ssh and status == LOST_STATUS:
            return SlotExit(self, status, "lost its connection")
        # The shell there gives 128 + n for an end by signal n. Whether it was for memory is known there alone.
        told = 128 - status if 128 < status <= 128 + SIGNALS else status
        return SlotExit(self, told, reason_of(told))
