"""What runs on a node of the cluster: owns a trainer as a child process, and carries its lines.

Ray sends this module by its value, with `hosts/there.py`: nodes have no package `search`. So it is written with the
standard library alone.
"""

from __future__ import annotations

import contextlib
import io
import os
import platform
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Literal

from search.executors.hosts.there import bring, unpack

READ_BYTES = 4 * 2**20  # what one answer to `read` holds, unless a line alone is longer: Ray copies each as a whole
STDERR_S = 2.0  # what a trainer started may hold its stderr open after its end

Said = tuple[Literal["machine", "line", "log", "exit"], Any]  # the machine's name, bytes, bytes, the status or a reason


@dataclass(frozen=True)
class Launch:
    """A trainer that is to be started on a node.

    Attributes:
        command: its command line. An empty word is the node's Python; `~/` is expanded there.
        environment: variables beside those that the node's own environment may pass on.
        kept: names of the variables that it may pass on: no secret that `ray start` was given is among them.
        cache: a folder on the node.
        code: the fingerprint of the package `trainer`, and its files as a tar.
        own: a name for the study's own files, and they as a tar; None: it has none.
        on_gpu: whether it has a GPU, or a share of one.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    kept: tuple[str, ...]
    cache: str
    code: str
    own: str | None
    on_gpu: bool


class Relay:
    """One trainer. Ray calls `read`, `send` with `close`, and `kill` each in a thread of its own.

    Args:
        launch: the trainer.
        code: the package `trainer`, as a compressed tar.
        own: the study's own files, as a compressed tar.
        gpus: gives the indexes of the GPUs that Ray dealt out to this actor.
    """

    def __init__(self, launch: Launch, code: bytes, own: bytes | None, gpus: Callable[[], list[str]]) -> None:
        self._said: queue.SimpleQueue[Said] = queue.SimpleQueue()
        self._said.put(("machine", platform.node()))
        try:
            self._process = self._started(launch, code, own, gpus() if launch.on_gpu else [])
        except OSError as error:
            self._said.put(("exit", f"cannot be started: {error}"))
            return
        threading.Thread(target=self._watch, daemon=True).start()

    def _started(self, launch: Launch, code: bytes, own: bytes | None, gpus: list[str]) -> subprocess.Popen[bytes]:
        folder = os.path.join(os.path.expanduser(launch.cache), "code")
        unpack(folder, launch.code, io.BytesIO(code))
        words = [_here(word) for word in launch.command]
        if launch.own and own is not None:
            target = os.path.join(folder, launch.own)
            bring(target, io.BytesIO(own))
            words += ["--code", target]
        environment = {name: os.environ[name] for name in launch.kept if name in os.environ} | launch.environment
        environment["PYTHONPATH"] = os.path.join(folder, launch.code)
        if launch.on_gpu:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
        pipe = subprocess.PIPE
        return subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True)

    def _watch(self) -> None:
        """Passes on what the trainer says, then its end."""
        process = self._process
        assert process.stdout is not None and process.stderr is not None
        errors = threading.Thread(target=self._copy_log, args=(process.stderr,), daemon=True)
        errors.start()
        for line in process.stdout:
            self._said.put(("line", line.rstrip(b"\n")))
        status = process.wait()
        errors.join(STDERR_S)
        self._said.put(("exit", status))

    def _copy_log(self, stderr: IO[bytes]) -> None:
        while data := os.read(stderr.fileno(), 1 << 16):
            self._said.put(("log", data))

    def read(self) -> list[Said]:
        """Waits until something was said, and gives all there is of it, in its order."""
        found = [self._said.get()]
        size = 0
        while size < READ_BYTES:
            kind, what = found[-1]
            size += len(what) if kind in ("line", "log") else 0
            try:
                found.append(self._said.get_nowait())
            except queue.Empty:
                break
        return found

    def send(self, line: str) -> None:
        """Writes a line to the trainer's stdin."""
        with contextlib.suppress(OSError, ValueError, AttributeError):  # it is gone, was closed, or never began
            assert self._process.stdin is not None
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """Closes the trainer's stdin, behind the lines that were sent."""
        with contextlib.suppress(OSError, AttributeError):
            assert self._process.stdin is not None
            self._process.stdin.close()

    def kill(self) -> None:
        """Ends the trainer now, with what it started."""
        with contextlib.suppress(OSError, AttributeError):
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)


def _here(word: str) -> str:
    """A word of a command on this node: its Python, a place in the home of its user, or as it stands."""
    if word.startswith("~/"):
        return os.path.expanduser(word)
    return word or sys.executable
