"""The executors by name. One entry adds one: `--executor`, its help text and what it is chosen by read this table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from search.errors import SettingsError
from search.executors._base import Executor, Order
from search.executors._local import LocalExecutor
from search.executors.hosts import HostsExecutor
from search.executors.ray import RayExecutor


@dataclass(frozen=True)
class ExecutorEntry:
    """An executor of the table.

    Attributes:
        words: what a slot of it is, for people.
        make: makes one; nothing is started yet.
    """

    words: str
    make: Callable[[Order], Executor]


def _docker(order: Order) -> Executor:
    from search.executors._docker import DockerExecutor  # Docker's SDK is imported where containers are wanted

    return DockerExecutor.of(order)


EXECUTORS: dict[str, ExecutorEntry] = {
    LocalExecutor.name: ExecutorEntry("processes of this machine", LocalExecutor.of),
    "docker": ExecutorEntry("containers of this machine", _docker),
    HostsExecutor.name: ExecutorEntry("processes of other machines, over ssh", HostsExecutor.of),
    RayExecutor.name: ExecutorEntry("processes of a Ray cluster", RayExecutor.of),
}


def make_executor(name: str, order: Order) -> Executor:
    """The executor of this name.

    Raises:
        SettingsError: there is none; the message lists those there are.
    """
    if name not in EXECUTORS:
        raise SettingsError(f"executor {name}: unknown; allowed: {', '.join(EXECUTORS)}")
    return EXECUTORS[name].make(order)


def executors_in_words() -> str:
    """For a help text: every name, and what it is."""
    return ", ".join(f"{name} ({entry.words})" for name, entry in EXECUTORS.items())
