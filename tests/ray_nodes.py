"""A Ray cluster of real `ray start`s: its head on this machine, its nodes each in a network of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.networks import Machine, network
from tests.ray_cluster import SETTINGS

ROOT = Path(__file__).resolve().parents[1]
START = "from tests.ray_cluster import let_raylets_start_slowly as slowly; from ray.scripts.scripts import main"
MARK = "RAY_NODE_OF_THE_TESTS"
PORTS = (
    "metrics-export-port",
    "runtime-env-agent-port",
    "dashboard-agent-listen-port",
    "dashboard-agent-grpc-port",
)
HEAD_PORTS = ("port", "ray-client-server-port")
START_S = 300.0  # a busy machine
PATIENCE_S = 60.0


class RayNode:
    """A node of a cluster: the processes of one `ray start`.

    Args:
        cpus: by its own count.
        address: its own.
        head: of the cluster, as HOST:PORT; None: it is the head.
        inside: the words that run it elsewhere.
        settings: of Ray, as variables.
    """

    def __init__(
        self, cpus: int, address: str, head: str | None, inside: tuple[str, ...], settings: dict[str, str]
    ) -> None:
        self.cpus, self.address, self._inside, self._settings = cpus, address, inside, settings
        names = PORTS if head else (*PORTS, *HEAD_PORTS)
        self._ports = dict(zip(names, _free_ports(len(names)), strict=True))
        self.head = head or f"{address}:{self._ports['port']}"
        self._is_head = head is None
        self._mark = secrets.token_hex(6)
        self._folder: str | None = None

    def start(self) -> None:
        """Returns when it has joined; another time with a clean folder. Sockets have short paths (107 characters)."""
        self.kill()
        self._folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
        words = ["--head", "--include-dashboard", "false"] if self._is_head else ["--address", self.head]
        for name, value in {
            "node-ip-address": self.address,
            "num-cpus": self.cpus,
            "num-gpus": 0,
            "object-store-memory": 80 * 2**20,
            "temp-dir": self._folder,
            **self._ports,
        }.items():
            words += [f"--{name}", str(value)]
        command = [*self._inside, sys.executable, "-c", f"{START}; slowly(); main()", "start", *words]
        environment = {**os.environ, **SETTINGS, **self._settings, MARK: self._mark}
        ran = subprocess.run(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=START_S, check=False,
        )  # fmt: skip
        if ran.returncode:
            pytest.fail(f"ray start: {ran.stdout[-2000:]}{ran.stderr[-2000:]}")

    def processes(self, name: str | None = None) -> list[psutil.Process]:
        """Those of the node, or those of a name, as `raylet`."""
        found = []
        for process in psutil.process_iter(["name"]):
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == self._mark and name in (None, process.name()):
                    found.append(process)
        return found

    def kill(self, name: str | None = None) -> None:
        """Ends all of it at once, or what is of this name."""
        killed = self.processes(name)
        for process in killed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        _, alive = psutil.wait_procs(killed, PATIENCE_S)
        assert not alive, f"{alive} survive SIGKILL"
        if name is None and self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


class RayNodes:
    """A cluster.

    Attributes:
        head: on this machine; no trainer runs on it.
        nodes: on machines of their own.
    """

    def __init__(self, head: RayNode, nodes: list[RayNode], machines: list[Machine]) -> None:
        self.head, self.nodes, self.machines = head, nodes, machines

    def start(self, nodes: int | None = None) -> None:
        """The head, then so many nodes, or all."""
        self.head.start()
        for node in self.nodes[:nodes]:
            node.start()

    def where(self, pid: int) -> int:
        """The machine on which a process runs."""
        return next(number for number, machine in enumerate(self.machines) if pid in machine.pids)

    def close(self) -> None:
        """Ends what runs of it."""
        for node in (self.head, *self.nodes):
            node.kill()


@contextlib.contextmanager
def ray_nodes(*cpus: int, **settings: str) -> Iterator[RayNodes]:
    """A cluster that is still to be started, of nodes with so many CPUs; skips where there can be none."""
    with contextlib.ExitStack() as stack:
        where = stack.enter_context(network())
        machines = []
        for number, _ in enumerate(cpus, 2):
            machines.append(Machine(where, number))
            stack.callback(machines[-1].close)
        head = RayNode(0, where.address, None, (), settings)
        nodes = [
            RayNode(count, machine.address, head.head, machine.inside, settings)
            for count, machine in zip(cpus, machines, strict=True)
        ]
        cluster = RayNodes(head, nodes, machines)
        stack.callback(cluster.close)
        yield cluster


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]
