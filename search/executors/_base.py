"""The contract of executors: they start trainers ("slots") and carry lines to and from them. They know no study.

An executor is made by `of`, from an `Order`. What a slot may ask for stands in `Resources`: CPU threads, and a GPU or a
share of one. Arguments and environment of every slot are built in `_command.py`.

Where `shares_machine` is false, slots see neither this machine's folders nor its controller's end: their trainers say
that they are alive, end when the controller keeps silent, get the record of photographs by their pipe, and send their
models by it (`trainer.pipe`). A slot of such an executor may be cut off at any time and its place be empty for a while.

Threads: `start`, `close` and a slot's `send`, `kill` and `close` are called by the controller's thread. What a slot
says arrives in the mailbox, from a thread of the executor's: for each slot its lines in order, then exactly one
`SlotExit`. A slot that was told to end still sends its exit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from search.executors._host_settings import HostSettings
from search.executors._leases import Capacity, Share


@dataclass(frozen=True)
class TrainerSource:
    """What every slot of a study is given.

    Attributes:
        data: the folder with TRAIN/ and TEST/.
        cache: the folder of decoded images; the controller has filled it before the first config is sent.
        output: the folder for saved models.
        skip_bad_files: go on without images that cannot be read.
        code: the folder of the study's own files, which are there before a slot is started; an executor whose slots
            see another disk brings them everything in it. None: the study has none.
    """

    data: Path
    cache: Path
    output: Path
    skip_bad_files: bool = False
    code: Path | None = None


@dataclass(frozen=True)
class Resources:
    """What slots may have.

    Attributes:
        slots: how many at once; None: as many as suit the machine.
        threads: CPU threads of each.
        gpus: indexes; None: all; empty: the CPU.
        slots_per_gpu: how many share one; None: one at first, then as many as fit, which the controller measures.
    """

    slots: int | None = None
    threads: int = 1
    gpus: tuple[int, ...] | None = None
    slots_per_gpu: int | None = None

    @property
    def per_gpu(self) -> int:
        """How many slots share a GPU at first."""
        return self.slots_per_gpu or 1

    @property
    def gpu_share(self) -> float:
        """The part of a GPU that a slot on one is given."""
        return 1 / self.per_gpu


@dataclass(frozen=True)
class Order:
    """What an executor is made for.

    Attributes:
        source: what its slots train on.
        logs: the folder for what they write on stderr.
        resources: what they may have.
        study: the study's name.
        image: of the trainers, for executors of containers.
        hosts: the machines, for executors of several.
        ray_address: of the cluster, for `ray`.
    """

    source: TrainerSource
    logs: Path
    resources: Resources
    study: str
    image: str
    hosts: tuple[HostSettings, ...] = ()
    ray_address: str = "auto"


@dataclass(frozen=True)
class SlotLine:
    """A line that a slot wrote on stdout, without its end."""

    slot: Slot
    line: bytes


@dataclass(frozen=True)
class SlotExit:
    """A slot is gone. `reason` is for people; `out_of_memory` says that the kernel ended it for its memory."""

    slot: Slot
    status: int | None
    reason: str
    out_of_memory: bool = False


class Mailbox(Protocol):
    """Where slots put what they say, as a `queue.SimpleQueue`."""

    def put(self, item: SlotLine | SlotExit, /) -> None:
        """Delivers mail; the executor's threads call it."""


class Slot(ABC):
    """One trainer process."""

    number: int  # 0, 1, 2 ...; its replacement has the same
    log: Path  # what it wrote on stderr
    has_gpu: bool = False  # whether it was given one
    card: str = ""  # the GPU that it was given, by a name that slots on the same one share; empty: none, or not known
    waits: bool = False  # for a place on some machine: nothing of it runs yet
    where: str = ""  # the name of its machine; empty: this one

    @property
    def title(self) -> str:
        """Its name for people, as `slot 2 on lab1`."""
        return f"slot {self.number} on {self.where}" if self.where else f"slot {self.number}"

    @abstractmethod
    def send(self, line: str) -> None:
        """Writes a line to its stdin. Never raises: a slot that is gone says so by its `SlotExit`."""

    @abstractmethod
    def close(self) -> None:
        """Closes its stdin: an idle trainer ends by itself, a busy one at once. Returns without waiting."""

    @abstractmethod
    def kill(self) -> None:
        """Ends it now. Returns without waiting."""


class Executor(ABC):
    """Starts slots. One object a run of a study; a context manager that leaves no trainer behind."""

    name: ClassVar[str]  # as --executor has it
    shares_machine: ClassVar[bool] = True  # slots see the folders of this machine, and end with its controller

    @classmethod
    @abstractmethod
    def of(cls, order: Order) -> Executor:
        """Makes one; nothing is started yet.

        Raises:
            SettingsError, ExecutorError: the order is not what may be asked for.
        """

    @abstractmethod
    def check(self) -> str:
        """Whether slots can be started here. Returns a sentence that says what they will run on.

        Raises:
            ExecutorError: they cannot; the message has the command that mends it.
        """

    @property
    @abstractmethod
    def on_gpu(self) -> bool:
        """Whether slots will train on GPUs.

        Raises:
            ExecutorError: as `check`.
        """

    def who_answers(self) -> str:
        """The command that says which machines answer, for messages; empty where there is no other machine."""
        return ""

    @abstractmethod
    def default_slots(self) -> int:
        """How many slots suit this machine."""

    def most_slots(self) -> int:
        """How many slots there may come to be where trainers that share a GPU are counted by measurement, which begins
        with `default_slots`. The same number where they are not.
        """
        return self.default_slots()

    def free_vram_mib(self) -> list[float] | None:
        """What is free on each GPU, in the order in which slots are dealt out over them: slot 0 has the first.

        None: there is none, or it cannot be asked here.
        """
        return None

    def capacity(self) -> Capacity | None:
        """What slots may use of this machine, to be counted over all controllers; None: nothing, they are elsewhere.

        Raises:
            ExecutorError: as `check`.
        """
        return None

    def take(self, share: Share) -> None:  # noqa: B027  # nothing to do where nothing is counted
        """Before the first slot: what of this capacity is this run's."""

    @abstractmethod
    def start(self, number: int, mailbox: Mailbox) -> Slot:
        """Starts a slot, without waiting for it to be ready.

        Raises:
            ExecutorError: it cannot be started.
        """

    @abstractmethod
    def close(self) -> None:
        """Ends every slot that is left, and waits for them. May be called twice."""

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def log_tail(log: Path, lines: int = 15) -> str:
    """The end of a slot's log, for error messages."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-lines:])
