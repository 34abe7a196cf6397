"""Looks at a machine before anything is started there: what it has, and what is wrong with it."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from search.errors import ExecutorError
from search.executors._base import TrainerSource
from search.executors._host_settings import HostSettings
from search.executors.hosts import there
from search.executors.hosts.code import code_as_tar
from search.executors.hosts.connection import Connections, Refused
from trainer.fingerprint import code_fingerprint

OLDEST, NEWEST = (3, 11), (3, 13)  # that TensorFlow 2.21 is built for (pyproject.toml)
SOURCE = Path(there.__file__).read_text(encoding="utf-8")
# What the trainer imports, by its name for pip; the backend's package comes beside them.
PACKAGES = {
    "cv2": "opencv-python-headless",
    "keras": "keras",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "PIL": "pillow",
    "pydantic": "pydantic",
    "rich": "rich",
    "scipy": "scipy",
}


@dataclass(frozen=True)
class Found:
    """A machine as it was found.

    Attributes:
        host: what was said of it.
        problems: sentences, each with what mends it; a machine without any can be used.
        machine: its own name.
        python: version.
        cores: that a login may use.
        processor: its model.
        gpus: names, as nvidia-smi counts.
        backend: the backend's package and its version.
        data: the folder of images there, or `demo`.
        cache: the folder of decoded images there.
    """

    host: HostSettings
    problems: tuple[str, ...] = ()
    machine: str = ""
    python: str = ""
    cores: int = 0
    processor: str = ""
    gpus: tuple[str, ...] = ()
    backend: str = ""
    data: str = ""
    cache: str = ""
    packages: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, host: HostSettings, said: Mapping[str, Any], backend: str, data: str | None) -> Found:
        """What `there.look` said, without a judgement.

        Args:
            host: the machine.
            said: what it said.
            backend: Keras's.
            data: the folder of images that was asked for.
        """
        return cls(
            host,
            machine=said["machine"],
            python=".".join(map(str, said["python"])),
            cores=said["cores"],
            processor=said["processor"],
            gpus=tuple(said["gpus"]),
            backend=f"{backend} {said['packages'].get(backend) or ''}".strip(),
            data=said["data"] or data or "",
            cache=said["cache"],
            packages=said["packages"],
        )

    @property
    def code(self) -> str:
        """The folder there that holds the package `trainer`."""
        return f"{self.cache}/code/{code_fingerprint()}"


def environment_for_looking(machine: Found) -> list[str]:
    """The words before the arguments of a Python there that can import the trainer."""
    return ["env", f"PYTHONPATH={machine.code}", machine.host.interpreter]


def look_at_all(
    hosts: Sequence[HostSettings], connections: Connections, source: TrainerSource | None, program: str | None = None
) -> list[Found]:
    """Looks at all machines at once, as `look_at` does at one."""
    with ThreadPoolExecutor(max_workers=max(1, len(hosts))) as pool:
        return list(pool.map(lambda host: look_at(host, connections, source, program), hosts))


def look_at(
    host: HostSettings, connections: Connections, source: TrainerSource | None, program: str | None = None
) -> Found:
    """Looks at a machine, and gives it the trainer's code where it can be used.

    Args:
        host: the machine.
        connections: to it.
        source: the folders of this machine; None: images are not looked for.
        program: a command in the place of the trainer's; tests give one. Keras is not looked for then.
    """
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    packages = {} if program else {**PACKAGES, backend: backend}
    data = data_there(host, source)
    asked = {
        "data": None if data == "demo" else data,
        "cache": host.cache,
        "packages": list(packages),
        "programs": [program] if program else [],
        "code": code_fingerprint(),
    }
    try:
        told = connections.run(host, [host.interpreter, "-c", SOURCE, "look", json.dumps(asked)])
        said: dict[str, Any] = json.loads(told.splitlines()[-1])
    except Refused as error:
        return Found(host, (str(error),))
    except (ValueError, IndexError):
        return Found(
            host, (f"{host.interpreter} there did not answer as a Python does; say in hosts.toml where one is",)
        )
    found = Found.of(host, said, backend, data)
    problems = _problems(found, said, packages)
    if not problems and not said["has_code"]:
        try:
            unpack = [host.interpreter, "-c", SOURCE, "unpack", f"{found.cache}/code", code_fingerprint()]
            connections.run(host, unpack, code_as_tar())
        except Refused as error:
            problems.append(f"the trainer's code cannot be put into {found.cache}/code: {error}")
    return replace(found, problems=tuple(problems))


def data_there(host: HostSettings, source: TrainerSource | None) -> str | None:
    """The folder of images on a machine: where its settings say, else where it is here. The demo set is drawn there."""
    if source is None:
        return host.data
    if source.data == source.cache / "demo":
        return "demo"
    return host.data or str(source.data)


def _problems(found: Found, said: dict[str, Any], packages: dict[str, str]) -> list[str]:
    host, problems = found.host, []
    version = tuple(said["python"][:2])
    if not OLDEST <= version <= NEWEST:
        problems.append(
            f"{host.interpreter} there is Python {found.python}; allowed: 3.11 to 3.13. Say in hosts.toml where one is "
            "(python)"
        )
    missing = [package for name, package in packages.items() if said["packages"][name] is None]
    if missing and not problems:
        pip = packages_to_install(said["executable"], missing)
        problems.append(f"Python there has no {', '.join(missing)}: {_on(host, pip)}")
    problems += [f"The trainer cannot be started: {name} is not there." for name in said["no_programs"]]
    if said["cache_refused"]:
        problems.append(
            f"the cache {found.cache} there cannot be written: {said['cache_refused']}. Name another in hosts.toml "
            "(cache)"
        )
    if not said["has_data"]:
        copy = f"rsync -a {shlex.quote(found.data)}/ {host.name}:{shlex.quote(found.data)}/"
        named = "" if host.data else " (the path of this machine)"
        problems.append(
            f"there is no folder {found.data}{named}. Copy the images: {copy}, or say in hosts.toml where they are "
            "(data)"
        )
    return problems


def packages_to_install(python: str, packages: Sequence[str]) -> str:
    """The command that installs packages, in the versions that this machine has."""
    return shlex.join([python, "-m", "pip", "install", *map(_as_here, packages)])


def _as_here(package: str) -> str:
    """For pip: the version that this machine has."""
    try:
        return f"{package}=={metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return package


def _on(host: HostSettings, command: str) -> str:
    return shlex.join([*host.command, command]) if host.by_ssh else shlex.join(host.command) + " " + command


def refuse(found: Sequence[Found]) -> None:
    """Refuses machines that cannot be used.

    Raises:
        ExecutorError: lists all that is wrong with each.
    """
    lines = [f"{machine.host.name}: {problem}" for machine in found for problem in machine.problems]
    if len(lines) == 1:
        raise ExecutorError(lines[0])
    if lines:
        raise ExecutorError("\n  ".join(["Machines that cannot be used:", *lines]))
