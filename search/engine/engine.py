"""`Engine`: a connection to this machine's Docker engine."""

from __future__ import annotations

import contextlib
import io
import tarfile
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import docker
from docker.errors import ImageNotFound, NotFound

from search.engine.address import engine_address, reach
from search.engine.attached import Attached
from search.engine.refusals import FAILURES, EngineError, reason, refusals
from search.engine.request import Request

TIMEOUT_S = 120  # an engine that removes large images meanwhile answers slowly


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


class Engine:
    """A connection to this machine's engine. Its methods may be called from several threads.

    Raises:
        EngineError: there is none, or this user may not use it.
    """

    def __init__(self) -> None:
        address = engine_address()
        reach(address)
        try:
            self._api = docker.APIClient(base_url=address, version="auto", timeout=TIMEOUT_S)
        except FAILURES as error:
            raise EngineError(f"The Docker engine at {address} does not answer: {reason(error)}") from None

    def close(self) -> None:
        """Lets go of the connections."""
        self._api.close()

    def image(self, name: str) -> FoundImage | None:
        """An image of this machine; None where there is none of this name."""
        with refusals():
            try:
                found = self._api.inspect_image(name)  # type: ignore[no-untyped-call]
            except ImageNotFound:
                return None
        return FoundImage(found["Id"], dict(found["Config"].get("Labels") or {}))

    def memory_mib(self) -> int:
        """Of the machine, as the engine sees it."""
        with refusals():
            return int(self._api.info()["MemTotal"]) // 2**20

    def containers(self, labels: Mapping[str, str]) -> list[FoundContainer]:
        """All that have these labels; an empty value is any."""
        wanted = [f"{key}={value}" if value else key for key, value in labels.items()]
        with refusals():
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
        with refusals():
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
        with refusals():
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
        with refusals():
            container_id = str(self._api.create_container(**request.parameters(self._api))["Id"])
        attached = None
        try:
            with refusals():
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
