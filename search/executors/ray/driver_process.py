"""The process that is Ray's driver: does what the controller asks for over a pipe, and passes on what relays say.

Ray ends a driver's process after a minute without the head (`gcs_rpc_server_reconnect_timeout_s`). It must not be the
controller's, which would take no leave of its books, its screen and its user.

An order is `(number, method, arguments)`, its answer `(number, "done", value)` or `(number, "failed", why)`. A relay is
called by the number of the order that starts it, which has no answer: `(number, "said", lines)` is what it says, and
`(number, "lost", why)` its end.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from search.executors.ray.cluster import Actor, Cluster, Lost, first_line
from search.executors.ray.relay import Launch

SOON = ("send", "close", "kill")  # calls of actors that do not wait


class DriverProcess:
    """One driver, and the controller's end of the pipe.

    Args:
        pipe: to the controller.
        cluster: that it is asked about.
    """

    def __init__(self, pipe: Connection, cluster: Cluster) -> None:
        self._pipe, self._cluster = pipe, cluster
        self._writing = threading.Lock()
        self._orders: queue.SimpleQueue[tuple[int, str, tuple[Any, ...]]] = queue.SimpleQueue()
        self._kept: list[Any] = []
        self._actors: dict[int, Actor] = {}
        self._early: dict[int, list[tuple[str, tuple[Any, ...]]]] = {}  # calls of relays that are not started yet
        self._unwanted: set[int] = set()  # relays that were ended before they were started
        self._relays = threading.Lock()  # of the three above

    def run(self) -> None:
        """Does what is asked for, until the cluster is left. Ends the process where the controller is gone."""
        threading.Thread(target=self._receive, daemon=True).start()
        done: dict[str, Callable[..., Any]] = {
            "connect": self._cluster.connect,
            "nodes": self._cluster.nodes,
            "look": self._cluster.look,
            "keep": self._keep,
            "leave": self._cluster.close,
        }
        method = ""
        while method != "leave":
            number, method, arguments = self._orders.get()
            try:
                if method == "start":
                    self._start(number, *arguments)
                else:
                    self._say(number, "done", done[method](*arguments))
            except Exception as error:  # whatever Ray raises where its head is gone
                if method == "start":
                    self._say(number, "lost", first_line(error))
                else:
                    self._say(number, "failed", str(error))

    def _receive(self) -> None:
        try:
            while True:
                number, method, arguments = self._pipe.recv()
                if method == "end":
                    self._end(number)
                elif method in SOON:
                    self._call(number, method, arguments)
                else:
                    self._orders.put((number, method, arguments))
        except (EOFError, OSError):
            os._exit(0)  # the controller is gone: Ray ends its relays with this process, and they their trainers

    def _call(self, number: int, method: str, arguments: tuple[Any, ...]) -> None:
        with self._relays:
            if actor := self._actors.get(number):
                getattr(actor, method)(*arguments)
            else:
                self._early.setdefault(number, []).append((method, arguments))

    def _end(self, number: int) -> None:
        with self._relays:
            actor = self._actors.pop(number, None)
            self._early.pop(number, None)
            if actor is None:
                self._unwanted.add(number)
        if actor is not None:  # takes as long as the head does
            threading.Thread(target=actor.end, daemon=True).start()

    def _say(self, *what: Any) -> None:
        with self._writing:
            self._pipe.send(what)

    def _keep(self, content: bytes) -> int:
        self._kept.append(self._cluster.keep(content))
        return len(self._kept) - 1

    def _start(self, number: int, launch: Launch, code: int, own: int | None, cpus: int, gpu_share: float) -> None:
        kept = None if own is None else self._kept[own]
        actor = self._cluster.start(launch, self._kept[code], kept, cpus=cpus, gpu_share=gpu_share)
        with self._relays:
            self._actors[number] = actor
            for method, arguments in self._early.pop(number, []):
                getattr(actor, method)(*arguments)
            unwanted = number in self._unwanted
        if unwanted:
            self._end(number)
        else:
            threading.Thread(target=self._read, args=(number, actor), daemon=True).start()

    def _read(self, number: int, actor: Actor) -> None:
        try:
            while True:
                said = actor.read()
                self._say(number, "said", said)
                if said[-1][0] == "exit":
                    return
        except Lost as lost:
            self._say(number, "lost", str(lost))


def serve(descriptor: int, address: str) -> None:
    """Is the driver of the cluster at this address, for the controller at the other end of this pipe."""
    DriverProcess(Connection(descriptor), Cluster(address)).run()
