"""A slot on a node of a Ray cluster: an actor's answers, read by a thread."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from search.errors import ExecutorError
from search.executors._base import Mailbox, Slot, SlotExit, SlotLine
from search.executors._machine import reason_of
from search.executors.ray.cluster import Lost
from search.executors.ray.driver import RemoteActor

CLUSTER = "the Ray cluster"  # the place of a slot before Ray has found it one
KILL_S = 3.0  # a relay that was told to kill its trainer answers in milliseconds, one that was cut off never does


class RaySlot(Slot):
    """A slot whose trainer runs wherever Ray has room.

    Its exit is told once: by the relay; else when Ray says that the relay is gone; else, where it was to be killed and
    Ray does not say so in `KILL_S` seconds (a node that was cut off takes it a minute), by this machine.

    Args:
        number: of the slot.
        actor: its relay.
        log: the file here for what the trainer writes on stderr.
        mailbox: where its lines go.
        has_gpu: whether it was given a GPU, or a share of one.
        shared: whether others may be on the same GPU. Which one is not known here: those of a node count as one.
    """

    def __init__(
        self, number: int, actor: RemoteActor, log: Path, mailbox: Mailbox, *, has_gpu: bool, shared: bool = False
    ) -> None:
        self.number, self.log, self.where, self.has_gpu = number, log, CLUSTER, has_gpu
        self._actor, self._mailbox = actor, mailbox
        self._lock = threading.Lock()
        self._over = threading.Event()  # the exit was told
        self._shared = has_gpu and shared
        self.waits = True
        self._killing: threading.Thread | None = None
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            self._log = open(log, "ab", buffering=0)
        except OSError as error:
            raise ExecutorError(f"Slot {number} cannot be started: {error}") from None
        threading.Thread(target=self._read, name=f"slot-{number}", daemon=True).start()

    def send(self, line: str) -> None:
        self._actor.send(line)

    def close(self) -> None:
        self._actor.close()
        if self.waits:  # nothing of it runs yet, and Ray may have no room for long
            self.kill()

    def kill(self) -> None:
        with self._lock:
            if self._killing or self._over.is_set():
                return
            self._killing = threading.Thread(target=self._kill, name=f"slot-{self.number}-kill", daemon=True)
            self._killing.start()

    def _kill(self) -> None:
        if not self.waits:
            self._actor.kill()
            self._over.wait(KILL_S)
        if not self._over.is_set():
            self._tell(SlotExit(self, None, "was not started" if self.waits else "was given up"))
            self._actor.end()

    def _read(self) -> None:
        try:
            while not self._over.is_set():
                for kind, what in self._actor.read():
                    if kind == "exit":
                        told = isinstance(what, int)
                        self._tell(SlotExit(self, what if told else None, reason_of(what) if told else what))
                        self._actor.end()  # its CPUs are free for the next
                        return
                    self._take(kind, what)
        except Lost as lost:
            self._tell(SlotExit(self, None, f"was lost: {lost}"))
            self._actor.end()  # Ray may have lost the way to it alone, and its CPUs are for the next
        except OSError as error:  # the log cannot be written
            self._actor.end()
            self._tell(SlotExit(self, None, f"was ended, its log cannot be written: {error}"))

    def _take(self, kind: str, what: bytes | str) -> None:
        with self._lock:
            if self._over.is_set():
                return
            if isinstance(what, str):
                self.where, self.card = what, what if self._shared else ""
                self.waits = False
            elif kind == "log":
                self._log.write(what)
            else:
                self._mailbox.put(SlotLine(self, what))

    def _tell(self, end: SlotExit) -> None:
        with self._lock:
            if not self._over.is_set():
                self._log.close()
                self._mailbox.put(end)
                self._over.set()  # last: whoever waits for it finds the exit in the mailbox

    @property
    def alive(self) -> bool:
        """Whether its exit is still to be told."""
        return not self._over.is_set()

    def join(self, deadline: float) -> None:
        """Waits for its end; past the deadline, kills it."""
        if not self._over.wait(max(0.0, deadline - time.monotonic())):
            self.kill()
            self._over.wait()
        if self._killing:
            self._killing.join(KILL_S)
