"""A slot of the docker executor: a container's pipe, read by a thread."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from pathlib import Path

from search.engine import STDOUT, Attached
from search.executors._base import Mailbox, Slot, SlotExit, SlotLine
from search.executors._machine import reason_of


class DockerSlot(Slot):
    """A slot whose trainer runs in a container."""

    def __init__(self, number: int, attached: Attached, log: Path, mailbox: Mailbox) -> None:
        self.number, self.log = number, log
        self._attached = attached
        self._killed = False
        self._thread = threading.Thread(target=self._read, args=(mailbox,), name=f"slot-{number}", daemon=True)
        self._thread.start()

    @property
    def container_id(self) -> str:
        """The id that Docker's engine gave the container."""
        return self._attached.container_id

    def _read(self, mailbox: Mailbox) -> None:
        lines = _Lines()
        try:
            with open(self.log, "ab", buffering=0) as log:
                for stream, data in self._attached.read():
                    if stream != STDOUT:
                        log.write(data)
                        continue
                    for line in lines.add(data):
                        mailbox.put(SlotLine(self, line))
        except OSError:  # the log cannot be written: nobody reads any more, so the slot ends
            self.kill()
        if rest := lines.rest():
            mailbox.put(SlotLine(self, rest))
        end = self._attached.ending()
        # Engines give 128 + n for an end by signal n, as shells do.
        status = end.status if end.status is None or end.status <= 128 else 128 - end.status
        reason = "was lost with the Docker engine" if status is None else reason_of(status)
        starved = end.out_of_memory and status == -signal.SIGKILL and not self._killed
        mailbox.put(SlotExit(self, status, reason, out_of_memory=starved))
        self._attached.gone()

    def send(self, line: str) -> None:
        with contextlib.suppress(OSError):  # it is gone: its SlotExit is on the way
            self._attached.send(line.encode() + b"\n")

    def close(self) -> None:
        self._attached.close_stdin()

    def kill(self) -> None:
        self._killed = True
        if self.alive:
            self._attached.kill()

    @property
    def alive(self) -> bool:
        """Whether its exit is still to be told, or its container to be removed."""
        return self._thread.is_alive()

    def join(self, deadline: float) -> None:
        """Waits for its end and removal, until the deadline."""
        self._thread.join(max(0.0, deadline - time.monotonic()))


class _Lines:
    """Cuts a stream into lines. Each byte is looked at once, also in a line of many megabytes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def add(self, data: bytes) -> list[bytes]:
        """The lines that end in this piece, without their ends."""
        first, *others = data.split(b"\n")
        self._parts.append(first)
        if not others:
            return []
        lines = [b"".join(self._parts), *others[:-1]]
        self._parts = [others[-1]]
        return lines

    def rest(self) -> bytes:
        """What came after the last end of a line."""
        return b"".join(self._parts)
