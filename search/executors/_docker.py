"""The `docker` executor: a slot is a container of the trainers' image, without a network and without a secret."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from search.engine import Engine, EngineError, Request
from search.errors import ExecutorError
from search.executors._base import Executor, Mailbox, Order, Slot, TrainerSource
from search.executors._command import cpu_environment, trainer_arguments
from search.executors._docker_slot import DockerSlot
from search.executors._ending import end_slots
from search.executors._identity import controller_identity, is_dead
from search.executors._leases import LEAST_MIB, Capacity, Share
from search.executors._machine import available_cores, free_vram_mib, most_on_gpus, slots_of_cores, visible_gpus
from trainer.environment import FIXED
from trainer.events import PROTOCOL
from trainer.fingerprint import code_files

LABEL = "blood-cell-search"
PROTOCOL_LABEL, DEVICE_LABEL = f"{LABEL}.protocol", f"{LABEL}.device"  # of the image (Dockerfile.gpu)
STUDY_LABEL, SLOT_LABEL, CONTROLLER_LABEL = (f"{LABEL}.{name}" for name in ("study", "slot", "controller"))
PACKAGE = "/app/trainer"  # where the image has it
OF_IMAGE = 10001  # the image's own user, for a controller that is root
REMOVAL_S = 30.0  # how long the engine may take to remove a container that was killed
MEMORY_SHARE = 0.9  # of the machine, over all slots
GPU_SLOT_MIB = 2 * LEAST_MIB  # of a slot on a GPU, with CUDA's libraries besides: a choice, not measured


class DockerExecutor(Executor):
    """Slots as containers on this machine.

    Args:
        source: what the slots train on.
        logs: the folder for what they write on stderr.
        image: of the trainers, as `docker compose build trainer` makes it.
        study: the name that the containers carry.
        slots: how many there will be, to share the machine's memory; None: `most_slots`.
        threads: CPU threads of a slot.
        gpus: indexes of the GPUs to use, in turn; None: all, where the image is made for GPUs; empty: the CPU.
        slots_per_gpu: how many share one; None: one at first, then as many as fit, which the controller measures.
        command: the trainer's command line; None: the image's own.
    """

    name: ClassVar[str] = "docker"

    def __init__(
        self,
        source: TrainerSource,
        logs: Path,
        *,
        image: str,
        study: str = "study",
        slots: int | None = None,
        threads: int = 1,
        gpus: Sequence[int] | None = None,
        slots_per_gpu: int | None = 1,
        command: Sequence[str] | None = None,
    ) -> None:
        self._source, self._logs, self._image, self._study = source, logs, image, study
        self._wanted_slots, self._threads = slots, threads
        self._wanted_gpus, self._slots_per_gpu = gpus, slots_per_gpu
        self._command = None if command is None else list(command)
        self._controller = controller_identity()
        self._serial = itertools.count()
        self._engine: Engine | None = None
        self._gpus: list[int] | None = None  # once the image was looked at
        self._swept = False
        self._slots: list[DockerSlot] = []
        self._memory_mib: int | None = None  # of a slot, once it is known what others have

    @classmethod
    def of(cls, order: Order) -> DockerExecutor:
        wanted = order.resources
        return cls(
            order.source,
            order.logs,
            image=order.image,
            study=order.study,
            slots=wanted.slots,
            threads=wanted.threads,
            gpus=wanted.gpus,
            slots_per_gpu=wanted.slots_per_gpu,
        )

    @property
    def engine(self) -> Engine:
        """The connection, made when it is first needed."""
        if self._engine is None:
            self._engine = Engine()
        return self._engine

    def check(self) -> str:
        self._check_image()
        where = f"containers of {self._image}"
        if self._gpus:
            return f"{where} on GPU {', '.join(str(gpu) for gpu in self._gpus)}"
        return f"{where} on the CPU, {'one thread' if self._threads == 1 else f'{self._threads} threads'} each"

    @property
    def on_gpu(self) -> bool:
        self._check_image()
        return bool(self._gpus)

    def default_slots(self) -> int:
        self._check_image()
        if self._gpus:
            return len(self._gpus) * (self._slots_per_gpu or 1)
        return slots_of_cores(self._threads)

    def most_slots(self) -> int:
        self._check_image()
        if self._gpus and self._measured_per_gpu is None:
            return self._most_on(len(self._gpus))
        return self.default_slots()

    def _most_on(self, gpus: int) -> int:
        by_memory = int(MEMORY_SHARE * self.engine.memory_mib()) // GPU_SLOT_MIB
        return most_on_gpus(gpus, min(available_cores(), by_memory))

    @property
    def _measured_per_gpu(self) -> int | None:
        """`slots_per_gpu`; not None where it cannot be measured."""
        return self._slots_per_gpu or (1 if self.free_vram_mib() is None else None)

    def free_vram_mib(self) -> list[float] | None:
        return free_vram_mib(self._gpus or [])

    def capacity(self) -> Capacity:
        self._check_image()
        places = slots_of_cores(self._threads)
        if self._gpus:
            each = self._measured_per_gpu
            places = self._most_on(len(visible_gpus())) if each is None else len(visible_gpus()) * each
        memory_mib = int(MEMORY_SHARE * self.engine.memory_mib())
        gpus = tuple(self._gpus or ())
        return Capacity(available_cores(), self._threads, gpus, self._measured_per_gpu, memory_mib, places)

    def take(self, share: Share) -> None:
        self._gpus, self._memory_mib = list(share.gpus), share.memory_mib

    def start(self, number: int, mailbox: Mailbox) -> Slot:
        self._check_image()
        self._sweep()
        for folder in (self._logs, self._source.cache, self._source.output):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ExecutorError(f"Slot {number} cannot be started: {error}") from None
        self._slots = [slot for slot in self._slots if slot.alive]
        try:
            attached = self.engine.start(self._request(number))
        except EngineError as error:
            raise ExecutorError(f"Slot {number} cannot be started. {error}") from None
        slot = DockerSlot(number, attached, self._logs / f"slot-{number}.log", mailbox)
        slot.has_gpu = bool(self._gpus)
        slot.card = str(self._gpus[number % len(self._gpus)]) if self._gpus else ""
        self._slots.append(slot)
        return slot

    def close(self) -> None:
        end_slots(self._slots)
        for slot in self._slots:
            if slot.alive:
                slot.kill()
        for slot in self._slots:
            slot.join(time.monotonic() + REMOVAL_S)
        self._slots.clear()
        if self._engine is not None:
            with contextlib.suppress(EngineError):  # it is away: the next start removes what was left
                for left in self._engine.containers({CONTROLLER_LABEL: self._controller, STUDY_LABEL: self._study}):
                    self._engine.remove(left.container_id)
            self._engine.close()
            self._engine = None

    # -- before the first slot ---------------------------------------------------------------------------------------

    def _check_image(self) -> None:
        """Whether containers of the image can train, with everything that this checkout asks of them; once.

        Raises:
            ExecutorError: they cannot; the message has the command that mends it.
        """
        if self._gpus is not None:
            return
        found = self.engine.image(self._image)
        if found is None:
            raise ExecutorError(f"There is no image {self._image} of the trainers on this machine.{BUILD}")
        protocol = found.labels.get(PROTOCOL_LABEL)
        if protocol != str(PROTOCOL):
            says = f"speaks version {protocol} of the trainer's protocol" if protocol else "is no image of trainers"
            raise ExecutorError(f"The image {self._image} {says}; this search speaks version {PROTOCOL}.{BUILD}")
        gpus = self._gpus_for(found.labels.get(DEVICE_LABEL, "gpu"))
        backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
        if backend != "tensorflow":
            raise ExecutorError(
                f"KERAS_BACKEND is {backend}, and the image {self._image} has TensorFlow alone. Unset it, or train "
                "without containers: --executor local"
            )
        with self.engine.created(Request(self._image, labels=self._labels("check"))) as container:
            self._check_package(self.engine.files(container, PACKAGE) or {})
            program = self._command[0] if self._command else None
            if program and program.startswith("/") and self.engine.files(container, program) is None:
                raise ExecutorError(f"The trainer cannot be started: {program} is not there.")
        if gpus:  # the engine looks at a device request when the container starts, and never before
            probe = Request(self._image, labels=self._labels("check"), entrypoint=["true"], gpus=gpus)
            attached = self.engine.start(probe)
            attached.ending()
            attached.gone()
        self._gpus = gpus

    def _gpus_for(self, device: str) -> list[int]:
        if device != "gpu":
            if self._wanted_gpus:
                raise ExecutorError(
                    f"The image {self._image} was built for the CPU (docker-compose.cpu.yml), and GPU "
                    f"{', '.join(map(str, self._wanted_gpus))} was asked for.{BUILD}"
                )
            return []
        if self._wanted_gpus is not None:
            return list(self._wanted_gpus)
        gpus = visible_gpus()
        if not gpus:
            raise ExecutorError(
                f"The image {self._image} is for GPUs, and NVIDIA's driver shows none on this machine (try nvidia-smi)."
                " Train on the CPU with --gpus none, or build the smaller image for it:\n"
                "  docker compose -f docker-compose.yml -f docker-compose.cpu.yml build trainer"
            )
        return gpus

    def _check_package(self, theirs: dict[str, bytes]) -> None:
        """The image holds the trainer of this checkout, to the letter: what is trained is what stands in the files."""
        ours = {name: path.read_bytes() for name, path in code_files().items()}
        theirs = {name: content for name, content in theirs.items() if name.endswith(".py")}
        differing = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
        if differing:
            shown = ", ".join(differing[:3]) + (f" and {len(differing) - 3} more" if len(differing) > 3 else "")
            raise ExecutorError(
                f"The image {self._image} was built from another version of trainer/ (differs: {shown}).{BUILD}"
            )

    def _sweep(self) -> None:
        """Removes what controllers left that are gone. Those of another machine or container are not ours to judge."""
        if self._swept:
            return
        self._swept = True
        for found in self.engine.containers({CONTROLLER_LABEL: ""}):
            if is_dead(found.labels[CONTROLLER_LABEL]):
                self.engine.remove(found.container_id)

    # -- a slot ------------------------------------------------------------------------------------------------------

    def _labels(self, slot: str) -> dict[str, str]:
        return {CONTROLLER_LABEL: self._controller, STUDY_LABEL: self._study, SLOT_LABEL: slot}

    def _request(self, number: int) -> Request:
        source, gpus = self._source, self._gpus or []
        arguments = trainer_arguments(source, None if gpus else self._threads)
        environment = {**FIXED, "HOME": "/tmp", **({} if gpus else cpu_environment(self._threads))}
        command = self._command
        name = re.sub(r"[^a-zA-Z0-9_.-]", "-", f"{LABEL}-{self._study}-slot-{number}-{secrets.token_hex(3)}")
        return Request(
            image=self._image,
            name=name,
            labels=self._labels(str(number)),
            arguments=arguments if command is None else [*command[1:], *arguments],
            entrypoint=None if command is None else command[:1],
            environment=environment,
            user=self._user(),
            readable=[source.data, source.cache, *([source.code] if source.code is not None else [])],
            writable=[source.output],
            gpus=[gpus[number % len(gpus)]] if gpus else [],
            memory_mib=self._memory_mib
            or int(MEMORY_SHARE * self.engine.memory_mib() / (self._wanted_slots or self.most_slots())),
        )

    def _user(self) -> str:
        """This user, so that the models are theirs; for root the image's own, who is then given the folder."""
        if os.getuid() != 0:
            return f"{os.getuid()}:{os.getgid()}"
        os.chown(self._source.output, OF_IMAGE, OF_IMAGE)
        return f"{OF_IMAGE}:{OF_IMAGE}"


BUILD = (
    " Build it:\n"
    "  docker compose build trainer\n"
    "(without a GPU: docker compose -f docker-compose.yml -f docker-compose.cpu.yml build trainer), or train without "
    "containers: --executor local"
)
