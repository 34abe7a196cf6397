"""A real Ray cluster for tests: raylets of this machine, in a process of their own to add nodes to and take them.

python tests/ray_cluster.py CPUS      prints the address; then reads `add CPUS` and `kill` (the node added last)
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Ray's own defaults suit idle machines: a raylet is given up after 60 s without having started, and ends itself where a
# helper process has not told its port in 15 s; one that is told the ports does not wait.
PATIENCE = {"RAY_raylet_start_wait_time_s": "300", "RAY_gcs_server_port_wait_time_s": "300"}
SETTINGS = {**PATIENCE, "RAY_USAGE_STATS_ENABLED": "0"}
PORTS = ("metrics_agent_port", "metrics_export_port", "runtime_env_agent_port", "dashboard_agent_listen_port")
SECRET = "SECRET_OF_THE_CLUSTER"  # a variable that `ray start` was given, and no trainer may see


class RayCluster:
    """A cluster that runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.address = self._answer()

    def add(self, cpus: int) -> None:
        """A node joins."""
        self._ask(f"add {cpus}")

    def kill_last(self) -> None:
        """The raylet that was added last is killed."""
        self._ask("kill")

    def _ask(self, words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                return str(json.loads(line)["address"])
        raise AssertionError("the cluster did not start; its words are on stderr")


@contextlib.contextmanager
def running_cluster(cpus: int) -> Iterator[RayCluster]:
    """A head with so many CPUs by its own count."""
    environment = {**os.environ, **SETTINGS, SECRET: "secret-of-the-test"}
    process = subprocess.Popen(
        [sys.executable, Path(__file__), str(cpus)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=environment,
    )  # fmt: skip
    try:
        yield RayCluster(process)
    finally:
        process.communicate()  # which ends its stdin


def node(cpus: str) -> dict[str, Any]:
    """The arguments of a node."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
        ports = {name: probe.getsockname()[1] for name, probe in zip(PORTS, probes, strict=True)}
    return {"num_cpus": int(cpus), "num_gpus": 0, "object_store_memory": 80 * 2**20, **ports}


def let_raylets_start_slowly() -> None:
    """Tells a raylet beforehand, as a plain Ray's helper does in the end, that it serves no dashboard.

    Else the raylet waits 15 s for that, and ends itself: too short on a machine that is busy. Ray 2.60 has no setting.
    """
    from ray._private import services
    from ray._raylet import DASHBOARD_AGENT_LISTEN_PORT_NAME, persist_port

    start = services.start_raylet
    names = list(inspect.signature(start).parameters)

    def start_raylet(*args: Any, **named: Any) -> Any:
        given = {**dict(zip(names, args, strict=False)), **named}
        persist_port(given["session_dir"], given["node_id"], DASHBOARD_AGENT_LISTEN_PORT_NAME, -1)
        return start(*args, **named)

    services.start_raylet = start_raylet


def main() -> None:
    from ray.cluster_utils import Cluster

    let_raylets_start_slowly()
    cluster = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **node(sys.argv[1])})
    nodes: list[Any] = []
    print(json.dumps({"address": cluster.address}), flush=True)
    try:
        for line in sys.stdin:
            what, *number = line.split()
            if what == "add":
                nodes.append(cluster.add_node(**node(number[0]), wait=False))
            else:
                cluster.remove_node(nodes.pop(), allow_graceful=False)
            print(json.dumps({"address": cluster.address}), flush=True)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
