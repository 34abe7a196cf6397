"""A Ray cluster: the one module that imports Ray, and only once a cluster is asked for, in the driver's process.

Checked with Ray 2.60. A threaded actor takes calls in any order, so that a relay has three concurrency groups of one
thread: each keeps the order of its calls.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from search.errors import ExecutorError
from search.executors.hosts import there
from search.executors.ray import relay
from search.executors.ray.relay import Launch, Relay, Said

INSTALL = "pip install 'ray>=2.60'"
PROBE_S = 10.0  # Ray itself tries for minutes to reach a head
SHARES = 10_000  # of a GPU: Ray counts resources in these units (FixedPoint in src/ray/common/scheduling/)
GROUPS = {"out": 1, "in": 1, "kill": 1}  # threads of a relay, by what its calls are for


class Lost(Exception):
    """A relay is gone, or its node, or the way to it. The message says what Ray says, in a line."""


@dataclass(frozen=True)
class Node:
    """A node that lives.

    Attributes:
        node_id: Ray's own.
        name: of the machine.
        cpus, gpus: that Ray deals out there, in all.
    """

    node_id: str
    name: str
    cpus: float
    gpus: float


class Actor:
    """A relay on a node, once Ray has found it a place. Its calls wait there until then."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def read(self) -> list[Said]:
        """Waits for what the trainer says.

        Raises:
            Lost: there will be no more.
        """
        import ray

        try:
            said: list[Said] = ray.get(self._handle.read.options(concurrency_group="out").remote())
        except Exception as error:  # Ray has a tree of them, and its connection raises others
            raise Lost(first_line(error)) from error
        return said

    def send(self, line: str) -> None:
        """Sends a line on, without waiting."""
        with contextlib.suppress(Exception):  # it is lost: `read` says so
            self._handle.send.options(concurrency_group="in").remote(line)

    def close(self) -> None:
        """Has the trainer's stdin closed, without waiting."""
        with contextlib.suppress(Exception):
            self._handle.close.options(concurrency_group="in").remote()

    def kill(self) -> None:
        """Has the trainer killed, without waiting."""
        with contextlib.suppress(Exception):
            self._handle.kill.options(concurrency_group="kill").remote()

    def end(self) -> None:
        """Ends the relay, or its wait for a place; its trainer ends by that. May take as long as the head does."""
        import ray

        with contextlib.suppress(Exception):
            ray.kill(self._handle)


class Cluster:
    """The connection to a cluster. Methods of one thread.

    Args:
        address: as `ray.init` takes it: `auto`, or HOST:PORT.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._relay: Any = None

    def connect(self) -> None:
        """Connects.

        Raises:
            ExecutorError: there is no such cluster.
        """
        import ray
        from ray import cloudpickle

        try:
            _probe(self.address)
            ray.init(address=self.address, log_to_driver=False, logging_level="ERROR")
        except Exception as error:
            raise ExecutorError(
                f"There is no Ray cluster at {self.address}: {first_line(error)}\nStart one here: ray start "
                "--head, and join it on other machines: ray start --address HOST:6379; or say where its head "
                "is: --ray-address HOST:6379"
            ) from None
        for module in (there, relay, sys.modules[__name__]):
            cloudpickle.register_pickle_by_value(module)
        self._relay = ray.remote(concurrency_groups=GROUPS, max_restarts=0, scheduling_strategy="SPREAD")(Relay)

    def nodes(self) -> list[Node]:
        """The nodes that are alive."""
        import ray

        found = []
        for node in ray.nodes():
            if node["Alive"]:
                has = node["Resources"]
                name = str(node["NodeManagerHostname"])
                found.append(Node(node["NodeID"], name, has.get("CPU", 0.0), has.get("GPU", 0.0)))
        return sorted(found, key=lambda node: (node.name, node.node_id))

    def look(self, nodes: Sequence[Node], asked: dict[str, Any], timeout_s: float) -> list[dict[str, Any]]:
        """What `there.look` finds on nodes, all at once.

        Raises:
            ExecutorError: one does not answer in so many seconds.
        """
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        task = ray.remote(num_cpus=0, max_retries=0)(there.look)
        at = [NodeAffinitySchedulingStrategy(node.node_id, soft=False) for node in nodes]
        try:
            waiting = [task.options(scheduling_strategy=place).remote(asked) for place in at]
            found: list[dict[str, Any]] = ray.get(waiting, timeout=timeout_s)
        except Exception as error:
            raise ExecutorError(
                f"A node of the Ray cluster does not answer: {first_line(error)}. `ray status` lists them"
            ) from None
        return found

    def keep(self, content: bytes) -> Any:
        """Puts bytes where every node finds them. Returns a reference for `start`."""
        import ray

        return ray.put(content)

    def start(self, launch: Launch, code: Any, own: Any, *, cpus: int, gpu_share: float) -> Actor:
        """Asks for a relay, without waiting until Ray has room for it.

        Args:
            launch: its trainer.
            code, own: references, or None.
            cpus: that Ray reserves.
            gpu_share: of a GPU that Ray reserves; 0: none.
        """
        asked = self._relay.options(num_cpus=cpus, num_gpus=ray_share(gpu_share))
        return Actor(asked.remote(launch, code, own, _own_gpus))

    def close(self) -> None:
        """Leaves the cluster."""
        import ray

        ray.shutdown()


def check_installed() -> None:
    """Whether Ray can be imported, without doing so.

    Raises:
        ExecutorError: it is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise ExecutorError(f"--executor ray: Ray is not installed. Install it: {INSTALL}")


def ray_share(share: float) -> float:
    """A share of a GPU that Ray can count: 1/6 would be rounded to 0.1667, and a sixth trainer not fit."""
    return math.floor(share * SHARES) / SHARES


def _own_gpus() -> list[str]:
    """On a node, within an actor: the GPUs that Ray dealt out to it."""
    import ray

    return [str(gpu) for gpu in ray.get_runtime_context().get_accelerator_ids().get("GPU", [])]


def first_line(error: BaseException) -> str:
    """What an error says, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")


def _probe(address: str) -> None:
    """Whether anything listens there.

    Raises:
        OSError: nothing does.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), PROBE_S).close()
