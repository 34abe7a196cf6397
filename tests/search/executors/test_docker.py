"""The docker executor: the suite of all executors with real containers, and what is its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import psutil
import pytest

from search.engine import Engine, EngineError, Request
from search.errors import ExecutorError
from search.executors import Capacity, DockerExecutor, Executor, TrainerSource
from search.executors._docker import (
    BUILD,
    CONTROLLER_LABEL,
    OF_IMAGE,
    SLOT_LABEL,
    STUDY_LABEL,
)
from search.executors._docker_slot import DockerSlot
from search.executors._identity import controller_identity, is_dead
from tests.search.executors.conformance import ROOT, ExecutorSuite, Reader, config
from tests.search.noop_trainer import SEEDS
from trainer.events import PROTOCOL, Ready, Started

Build = Callable[[str, str], str]

BASE = "python:3.13-slim"
IMAGE = "blood-cell-search-tests-noop"
DOCKERFILE = f"""
FROM {BASE}
COPY constraints.txt .
RUN python -m venv /venv && /venv/bin/pip install --quiet --constraint constraints.txt pydantic
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY trainer trainer
COPY noop_trainer.py /noop_trainer.py
LABEL blood-cell-search.protocol={PROTOCOL} blood-cell-search.device=cpu
USER 10001
ENTRYPOINT ["python", "/noop_trainer.py"]
"""
COMMAND = ("python", "/noop_trainer.py")

SCRIPT = """
import json, queue
from pathlib import Path
import docker
from search.executors import DockerExecutor, TrainerSource
from trainer.events import Ready, Started, parse

source = TrainerSource(*map(Path, {folders!r}))
executor = DockerExecutor(source, Path({logs!r}), image={image!r}, study="killed")
mailbox = queue.SimpleQueue()
slots = [executor.start(number, mailbox) for number in range(2)]
slots[0].send({config!r})
kinds = []
while sorted(kinds) != ["ready", "ready", "started"]:
    kinds.append(parse(mailbox.get().line).event)
api = docker.from_env().api
print(json.dumps([api.inspect_container(slot.container_id)["State"]["Pid"] for slot in slots]), flush=True)
mailbox.get()
mailbox.get()
"""


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """This machine's."""
    try:
        found = Engine()
    except EngineError as error:
        pytest.skip(f"no Docker engine: {str(error).splitlines()[0]}")
    yield found
    found.close()


@pytest.fixture(scope="session")
def image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with the no-op trainer in the trainer's place."""
    folder = tmp_path_factory.mktemp("image")
    shutil.copytree(ROOT / "trainer", folder / "trainer", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "search" / "noop_trainer.py", folder)
    shutil.copy(ROOT / ".ci" / "constraints.txt", folder)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    build = subprocess.run(
        ["docker", "build", "--quiet", "--tag", IMAGE, str(folder)], capture_output=True, text=True, check=False
    )
    if build.returncode != 0 and engine.image(BASE) is None:
        pytest.skip(f"{BASE} cannot be had: {build.stderr.strip().splitlines()[-1]}")
    assert build.returncode == 0, build.stderr
    return IMAGE


@pytest.fixture
def api(engine: Engine) -> Iterator[docker.APIClient]:
    """The SDK itself, for what the search does not ask."""
    client = docker.APIClient(version="auto")
    yield client
    client.close()


@pytest.fixture
def build(engine: Engine, tmp_path: Path) -> Iterator[Build]:
    """Builds an image, by name and Dockerfile; it goes after the test."""
    names: list[str] = []

    def make(name: str, dockerfile: str) -> str:
        names.append(f"{IMAGE}-{name}")
        folder = tmp_path / f"image {name}"
        folder.mkdir()
        (folder / "Dockerfile").write_text(dockerfile)
        subprocess.run(["docker", "build", "--quiet", "--tag", names[-1], str(folder)], check=True, capture_output=True)
        return names[-1]

    yield make
    for name in names:
        subprocess.run(["docker", "image", "rm", "--force", name], check=False, capture_output=True)


class TestDockerExecutor(ExecutorSuite):
    shares_machine = False  # a container has process ids of its own

    @pytest.fixture(autouse=True)
    def _image(self, image: str) -> None:
        self.image = image

    def executor(self, source: TrainerSource, logs: Path, *, command: tuple[str, ...] | None = None) -> Executor:
        if command and command[0] == sys.executable:
            command = ("python", *command[1:])
        return DockerExecutor(source, logs, image=self.image, study="suite", command=command)

    def made(self, source: TrainerSource, place: Path, program: str, **given: Any) -> DockerExecutor:
        """An executor of a Python program; its arguments are the trainer's."""
        command = ("python", "-c", program)
        return DockerExecutor(source, place / "logs", image=self.image, study="suite", command=command, **given)

    def controller_script(self, source: TrainerSource, logs: Path) -> str:
        folders = [str(source.data), str(source.cache), str(source.output)]
        return SCRIPT.format(folders=folders, logs=str(logs), image=self.image, config=config(seed=SEEDS["hang"]))

    def test_what_it_says(self, source: TrainerSource, place: Path) -> None:
        with DockerExecutor(source, place, image=self.image, threads=2) as executor:
            assert executor.check() == f"containers of {self.image} on the CPU, 2 threads each"

    def test_a_slot_has_no_more_than_it_needs(
        self, started: Executor, source: TrainerSource, reader: Reader, api: docker.APIClient
    ) -> None:
        slot = started.start(3, reader.mailbox)
        reader.event(slot, Ready)
        assert isinstance(slot, DockerSlot)
        found = api.inspect_container(slot.container_id)
        host = found["HostConfig"]
        assert (host["NetworkMode"], host["ReadonlyRootfs"], host["AutoRemove"]) == ("none", True, True)
        assert (host["Privileged"], host["PidMode"], host["IpcMode"]) == (False, "", "private")
        assert 0 < host["Memory"] < psutil.virtual_memory().total
        mounts = {mount["Source"]: mount["RW"] for mount in found["Mounts"]}
        assert mounts == {str(source.data): False, str(source.cache): False, str(source.output): True}
        labels = found["Config"]["Labels"]
        assert (labels[STUDY_LABEL], labels[SLOT_LABEL]) == ("suite", "3")
        assert re.fullmatch(r"/blood-cell-search-suite-slot-3-[0-9a-f]{6}", found["Name"])
        status = dict(
            line.split(":", 1)
            for line in self.inside(api, slot, "cat", "/proc/1/status", "/proc/self/status").splitlines()
        )
        assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
        assert status["NoNewPrivs"].strip() == "1"
        assert "0" not in status["Uid"].split()
        assert status["Uid"].split()[0] == str(os.getuid() or OF_IMAGE)

    def inside(self, api: docker.APIClient, slot: DockerSlot, *command: str) -> str:
        """What a command in the slot's container says."""
        made = api.exec_create(slot.container_id, list(command))
        return str(api.exec_start(made["Id"]).decode())

    def test_images_are_read_only_and_models_are_this_users(
        self, source: TrainerSource, place: Path, reader: Reader
    ) -> None:
        program = (
            "import pathlib, socket, sys\n"
            "args = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"
            "for folder in (args['--data'], args['--cache'], args['--output'], '/app', '/tmp'):\n"
            "    try:\n"
            "        pathlib.Path(folder, 'written').write_text('x')\n"
            "        print('written')\n"
            "    except OSError as error:\n"
            "        print(error.strerror)\n"
            "print([name for _, name in socket.if_nameindex()])\n"
        )
        with self.made(source, place, program) as executor:
            slot = executor.start(0, reader.mailbox)
            reader.exit(slot)
        refused = b"Read-only file system"
        assert reader.lines[slot] == [refused, refused, b"written", refused, b"written", b"['lo']"]
        assert (source.output / "written").stat().st_uid == (os.getuid() or OF_IMAGE)

    def test_a_slot_that_takes_too_much_memory(self, source: TrainerSource, place: Path, reader: Reader) -> None:
        """The machine's memory, shared among so many slots that each may have about 100 MB."""
        many = psutil.virtual_memory().total // 10**8
        program = "print('begins', flush=True); taken = bytearray(4 * 10**8); print('has it')"
        with self.made(source, place, program, slots=many) as executor:
            slot = executor.start(0, reader.mailbox)
            end = reader.exit(slot)
        assert reader.lines[slot] == [b"begins"]
        assert (end.status, end.reason, end.out_of_memory) == (-9, "was ended by SIGKILL", True)

    def test_orphans_are_removed_at_the_next_start(
        self, source: TrainerSource, place: Path, reader: Reader, engine: Engine
    ) -> None:
        me = controller_identity()
        host, namespace, pid, created = me.rsplit(" ", 3)
        long_ago = f"{host} {namespace} {pid} {float(created) - 1000}"  # its process id is ours now
        elsewhere = f"other-{host} {namespace} {pid} {created}"
        left = {}
        for identity in (long_ago, elsewhere, me):
            request = Request(
                self.image, labels={CONTROLLER_LABEL: identity, STUDY_LABEL: "orphans"}, entrypoint=["sleep", "600"]
            )
            left[identity] = engine.start(request)
        try:
            with self.executor(source, place / "logs") as executor:
                executor.check()
                assert len(engine.containers({STUDY_LABEL: "orphans"})) == 3, "a check removes nothing"
                slot = executor.start(0, reader.mailbox)
                slot.close()
                reader.exit(slot)
                there = {one.labels[CONTROLLER_LABEL] for one in engine.containers({STUDY_LABEL: "orphans"})}
                assert there == {elsewhere, me}
        finally:
            for attached in left.values():
                engine.remove(attached.container_id)
                attached.gone()

    def test_nothing_is_left_in_the_engine(
        self, source: TrainerSource, place: Path, reader: Reader, engine: Engine
    ) -> None:
        with self.executor(source, place / "logs") as executor:
            slots = [executor.start(number, reader.mailbox) for number in range(2)]
            slots[0].send(config(seed=SEEDS["hang"]))
            reader.event(slots[0], Started)
            assert len(engine.containers({STUDY_LABEL: "suite"})) == 2
        assert engine.containers({STUDY_LABEL: "suite"}) == []

    def test_a_trainer_that_does_not_end_is_killed(
        self, source: TrainerSource, place: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("search.executors._ending.GRACE_S", 0.2)
        program = "import time; print('here', flush=True); time.sleep(600)"
        with self.made(source, place, program) as executor:
            slot = executor.start(0, reader.mailbox)
            reader.until(lambda: slot in reader.lines)
        while not reader.mailbox.empty():
            reader.read()
        assert reader.exit(slot).reason == "was ended by SIGKILL"

    # -- what is refused before any trial ------------------------------------------------------------------------------

    def refusal(self, source: TrainerSource, place: Path, image: str, **given: Any) -> str:
        with (
            DockerExecutor(source, place / "logs", image=image, **given) as executor,
            pytest.raises(ExecutorError) as raised,
        ):
            executor.check()
        assert not (place / "logs").exists()
        return str(raised.value)

    def test_an_image_that_is_not_there(self, source: TrainerSource, place: Path) -> None:
        assert self.refusal(source, place, "no-such-trainer") == (
            f"There is no image no-such-trainer of the trainers on this machine.{BUILD}"
        )
        assert "\n  docker compose build trainer\n" in BUILD

    def test_an_image_that_is_none_of_trainers(self, source: TrainerSource, place: Path) -> None:
        assert self.refusal(source, place, BASE) == (
            f"The image {BASE} is no image of trainers; this search speaks version {PROTOCOL}.{BUILD}"
        )

    def test_an_image_of_another_version(self, source: TrainerSource, place: Path, build: Build) -> None:
        image = build("old-protocol", f"FROM {self.image}\nLABEL blood-cell-search.protocol=0\n")
        assert self.refusal(source, place, image) == (
            f"The image {image} speaks version 0 of the trainer's protocol; this search speaks version {PROTOCOL}."
            f"{BUILD}"
        )

    def test_an_image_of_another_trainer(self, source: TrainerSource, place: Path, build: Build) -> None:
        """Files that were changed, added or removed since the image was built."""
        change = "RUN echo '#' >>trainer/fit.py && rm trainer/model/layers.py && touch trainer/new.py trainer/notes.txt"
        image = build("changed", f"FROM {self.image}\nUSER root\n{change}\n")
        assert self.refusal(source, place, image) == (
            f"The image {image} was built from another version of trainer/ (differs: fit.py, model/layers.py, new.py)."
            f"{BUILD}"
        )

    def test_gpus_that_the_image_is_not_made_for(self, source: TrainerSource, place: Path) -> None:
        assert self.refusal(source, place, self.image, gpus=[0, 2]) == (
            f"The image {self.image} was built for the CPU (docker-compose.cpu.yml), and GPU 0, 2 was asked for.{BUILD}"
        )

    def test_another_backend(self, source: TrainerSource, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KERAS_BACKEND", "jax")
        assert self.refusal(source, place, self.image) == (
            f"KERAS_BACKEND is jax, and the image {self.image} has TensorFlow alone. Unset it, or train without "
            "containers: --executor local"
        )

    def test_a_machine_without_a_gpu(
        self, source: TrainerSource, place: Path, build: Build, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        image = build("gpu", f"FROM {self.image}\nLABEL blood-cell-search.device=gpu\n")
        monkeypatch.setattr("search.executors._docker.visible_gpus", lambda: [])
        said = self.refusal(source, place, image)
        assert said.startswith(f"The image {image} is for GPUs, and NVIDIA's driver shows none on this machine")
        assert "--gpus none" in said
        with DockerExecutor(source, place / "logs", image=image, gpus=()) as executor:
            assert executor.check() == f"containers of {image} on the CPU, one thread each"

    def test_an_engine_that_gives_no_gpu(
        self,
        source: TrainerSource,
        place: Path,
        build: Build,
        monkeypatch: pytest.MonkeyPatch,
        api: docker.APIClient,
    ) -> None:
        if "nvidia" in api.info().get("Runtimes", {}):
            pytest.skip("this engine has NVIDIA's runtime")
        image = build("gpu", f"FROM {self.image}\nLABEL blood-cell-search.device=gpu\n")
        monkeypatch.setattr("search.executors._docker.visible_gpus", lambda: [0])
        said = self.refusal(source, place, image)
        assert said.startswith("The Docker engine cannot give a container a GPU: ")
        assert "\n  sudo nvidia-ctk runtime configure --runtime=docker" in said
        assert api.containers(all=True, filters={"label": f"{STUDY_LABEL}=study"}) == [], "the probe is left"


def test_gpus_are_dealt_out_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As requests: no GPU is needed to see them."""

    class Memory:
        def memory_mib(self) -> int:
            return 100_000

    executor = DockerExecutor(
        TrainerSource(tmp_path, tmp_path, tmp_path), tmp_path, image="i", study="Ada's", gpus=[1, 4], slots_per_gpu=2
    )
    executor._gpus, executor._engine = [1, 4], Memory()  # type: ignore[assignment]
    assert (executor.default_slots(), executor.most_slots()) == (4, 4)
    assert executor.check() == "containers of i on GPU 1, 4"
    requests = [executor._request(number) for number in range(4)]
    assert [request.gpus for request in requests] == [[1], [4], [1], [4]]
    assert [request.memory_mib for request in requests] == [22_500] * 4
    assert "--threads" not in requests[0].arguments
    assert "CUDA_VISIBLE_DEVICES" not in requests[0].environment
    assert requests[0].name is not None
    assert requests[0].name.startswith("blood-cell-search-Ada-s-slot-0-")
    executor._engine = None


def test_memory_is_shared_by_all_that_may_come_to_fit_on_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        def memory_mib(self) -> int:
            return 20_000

    monkeypatch.setattr("search.executors._docker.available_cores", lambda: 16)
    monkeypatch.setattr("search.executors._docker.visible_gpus", lambda: [0])
    monkeypatch.setattr("search.executors._docker.free_vram_mib", lambda gpus: [8000.0] * len(gpus) or None)
    source = TrainerSource(tmp_path, tmp_path, tmp_path)
    executor = DockerExecutor(source, tmp_path, image="i", gpus=[0], slots_per_gpu=None)
    executor._gpus, executor._engine = [0], Memory()  # type: ignore[assignment]
    assert (executor.default_slots(), executor.most_slots()) == (1, 5), "of 18,000 MiB 3,072 each"
    assert executor.capacity() == Capacity(16, 1, (0,), None, 18_000, 5)
    assert executor._request(0).memory_mib == 3600
    executor._engine = None


def test_a_studys_own_files_are_read_and_not_written(tmp_path: Path) -> None:
    class Memory:
        def memory_mib(self) -> int:
            return 100_000

    code = tmp_path / "code"
    source = TrainerSource(tmp_path / "data", tmp_path / "cache", tmp_path / "models", code=code)
    executor = DockerExecutor(source, tmp_path, image="i", slots=1)
    source.output.mkdir()
    executor._gpus, executor._engine = [], Memory()  # type: ignore[assignment]
    request = executor._request(0)
    assert request.readable == [source.data, source.cache, code]
    assert request.writable == [source.output]
    assert request.arguments[request.arguments.index("--code") + 1] == str(code)
    executor._engine = None


def test_who_is_dead() -> None:
    me = controller_identity()
    assert not is_dead(me)
    host, namespace, pid, created = me.rsplit(" ", 3)
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert is_dead(f"{host} {namespace} {gone.pid} {created}")
    assert is_dead(f"{host} {namespace} {pid} 1.0")
    for unknown in (
        f"x{host} {namespace} {pid} 1.0",
        f"{host} pid:[1] {pid} 1.0",
        "",
        "garbage",
        f"{host} {namespace} x y",
    ):
        assert not is_dead(unknown)
