"""A running container and the pipe to it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import docker
from docker.utils.socket import STDOUT, frames_iter

from search.engine.refusals import FAILURES

__all__ = ["STDOUT", "Attached", "Ending"]


class Ending(NamedTuple):
    """How a container ended. `status` is None where the engine was lost."""

    status: int | None
    out_of_memory: bool


class Attached:
    """A running container and the pipe to it. One thread reads; any may send, close and kill."""

    def __init__(self, api: docker.APIClient, container_id: str, pipe: Any, events: Any) -> None:
        self._api, self.container_id = api, container_id
        self._pipe, self._events = pipe, events  # `pipe` keeps its HTTP response, and that the socket
        self._socket: socket.socket = pipe._sock
        self._socket.settimeout(None)

    def read(self) -> Iterator[tuple[int, bytes]]:
        """What it writes, as (STDOUT or STDERR, bytes), until it has closed both."""
        with contextlib.suppress(OSError, ValueError):  # it is gone, or the pipe was closed
            yield from frames_iter(self._socket, tty=False)  # type: ignore[no-untyped-call]

    def send(self, data: bytes) -> None:
        """Writes to its stdin.

        Raises:
            OSError: it is gone.
        """
        self._socket.sendall(data)

    def close_stdin(self) -> None:
        """Closes the stdin of what runs in the container."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """Kills everything that runs in the container."""
        with contextlib.suppress(*FAILURES):  # it is gone
            self._api.kill(self.container_id)

    def ending(self) -> Ending:
        """Waits until the container has ended."""
        starved = False
        for event in self._heard():
            starved = starved or event.get("Action") == "oom"
            if event.get("Action") == "die":
                return Ending(int(event["Actor"]["Attributes"]["exitCode"]), starved)
        return Ending(None, starved)

    def gone(self) -> None:
        """Waits, after `ending`, until the engine has removed it."""
        for event in self._heard():
            if event.get("Action") == "destroy":
                break
        self.close()

    def close(self) -> None:
        """Lets go of the connections; what runs in the container reads the end of its stdin."""
        # The SDK's own `close` leaves the sockets to the garbage collector.
        for part in (self._pipe._response, self._socket, self._events._response):
            with contextlib.suppress(*FAILURES):
                part.close()

    def _heard(self) -> Iterator[dict[str, Any]]:
        with contextlib.suppress(*FAILURES):
            for event in self._events:  # noqa: UP028  `yield from` would close the stream with this generator
                yield event
