"""A slot of the local executor: a child process, read by a thread."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from search.errors import ExecutorError
from search.executors._base import Mailbox, Slot, SlotExit, SlotLine
from search.executors._kernel import KernelKills
from search.executors._machine import reason_of


class LocalSlot(Slot):
    """A slot whose trainer is a process of this machine."""

    def __init__(
        self,
        number: int,
        command: list[str],
        environment: dict[str, str],
        log: Path,
        mailbox: Mailbox,
        kills: KernelKills,
    ) -> None:
        self.number, self.log, self._kills = number, log, kills
        self._killed = False
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with open(log, "ab") as stderr:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env=environment,
                    start_new_session=True,  # Ctrl-C is the controller's to handle
                )
        except OSError as error:
            raise ExecutorError(f"Slot {number} cannot be started: {error}") from None
        self._thread = threading.Thread(target=self._read, args=(mailbox,), name=f"slot-{number}", daemon=True)
        self._thread.start()

    def _read(self, mailbox: Mailbox) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            mailbox.put(SlotLine(self, line.rstrip(b"\n")))
        status = self._process.wait()
        self._process.stdout.close()
        self.close()
        mailbox.put(self._ending(status))

    def _ending(self, status: int) -> SlotExit:
        """What an end with this status means."""
        by_kernel = status == -signal.SIGKILL and not self._killed
        starved = by_kernel and self._kills.ended(self._process.pid)
        return SlotExit(self, status, reason_of(status), out_of_memory=starved)

    def send(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it is gone, or was closed: its SlotExit is on the way
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def close(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def kill(self) -> None:
        self._killed = True
        if self._process.returncode is None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)  # with what it started

    @property
    def alive(self) -> bool:
        """Whether its exit is still to be told."""
        return self._thread.is_alive()

    def join(self, deadline: float) -> None:
        """Waits for its end; past the deadline, kills it."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self.alive:
            self.kill()
            self._thread.join()
