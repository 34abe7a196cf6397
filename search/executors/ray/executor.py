"""The `ray` executor: a slot is a trainer on a node of a Ray cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from search.errors import ExecutorError, SettingsError
from search.executors._base import Executor, Mailbox, Order, Resources, Slot, TrainerSource
from search.executors._command import CONTROLLER_SILENCE_S, THERE, environment_there, trainer_arguments
from search.executors._ending import end_slots
from search.executors._host_settings import CACHE
from search.executors._machine import MOST_SLOTS
from search.executors.hosts.code import code_as_tar, own_code_as_tar
from search.executors.hosts.executor import unequal
from search.executors.hosts.look import Found, refuse
from search.executors.ray.cluster import Node
from search.executors.ray.driver import Driver
from search.executors.ray.look import data_on_nodes, look_at_nodes
from search.executors.ray.relay import Launch
from search.executors.ray.slot import RaySlot
from trainer.environment import KEPT
from trainer.fingerprint import code_fingerprint


class RayExecutor(Executor):
    """Slots as actors of a cluster, each with a trainer as its child; Ray finds the node for each.

    Args:
        source: what the slots train on: folders of this machine. Images are at the same path on every node.
        logs: the folder here for what they write on stderr.
        resources: what slots may have. `gpus` cannot name some: Ray deals them out.
        address: of the cluster, as `ray.init` takes it.
        cache: the folder on a node for decoded images and the trainer's code.
        command: the trainer's command line there; None: `python -m trainer`. Tests give another.
        silence_s: after how many silent seconds of the controller a trainer ends itself.
    """

    name: ClassVar[str] = "ray"
    shares_machine: ClassVar[bool] = False

    def __init__(
        self,
        source: TrainerSource,
        logs: Path,
        resources: Resources | None = None,
        *,
        address: str = "auto",
        cache: str = CACHE,
        command: Sequence[str] | None = None,
        silence_s: float = CONTROLLER_SILENCE_S,
    ) -> None:
        self._source, self._logs, self._resources, self._cache = source, logs, resources or Resources(), cache
        self._command = tuple(command or ("", "-m", "trainer"))
        self._program = command[0] if command else None
        self._silence_s = silence_s
        if self._resources.gpus:
            raise SettingsError(
                f"--gpus {','.join(map(str, self._resources.gpus))}: with --executor ray allowed are all and none; Ray "
                "deals the GPUs of its nodes out"
            )
        self._cluster = Driver(address)
        self._gone = ""
        self._nodes: list[Node] = []
        self._found: list[Found] = []
        self._code: Any = None
        self._own: tuple[str, Any] | None = None
        self._slots: list[RaySlot] = []

    @classmethod
    def of(cls, order: Order) -> RayExecutor:
        return cls(order.source, order.logs, order.resources, address=order.ray_address)

    def who_answers(self) -> str:
        return "ray status"

    def check(self) -> str:
        self._look()
        kinds = Counter(_devices(found) if self.on_gpu else found.processor for found in self._found)
        nodes = ", ".join(f"{count} x {kind}" if count > 1 else kind for kind, count in kinds.items())
        data = data_on_nodes(self._source)
        words = "the demo images, drawn on each node" if data == "demo" else f"{data} of each node"
        room, wanted = self.default_slots(), self._resources.slots
        parts = [f"the Ray cluster at {self._cluster.address}: room for {room} slots on {nodes}; images: {words}"]
        if wanted is not None and wanted > room:
            parts.append(f"{wanted - room} of {wanted} slots wait until the cluster has room")
        gpus = [list(range(len(found.gpus))) if self.on_gpu else [] for found in self._found]
        return "; ".join([*parts, *unequal(self._found, gpus)])

    @property
    def on_gpu(self) -> bool:
        self._look()
        return self._uses_gpus

    @property
    def _uses_gpus(self) -> bool:
        return self._resources.gpus is None and any(node.gpus for node in self._nodes)

    def default_slots(self) -> int:
        self._look()
        return sum(self._room(node) for node in self._nodes)

    def _room(self, node: Node) -> int:
        """How many slots a node has room for."""
        by_cpus = int(node.cpus // self._resources.threads)
        if self._uses_gpus:
            return min(by_cpus, int(node.gpus) * self._resources.per_gpu)
        return min(by_cpus, MOST_SLOTS)

    def start(self, number: int, mailbox: Mailbox) -> Slot:
        self._look_again()
        self._keep_own_code()
        on_gpu, threads = self._uses_gpus, self._resources.threads
        launch = Launch(
            command=(*self._command, *self._arguments(None if on_gpu else threads)),
            environment=environment_there("", threads, 0 if on_gpu else None),  # the relay says which GPU
            kept=tuple(name for name in KEPT if name not in THERE),
            cache=self._cache,
            code=code_fingerprint(),
            own=self._own[0] if self._own else None,
            on_gpu=on_gpu,
        )
        share = self._resources.gpu_share if on_gpu else 0.0
        own = self._own[1] if self._own else None
        self._slots = [slot for slot in self._slots if slot.alive]
        try:
            actor = self._cluster.start(launch, self._code, own, cpus=threads, gpu_share=share)
        except ExecutorError as error:
            raise ExecutorError(f"Slot {number} cannot be started: {error}") from None
        slot = RaySlot(number, actor, self._logs / f"slot-{number}.log", mailbox, has_gpu=on_gpu, shared=share < 1)
        self._slots.append(slot)
        return slot

    def _arguments(self, threads: int | None) -> list[str]:
        folders = replace(self._source, data=Path(self._found[0].data), cache=Path(self._cache), code=None)
        return trainer_arguments(folders, threads, silence_s=self._silence_s)

    def close(self) -> None:
        end_slots(self._slots)
        self._slots.clear()
        self._code = self._own = None
        self._nodes, self._found = [], []
        self._cluster.close()

    def _look(self) -> None:
        """Connects, and looks at every node once.

        Raises:
            ExecutorError: one cannot be used, or none is large enough.
        """
        if self._found:
            return
        try:
            self._look_at_cluster()
        except ExecutorError:
            self._cluster.close()  # whoever is refused does not close what was never begun
            raise

    def _look_at_cluster(self) -> None:
        self._cluster.connect()
        self._nodes = [node for node in self._cluster.nodes() if node.cpus >= 1]
        threads = self._resources.threads
        if not any(self._room(node) for node in self._nodes):
            seen = ", ".join(f"{node.name} {node.cpus:g}" for node in self._nodes) or "none"
            raise ExecutorError(
                f"No node of the Ray cluster at {self._cluster.address} has {threads} CPUs for a trainer; CPUs: "
                f"{seen}. Say less with --threads, or give a node more: ray start --num-cpus N"
            )
        found = look_at_nodes(self._cluster, self._nodes, self._source, self._cache, self._program)
        refuse(found)
        self._code = self._cluster.keep(code_as_tar())
        self._found = found

    def _look_again(self) -> None:
        """Connects another time where the driver was lost: the cluster may be back.

        Raises:
            ExecutorError: it is not.
        """
        if self._cluster.lost:
            self._gone = self._cluster.lost
            self._code = self._own = None
            self._nodes, self._found = [], []
        try:
            self._look()
        except ExecutorError as error:
            if not self._gone:
                raise
            raise ExecutorError(
                f"The Ray cluster at {self._cluster.address} was lost: {self._gone}. {str(error).splitlines()[0]}. "
                f"Run the same command to go on when it is back: {self.who_answers()} says so."
            ) from None
        self._gone = ""

    def _keep_own_code(self) -> None:
        """The study's own files: there when the first slot is started, and not yet when nodes are looked at."""
        if self._source.code is not None and self._own is None:
            name, content = own_code_as_tar(self._source.code)
            self._own = (name, self._cluster.keep(content))


def _devices(found: Found) -> str:
    return ", ".join(found.gpus) or found.processor
