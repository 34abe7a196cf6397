"""Ray's driver, seen from the controller: `driver_process.py` in a process of its own, and what it says.

Args and errors of the methods are those of `cluster.py`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import IO, Any

from search.errors import ExecutorError, SettingsError
from search.executors.ray.cluster import Lost, Node, check_installed
from search.executors.ray.relay import Launch, Said

PROGRAM = "import sys; from search.executors.ray.driver_process import serve; serve(int(sys.argv[1]), sys.argv[2])"
LOOK_S = 60.0  # a worker starts in a second or two, and imports nothing of ours
LEAVE_S = 10.0  # Ray leaves a cluster in a second
STAMP = re.compile(r"\[[^]]*\] (\(\w+\) )?\S+:\d+: ")  # before each line of Ray's own log: date, process, file


class _Failed(str):
    """Why the driver could not do what it was asked for."""


class RemoteActor:
    """A relay on a node. Its calls wait there until Ray has found it a place."""

    def __init__(self, driver: Driver, number: int) -> None:
        self._driver, self._number = driver, number
        self.said: queue.SimpleQueue[list[Said] | Lost] = queue.SimpleQueue()

    def read(self) -> list[Said]:
        """Waits for what the trainer says.

        Raises:
            Lost: there will be no more.
        """
        said = self.said.get()
        if isinstance(said, Lost):
            raise said
        return said

    def send(self, line: str) -> None:
        """Sends a line on, without waiting."""
        self._driver.call(self._number, "send", line)

    def close(self) -> None:
        """Has the trainer's stdin closed, without waiting."""
        self._driver.call(self._number, "close")

    def kill(self) -> None:
        """Has the trainer killed, without waiting."""
        self._driver.call(self._number, "kill")

    def end(self) -> None:
        """Ends the relay, or its wait for a place, without waiting; its trainer ends by that."""
        self._driver.forget(self._number)


class Driver:
    """A driver's process, and the connection to a cluster that it has.

    Args:
        address: as `ray.init` takes it: `auto`, or HOST:PORT.

    Attributes:
        lost: why it ended, where nobody asked it to.

    Raises:
        SettingsError: it is the address of Ray's client.
    """

    def __init__(self, address: str) -> None:
        if "://" in address:
            raise SettingsError(
                f"--ray-address {address}: allowed: auto, or HOST:PORT of the cluster's head. Run the search on a "
                "machine of the cluster; Ray's client (ray://) is not used"
            )
        self.address, self.lost = address, ""
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count()
        self._lock = threading.Lock()  # of the pipe's end for writing, and of who waits
        self._answers: dict[int, queue.SimpleQueue[Any]] = {}
        self._actors: dict[int, RemoteActor] = {}

    def connect(self) -> None:
        """Connects, unless that was done; another time where the driver was lost.

        Raises:
            ExecutorError: Ray is not installed, or there is no such cluster.
        """
        if self._process is not None and not self.lost:
            return
        check_installed()
        self.close()
        self._pipe, other = Pipe()
        self._errors: IO[bytes] = tempfile.TemporaryFile()
        root = str(Path(__file__).resolve().parents[3])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", PROGRAM, str(other.fileno()), self.address],
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                env=environment,
                pass_fds=[other.fileno()],
                start_new_session=True,  # Ctrl-C is for the controller
            )
        finally:
            other.close()
        self.lost = ""
        threading.Thread(target=self._read, args=(self._pipe, self._process), name="ray-driver", daemon=True).start()
        try:
            self._ask("connect")
        except ExecutorError:
            self.close()
            raise

    def nodes(self) -> list[Node]:
        """The nodes that are alive."""
        found: list[Node] = self._ask("nodes")
        return found

    def look(self, nodes: Sequence[Node], asked: dict[str, Any]) -> list[dict[str, Any]]:
        """What `there.look` finds on nodes, all at once."""
        found: list[dict[str, Any]] = self._ask("look", nodes, asked, LOOK_S)
        return found

    def keep(self, content: bytes) -> int:
        """Puts bytes where every node finds them. Returns a reference for `start`."""
        return int(self._ask("keep", content))

    def start(self, launch: Launch, code: int, own: int | None, *, cpus: int, gpu_share: float) -> RemoteActor:
        """Asks for a relay, without waiting: Ray may have no room for it, and a head that is lost answers nobody."""
        number = next(self._numbers)
        actor = RemoteActor(self, number)
        with self._lock:
            if self.lost:
                raise ExecutorError(self.lost)
            self._actors[number] = actor
        self.order(number, "start", launch, code, own, cpus, gpu_share)
        return actor

    def close(self) -> None:
        """Leaves the cluster. What relays there were are ended."""
        process, self._process = self._process, None
        if process is None:
            return
        if not self.lost:
            with contextlib.suppress(ExecutorError):
                self._ask("leave", timeout_s=LEAVE_S)
        self._pipe.close()
        try:
            process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._errors.close()

    def call(self, number: int, method: str, *arguments: Any) -> None:
        """Calls a relay that was not ended."""
        if number in self._actors:
            self.order(number, method, *arguments)

    def forget(self, number: int) -> None:
        """Ends a relay, of which nothing more is heard."""
        if actor := self._actors.pop(number, None):
            self.order(number, "end")
            actor.said.put(Lost("it was ended"))

    def order(self, number: int, method: str, *arguments: Any) -> None:
        """Asks for what is not answered."""
        with self._lock, contextlib.suppress(OSError):  # the driver is gone: whoever reads is told
            self._pipe.send((number, method, arguments))

    def _ask(self, method: str, *arguments: Any, timeout_s: float | None = None) -> Any:
        number = next(self._numbers)
        answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self._lock:
            if self.lost:
                raise ExecutorError(self.lost)
            self._answers[number] = answer
        self.order(number, method, *arguments)
        try:
            value = answer.get(timeout=timeout_s)
        except queue.Empty:
            raise ExecutorError("the driver does not answer") from None
        if isinstance(value, _Failed):
            raise ExecutorError(str(value))
        return value

    def _read(self, pipe: Connection, process: subprocess.Popen[bytes]) -> None:
        """Passes on what the driver says, until its end."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                number, kind, value = pipe.recv()
                if kind in ("done", "failed"):
                    self._answers.pop(number).put(value if kind == "done" else _Failed(value))
                elif actor := self._actors.get(number):
                    actor.said.put(Lost(value) if kind == "lost" else value)
        if process is self._process:
            status = process.wait()
            why = f"Ray's driver ended ({self._last_words() or f'status {status}'})"
        else:
            why = "the cluster was left"
        with self._lock:
            if process is self._process:
                self.lost = why
            answers, actors = list(self._answers.values()), list(self._actors.values())
            self._answers.clear()
            self._actors.clear()
        for answer in answers:
            answer.put(_Failed(why))
        for actor in actors:
            actor.said.put(Lost(why))

    def _last_words(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            self._errors.seek(0)
            lines = [STAMP.sub("", line) for line in self._errors.read().decode(errors="replace").splitlines()]
            return next((line.partition(". ")[0].rstrip(".") for line in reversed(lines) if line.strip()), "")
        return ""
