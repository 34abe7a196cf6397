"""Executors: what starts trainers.

_base.py      the contract, and what passes between executors and the controller
_table.py     the executors by name: one entry adds one
_local.py     `local`: a slot is a process on this machine
_docker.py    `docker`: a slot is a container on this machine
hosts/        `hosts`: a slot is a process on another machine
ray/          `ray`: a slot is a process on a node of a Ray cluster
_host_settings.py  hosts.toml and --hosts
_command.py   arguments and environment of a slot, the same for all
_ending.py    the end of an executor's slots, the same for all
_machine.py   cores, GPUs, the names of signals
_kernel.py    whether the kernel ended a process for its memory
_leases.py    what the controllers of this user have taken of this machine
_identity.py  which controller a container belongs to
"""

from typing import TYPE_CHECKING, Any

from search.executors._base import (
    Executor,
    Mailbox,
    Order,
    Resources,
    Slot,
    SlotExit,
    SlotLine,
    TrainerSource,
    log_tail,
)
from search.executors._command import ALIVE_S
from search.executors._host_settings import HostSettings, chosen_hosts
from search.executors._leases import Capacity, Lease, Leases, Share, no_room, room_in_words, share_of
from search.executors._local import LocalExecutor
from search.executors._machine import MOST_PER_GPU, available_cores
from search.executors._table import EXECUTORS, ExecutorEntry, executors_in_words, make_executor
from search.executors.hosts import Connections, Found, HostsExecutor, look_at_all
from search.executors.ray import RayExecutor

if TYPE_CHECKING:
    from search.executors._docker import DockerExecutor

__all__ = [
    "ALIVE_S",
    "EXECUTORS",
    "MOST_PER_GPU",
    "Capacity",
    "Connections",
    "DockerExecutor",
    "Executor",
    "ExecutorEntry",
    "Found",
    "HostSettings",
    "HostsExecutor",
    "Lease",
    "Leases",
    "LocalExecutor",
    "Mailbox",
    "Order",
    "RayExecutor",
    "Resources",
    "Share",
    "Slot",
    "SlotExit",
    "SlotLine",
    "TrainerSource",
    "available_cores",
    "chosen_hosts",
    "executors_in_words",
    "log_tail",
    "look_at_all",
    "make_executor",
    "no_room",
    "room_in_words",
    "share_of",
]


def __getattr__(name: str) -> Any:
    """`DockerExecutor`, with Docker's SDK, once somebody asks for it: what trains otherwise needs no SDK."""
    if name == "DockerExecutor":
        from search.executors._docker import DockerExecutor

        return DockerExecutor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
