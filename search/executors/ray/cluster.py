"""A Ray cluster: the one module that imports Ray, and only once a cluster is asked for.

Checked with Ray 2.60. A threaded actor takes calls in any order, so that a relay has three concurrency groups of one
thread: each keeps the order of its calls.
"""

from __future__ import annotations

import contextlib
import math
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from search.errors import ExecutorError, SettingsError
from search.executors.hosts import there
from search.executors.ray import relay
from search.executors.ray.relay import Launch, Relay, Said

INSTALL = "pip install 'ray>=2.60'"
LOOK_S = 60.0  # a worker starts in a second or two, and imports nothing of ours
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
            raise Lost(_first_line(error)) from error
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

    Raises:
        SettingsError: it is the address of Ray's client.
    """

    def __init__(self, address: str) -> None:
        if "://" in address:
            raise SettingsError(
                f"--ray-address {address}: allowed: auto, or HOST:PORT of the cluster's head. Run the search on a "
                "machine of the cluster; Ray's client (ray://) is not used"
            )
        self.address = address
        self._is_ours = False
        self._relay: Any = None

    def connect(self) -> None:
        """Connects, unless this process is connected.

        Raises:
            ExecutorError: Ray is not installed, or there is no such cluster.
        """
        if self._relay is not None:
            return
        with _signals_kept():
            try:
                import ray
                from ray import cloudpickle
            except ImportError:
                raise ExecutorError(f"--executor ray: Ray is not installed. Install it: {INSTALL}") from None
            if not ray.is_initialized():
                try:
                    ray.init(address=self.address, log_to_driver=False, logging_level="ERROR")
                except Exception as error:
                    raise ExecutorError(
                        f"There is no Ray cluster at {self.address}: {_first_line(error)}\nStart one here: ray start "
                        "--head, and join it on other machines: ray start --address HOST:6379; or say where its head "
                        "is: --ray-address HOST:6379"
                    ) from None
                self._is_ours = True
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

    def look(self, nodes: Sequence[Node], asked: dict[str, Any]) -> list[dict[str, Any]]:
        """What `there.look` finds on nodes, all at once.

        Raises:
            ExecutorError: one does not answer.
        """
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        task = ray.remote(num_cpus=0, max_retries=0)(there.look)
        at = [NodeAffinitySchedulingStrategy(node.node_id, soft=False) for node in nodes]
        try:
            waiting = [task.options(scheduling_strategy=place).remote(asked) for place in at]
            found: list[dict[str, Any]] = ray.get(waiting, timeout=LOOK_S)
        except Exception as error:
            raise ExecutorError(
                f"A node of the Ray cluster does not answer: {_first_line(error)}. `ray status` lists them"
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
        """Leaves the cluster, if it was entered here."""
        if self._is_ours:
            import ray

            with _signals_kept():
                ray.shutdown()
        self._is_ours, self._relay = False, None


def ray_share(share: float) -> float:
    """A share of a GPU that Ray can count: 1/6 would be rounded to 0.1667, and a sixth trainer not fit."""
    return math.floor(share * SHARES) / SHARES


def _own_gpus() -> list[str]:
    """On a node, within an actor: the GPUs that Ray dealt out to it."""
    import ray

    return [str(gpu) for gpu in ray.get_runtime_context().get_accelerator_ids().get("GPU", [])]


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray sets a handler of SIGTERM that ends the process; this one's own puts its books in order first."""
    try:
        before = signal.getsignal(signal.SIGTERM)
        yield
    finally:
        with contextlib.suppress(ValueError, TypeError):  # not the main thread, where Ray sets none either
            signal.signal(signal.SIGTERM, before)
