"""The Docker engine, reduced to what the search needs of it. The only module of the project that imports docker.

The engine must be this machine's own: containers get folders of this machine, and the stack listens on 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import getpass
import io
import os
import shutil
import socket
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import DeviceRequest, LogConfig, Mount

from search.errors import ExecutorError

USUAL_SOCKET = "unix:///var/run/docker.sock"
FAILURES = (DockerException, OSError)  # the errors of `requests`, which the SDK lets through, are OSErrors
STDOUT, STDERR = 1, 2  # in the engine's frames
TIMEOUT_S = 120  # an engine that removes large images meanwhile answers slowly


class EngineError(ExecutorError):
    """The engine cannot be used. The message has the command that mends it."""


class FoundImage(NamedTuple):
    """An image: its id, and what its Dockerfile says of it."""

    image_id: str
    labels: dict[str, str]


class FoundContainer(NamedTuple):
    """A container, as the engine lists it. `ports` are those of 127.0.0.1, by the container's own."""

    container_id: str
    running: bool
    labels: dict[str, str]
    ports: dict[int, int]


@dataclass(frozen=True)
class Request:
    """A container to be made, with nothing that it does not need: no network, no capability, a read-only root.

    Attributes:
        image: its name or id.
        name: of the container.
        labels: by which it is found again.
        arguments: for the image's entry point.
        entrypoint: None for the image's own.
        environment: variables.
        user: `uid:gid`.
        readable: folders of this machine, seen at the same path.
        writable: likewise.
        gpus: their indexes; none: no device is asked for.
        memory_mib: the most that it may use.
        processes: the most that it may have, threads counted.
    """

    image: str
    name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    arguments: Sequence[str] = ()
    entrypoint: Sequence[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    readable: Sequence[Path] = ()
    writable: Sequence[Path] = ()
    gpus: Sequence[int] = ()
    memory_mib: int | None = None
    processes: int = 4096

    def parameters(self, api: docker.APIClient) -> dict[str, Any]:
        """What the SDK's `create_container` takes."""
        mounts = [Mount(str(path), str(path), type="bind", read_only=True) for path in self.readable]
        mounts += [Mount(str(path), str(path), type="bind") for path in self.writable]
        devices = [str(gpu) for gpu in self.gpus]
        memory = f"{self.memory_mib}m" if self.memory_mib else None
        host = api.create_host_config(
            auto_remove=True,
            cap_drop=["ALL"],
            device_requests=[DeviceRequest(device_ids=devices, capabilities=[["gpu", "compute", "utility"]])]
            if devices
            else None,
            init=True,  # a program that is process 1 would ignore signals
            log_config=LogConfig(type=LogConfig.types.NONE),  # the executor writes the log; events are no log
            mem_limit=memory,
            memswap_limit=memory,
            mounts=mounts,
            network_mode="none",
            pids_limit=self.processes,
            read_only=True,
            security_opt=["no-new-privileges:true"],
            tmpfs={"/tmp": "size=1g,mode=1777"},
        )
        return {
            "image": self.image,
            "name": self.name,
            "labels": dict(self.labels),
            "command": list(self.arguments),
            "entrypoint": None if self.entrypoint is None else list(self.entrypoint),
            "environment": dict(self.environment),
            "user": self.user,
            "stdin_open": True,  # and closed for the container when the one who is attached goes (StdinOnce)
            "use_config_proxy": False,  # there is no network; proxies may have passwords
            "host_config": host,
        }


class Engine:
    """A connection to this machine's engine. Its methods may be called from several threads.

    Raises:
        EngineError: there is none, or this user may not use it.
    """

    def __init__(self) -> None:
        address = engine_address()
        _reach(address)
        try:
            self._api = docker.APIClient(base_url=address, version="auto", timeout=TIMEOUT_S)
        except FAILURES as error:
            raise EngineError(f"The Docker engine at {address} does not answer: {reason(error)}") from None

    def close(self) -> None:
        """Lets go of the connections."""
        self._api.close()

    def image(self, name: str) -> FoundImage | None:
        """An image of this machine; None where there is none of this name."""
        with _told():
            try:
                found = self._api.inspect_image(name)  # type: ignore[no-untyped-call]
            except ImageNotFound:
                return None
        return FoundImage(found["Id"], dict(found["Config"].get("Labels") or {}))

    def memory_mib(self) -> int:
        """Of the machine, as the engine sees it."""
        with _told():
            return int(self._api.info()["MemTotal"]) // 2**20

    def containers(self, labels: Mapping[str, str]) -> list[FoundContainer]:
        """All that have these labels; an empty value is any."""
        wanted = [f"{key}={value}" if value else key for key, value in labels.items()]
        with _told():
            listed = self._api.containers(all=True, filters={"label": wanted})
        return [
            FoundContainer(
                one["Id"],
                one["State"] == "running",
                dict(one["Labels"]),
                {int(p["PrivatePort"]): int(p["PublicPort"]) for p in one.get("Ports") or [] if "PublicPort" in p},
            )
            for one in listed
        ]

    def remove(self, container_id: str) -> None:
        """Ends and removes a container; one that is gone already is well, and so is one whose engine is away."""
        with contextlib.suppress(*FAILURES):  # its removal may be under way
            self._api.remove_container(container_id, force=True, v=True)

    def files(self, container_id: str, path: str) -> dict[str, bytes] | None:
        """A file of a container, or all of a folder, by the names relative to it; None where it is not there."""
        with _told():
            try:
                chunks, _ = self._api.get_archive(container_id, path)
            except NotFound:
                return None
            content = io.BytesIO(b"".join(chunks))
        found = {}
        with tarfile.open(fileobj=content) as archive:
            for member in archive.getmembers():
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None:
                    found[member.name.partition("/")[2]] = file.read()
        return found

    @contextlib.contextmanager
    def created(self, request: Request) -> Iterator[str]:
        """A container that is made and not started; it goes with the context."""
        with _told():
            container_id = str(self._api.create_container(**request.parameters(self._api))["Id"])
        try:
            yield container_id
        finally:
            self.remove(container_id)

    def start(self, request: Request) -> Attached:
        """Makes and starts a container, attached from its first byte on.

        Raises:
            EngineError: it cannot be made or started; nothing is left of it.
        """
        with _told():
            container_id = str(self._api.create_container(**request.parameters(self._api))["Id"])
        attached = None
        try:
            with _told():
                streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
                pipe = self._api.attach_socket(container_id, params=streams)
                kinds = {"container": [container_id], "event": ["oom", "die", "destroy"]}
                events = self._api.events(since=int(time.time()) - 1, filters=kinds, decode=True)
                attached = Attached(self._api, container_id, pipe, events)
                self._api.start(container_id)
        except BaseException:
            if attached is not None:
                attached.close()
            self.remove(container_id)
            raise
        return attached


class Ending(NamedTuple):
    """How a container ended. `status` is None where the engine was lost."""

    status: int | None
    out_of_memory: bool


class Attached:
    """A running container and the pipe to it. One thread reads; any may send, close and kill."""

    def __init__(self, api: docker.APIClient, container_id: str, pipe: Any, events: Any) -> None:
        self._api, self.container_id = api, container_id
        self._pipe, self._events = pipe, events  # `pipe` keeps its HTTP response, and that the socket
        self._socket: socket.socket = pipe._sock
        self._socket.settimeout(None)

    def read(self) -> Iterator[tuple[int, bytes]]:
        """What it writes, as (STDOUT or STDERR, bytes), until it has closed both."""
        with contextlib.suppress(OSError), self._socket.makefile("rb") as stream:
            while len(header := stream.read(8)) == 8:  # the engine's frames: kind, three zeros, length
                length = int.from_bytes(header[4:], "big")
                yield header[0], _exactly(stream, length)

    def send(self, data: bytes) -> None:
        """Writes to its stdin.

        Raises:
            OSError: it is gone.
        """
        self._socket.sendall(data)

    def close_stdin(self) -> None:
        """What it reads ends here."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """Ends all that runs in it."""
        with contextlib.suppress(*FAILURES):  # it is gone
            self._api.kill(self.container_id)

    def ending(self) -> Ending:
        """Waits for its end."""
        starved = False
        for event in self._heard():
            starved = starved or event.get("Action") == "oom"
            if event.get("Action") == "die":
                return Ending(int(event["Actor"]["Attributes"]["exitCode"]), starved)
        return Ending(None, starved)

    def gone(self) -> None:
        """Waits, after `ending`, until the engine has removed it."""
        for event in self._heard():
            if event.get("Action") == "destroy":
                break
        self.close()

    def close(self) -> None:
        """Lets go of the connections; what runs in the container reads the end of its stdin."""
        # The SDK's own `close` leaves the sockets to the garbage collector.
        for part in (self._pipe._response, self._socket, self._events._response):
            with contextlib.suppress(*FAILURES):
                part.close()

    def _heard(self) -> Iterator[dict[str, Any]]:
        with contextlib.suppress(*FAILURES):
            for event in self._events:  # noqa: UP028  `yield from` would close the stream with this generator
                yield event


def _exactly(stream: BinaryIO, length: int) -> bytes:
    return stream.read(length)


def engine_address() -> str:
    """Where the `docker` command would find the engine: $DOCKER_HOST, its current context, the usual socket."""
    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    with contextlib.suppress(Exception):  # contexts are files that anyone may have broken
        context = docker.ContextAPI.get_current_context()
        if context is not None and context.Host:
            return str(context.Host)
    return USUAL_SOCKET


def _reach(address: str) -> None:
    """A connection of our own first: the SDK's errors do not say what is wrong."""
    if not address.startswith("unix://"):
        raise EngineError(
            f"The Docker engine is at {address}: containers of trainers need the engine of this machine, by a socket "
            "(unix://...). Unset DOCKER_HOST, or: docker context use default"
        )
    path = address.removeprefix("unix://")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(10)
            probe.connect(path)
    except PermissionError:
        raise EngineError(
            f"This user may not use the Docker engine: no permission on {path}. Allow it, then log in anew:\n"
            f"  sudo usermod -aG docker {getpass.getuser()}"
        ) from None
    except OSError as error:
        mend = "sudo systemctl start docker"
        if shutil.which("docker") is None and shutil.which("dockerd") is None:
            mend = "curl -fsSL https://get.docker.com | sudo sh      (Docker is not installed)"
        raise EngineError(
            f"The Docker engine is not running: {path}: {error.strerror or error}. Start it:\n  {mend}"
        ) from None


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """The engine's refusals, in words that say what to do."""
    try:
        yield
    except FAILURES as error:
        raise EngineError(explained(reason(error))) from None


def reason(error: Exception) -> str:
    """What an error of the SDK says, in one line."""
    text = error.explanation if isinstance(error, APIError) and error.explanation else str(error)
    return " ".join((text or type(error).__name__).split())[:500]


# What engines say that cannot give a container a GPU: without the toolkit, with it and no driver, with an old one.
NO_GPU = (
    "could not select device driver",
    "nvidia-container-cli",
    "nvidia-container-runtime",
    "libnvidia-ml.so",
    "unresolvable CDI devices",
    "failed to discover GPU vendor from CDI",
)


def explained(said: str) -> str:
    """An engine's refusal, with the command that mends it where there is one."""
    if any(words in said for words in NO_GPU):
        return (
            f"The Docker engine cannot give a container a GPU: {said}. It needs NVIDIA's driver and its Container "
            "Toolkit (https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/), then:\n"
            "  sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker\n"
            "Or train without one: --gpus none"
        )
    return f"The Docker engine says no: {said}"
