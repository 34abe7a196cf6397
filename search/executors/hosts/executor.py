"""The `hosts` executor: a slot is a trainer on another machine, reached by ssh or another prefix."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from search.errors import ExecutorError, SettingsError
from search.executors._base import Executor, Mailbox, Order, Resources, Slot, TrainerSource
from search.executors._command import CONTROLLER_SILENCE_S, environment_there, own_environment, trainer_arguments
from search.executors._ending import end_slots
from search.executors._host_settings import HostSettings
from search.executors._machine import MOST_SLOTS
from search.executors.hosts.code import own_code_as_tar
from search.executors.hosts.connection import Connections, Refused, there
from search.executors.hosts.look import SOURCE, Found, look_at_all, refuse
from search.executors.hosts.slot import HostSlot
from trainer.outside import typed


class HostsExecutor(Executor):
    """Slots on several machines, dealt out in turn.

    Args:
        source: what the slots train on: folders of this machine.
        logs: the folder here for what they write on stderr.
        hosts: the machines.
        resources: what slots may have; `gpus` is for machines that do not name their own.
        command: the trainer's command line there; None: `PYTHON -m trainer`. Tests give another.
        silence_s: after how many silent seconds of the controller a trainer ends itself.
    """

    name: ClassVar[str] = "hosts"
    shares_machine: ClassVar[bool] = False

    def __init__(
        self,
        source: TrainerSource,
        logs: Path,
        hosts: Sequence[HostSettings],
        resources: Resources | None = None,
        *,
        command: Sequence[str] | None = None,
        silence_s: float = CONTROLLER_SILENCE_S,
    ) -> None:
        self._source, self._logs, self._hosts = source, logs, tuple(hosts)
        self._resources = resources or Resources()
        self._command = None if command is None else list(command)
        self._silence_s = silence_s
        self._connections = Connections()
        self._found: list[Found] = []
        self._slots: list[HostSlot] = []
        self._own: tuple[str, bytes] | None = None  # the study's own files, once a slot needs them
        self._brought: set[str] = set()  # names of machines that have them

    @classmethod
    def of(cls, order: Order) -> HostsExecutor:
        if not order.hosts:
            raise SettingsError(
                "--executor hosts: found no machine; allowed: --hosts lab1,lab2:2, or a file hosts.toml"
            )
        return cls(order.source, order.logs, order.hosts, order.resources)

    def who_answers(self) -> str:
        return typed("search.hosts", "check")

    def check(self) -> str:
        found = self._look()
        parts = [f"{machine.host.name}: {self._slots_of(machine)} on {_devices(self._gpus(machine), machine)}"
                 for machine in found]  # fmt: skip
        return "; ".join([*parts, *unequal(found, [self._gpus(machine) for machine in found])])

    @property
    def on_gpu(self) -> bool:
        return any(self._gpus(machine) for machine in self._look())

    def default_slots(self) -> int:
        return len(self._places())

    def start(self, number: int, mailbox: Mailbox) -> Slot:
        machine, gpu = (places := self._places())[number % len(places)]
        threads = self._resources.threads
        code = self._own_code(machine)
        folders = replace(self._source, data=Path(machine.data), cache=Path(machine.cache), code=code)
        arguments = trainer_arguments(folders, None if gpu is not None else threads, silence_s=self._silence_s)
        environment = {**environment_there(machine.code, threads, gpu), **machine.host.environment}
        command = there([*(self._command or [machine.host.interpreter, "-m", "trainer"]), *arguments], environment)
        self._slots = [slot for slot in self._slots if slot.alive]
        slot = HostSlot(
            number,
            self._connections.words(machine.host, command, shared=False),
            own_environment(("SSH_",)),  # where ssh's agent is
            self._logs / f"slot-{number}.log",
            mailbox,
            where=machine.host.name,
            by_ssh=machine.host.by_ssh,
        )
        slot.has_gpu = gpu is not None
        slot.card = f"{machine.host.name} {gpu}" if gpu is not None else ""
        self._slots.append(slot)
        return slot

    def close(self) -> None:
        end_slots(self._slots)
        self._slots.clear()
        with ThreadPoolExecutor(max_workers=max(1, len(self._hosts))) as pool:
            list(pool.map(self._connections.forget, self._hosts if self._found else ()))
        self._found = []

    def _own_code(self, machine: Found) -> Path | None:
        """The folder there of the study's own files, which are brought before the first slot is started.

        Raises:
            ExecutorError: they cannot be.
        """
        if self._source.code is None:
            return None
        if self._own is None:
            self._own = own_code_as_tar(self._source.code)
        name, content = self._own
        target = f"{machine.cache}/code/{name}"
        if machine.host.name not in self._brought:
            try:
                bring = [machine.host.interpreter, "-c", SOURCE, "bring", target]
                self._connections.run(machine.host, bring, content)
            except Refused as error:
                raise ExecutorError(f"{machine.host.name}: your code cannot be put into {target}: {error}") from error
            self._brought.add(machine.host.name)
        return Path(target)

    def _look(self) -> list[Found]:
        """The machines, each looked at once.

        Raises:
            ExecutorError: one cannot be used.
        """
        if not self._found:
            program = self._command[0] if self._command else None
            found = look_at_all(self._hosts, self._connections, self._source, program)
            refuse(found)
            for machine in found:
                lacking = [gpu for gpu in machine.host.gpus or () if gpu >= len(machine.gpus)]
                if lacking:
                    raise ExecutorError(_lacking(machine, lacking[0], "Correct `gpus` in hosts.toml"))
                if machine.host.gpus is None and self._resources.gpus and not self._gpus(machine):
                    mend = "Correct --gpus, or give this machine `gpus` of its own in hosts.toml ([]: its CPU)"
                    raise ExecutorError(_lacking(machine, self._resources.gpus[0], mend))
            self._found = found
        return self._found

    def _gpus(self, machine: Found) -> list[int]:
        if machine.host.gpus is not None:
            return list(machine.host.gpus)
        wanted, count = self._resources.gpus, len(machine.gpus)
        return list(range(count)) if wanted is None else [gpu for gpu in wanted if gpu < count]

    def _count(self, machine: Found) -> int:
        if machine.host.slots is not None:
            return machine.host.slots
        gpus = self._gpus(machine)
        if gpus:
            return len(gpus) * self._resources.per_gpu
        return max(1, min(machine.cores // self._resources.threads, MOST_SLOTS))

    def _slots_of(self, machine: Found) -> str:
        count = self._count(machine)
        return "1 slot" if count == 1 else f"{count} slots"

    def _places(self) -> list[tuple[Found, int | None]]:
        """For each slot its machine and its GPU; the first of every machine, then the second of every machine ..."""
        found = self._look()
        places: list[tuple[Found, int | None]] = []
        for turn in range(max(map(self._count, found))):
            for machine in found:
                if turn < self._count(machine):
                    gpus = self._gpus(machine)
                    places.append((machine, gpus[turn % len(gpus)] if gpus else None))
        return places


def _lacking(machine: Found, gpu: int, mend: str) -> str:
    there = f"nvidia-smi shows {len(machine.gpus)} there"
    return f"{machine.host.name}: GPU {gpu} was asked for, and {there}. {mend}"


def _devices(gpus: Sequence[int], machine: Found) -> str:
    return ", ".join(dict.fromkeys(machine.gpus[gpu] for gpu in gpus)) if gpus else machine.processor


def unequal(found: Sequence[Found], gpus: Sequence[Sequence[int]]) -> list[str]:
    """A remark where the machines compute on different devices, or with different packages."""
    devices = {_devices(own, machine) for own, machine in zip(gpus, found, strict=True)}
    remarks = []
    if len(devices) > 1:
        remarks.append(
            "the devices differ, so that all levels of a seed are kept on devices of one kind where they can"
        )
    for name in sorted(
        {name for machine in found for name in machine.packages if name in ("keras", "tensorflow", "jax", "torch")}
    ):
        versions = {machine.packages.get(name) or "unknown" for machine in found}
        if len(versions) > 1:
            remarks.append(f"{name} differs ({', '.join(sorted(versions))})")
    return remarks
