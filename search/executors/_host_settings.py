"""The machines that slots may run on: what `hosts.toml` says of each, and `--hosts`."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from search.errors import SettingsError

FILE = "hosts.toml"  # in the working directory
NAME = r"^[A-Za-z0-9_][\w.@-]*$"  # as ssh takes it: an alias of ~/.ssh/config, or USER@MACHINE
CACHE = "~/.cache/blood-cell-search"


def _a_place(path: str) -> str:
    if not path.startswith(("/", "~/")):
        raise ValueError("not a whole path; allowed: one that begins with / or ~/")
    return path


Place = Annotated[str, AfterValidator(_a_place)]


class HostSettings(BaseModel):
    """One machine.

    Attributes:
        name: for people, and for ssh.
        slots: trainers at once; None: a trainer a GPU, or one a core.
        gpus: indexes as nvidia-smi counts; None: all that are there; empty: the CPU.
        prefix: the words that run a command there; None: `ssh NAME`. Empty: this machine.
        python: the interpreter there that has Keras; None: python3, and on this machine the one that runs.
        data: the folder of images there; None: the same path as here.
        cache: a folder there for decoded images and for the trainer's code; made where it is missing.
        environment: more variables for the trainers there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=NAME)]
    slots: Annotated[int, Field(ge=1, le=64)] | None = None
    gpus: tuple[Annotated[int, Field(ge=0)], ...] | None = None
    prefix: tuple[Annotated[str, Field(min_length=1)], ...] | None = None
    python: Annotated[str, Field(min_length=1)] | None = None
    data: Place | None = None
    cache: Place = CACHE
    environment: dict[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")], str] = {}

    @property
    def command(self) -> tuple[str, ...]:
        """The words before a command."""
        return ("ssh", self.name) if self.prefix is None else self.prefix

    @property
    def interpreter(self) -> str:
        """The Python of that machine."""
        return self.python or ("python3" if self.command else sys.executable)

    @property
    def by_ssh(self) -> bool:
        """Whether a shell there reads the command, as one text."""
        return bool(self.command) and Path(self.command[0]).name == "ssh"


def read_hosts(path: Path) -> tuple[HostSettings, ...]:
    """The machines of a file: a table each, named as the machine.

    Raises:
        SettingsError: the file cannot be used; lists every mistake.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from None
    hosts: list[HostSettings] = []
    mistakes: list[str] = []
    for name, table in tables.items():
        if not isinstance(table, dict):
            mistakes.append(f"{name}: found {table!r:.80}; allowed: tables, one a machine, as [lab1]")
            continue
        try:
            hosts.append(HostSettings.model_validate({"name": name, **_without_name(name, table, mistakes)}))
        except ValidationError as error:
            mistakes += [_mistake(name, dict(item)) for item in error.errors(include_url=False)]
    if not tables:
        mistakes.append("found no machine; allowed: tables, one a machine, as [lab1]")
    if mistakes:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise SettingsError("\n  ".join([f"{path} cannot be used, {count}:", *mistakes]))
    return tuple(hosts)


def chosen_hosts(wanted: str | None, path: str | None) -> tuple[HostSettings, ...]:
    """The machines of `--hosts` and `--hosts-file`.

    Args:
        wanted: as `lab1,lab2:2`, where a number is of slots; None: all of the file.
        path: of the file; None: `hosts.toml`, where it is there. A machine that does not stand in it has the defaults.

    Raises:
        SettingsError: listing every mistake.
    """
    file = Path(path or FILE)
    known = {host.name: host for host in read_hosts(file)} if path or file.is_file() else {}
    if wanted is None:
        if not known:
            raise SettingsError(
                f"--executor hosts: found no machine; allowed: --hosts lab1,lab2:2, or a file {FILE} (see README)"
            )
        return tuple(known.values())
    hosts: dict[str, HostSettings] = {}
    mistakes: list[str] = []
    for part in wanted.split(","):
        name, colon, slots = part.strip().partition(":")
        changes: dict[str, Any] = {"slots": slots} if colon else {}
        if name in hosts:
            mistakes.append(f"{name}: named twice; more slots are {name}:2")
            continue
        try:
            base = known[name].model_dump() if name in known else {"name": name}
            hosts[name] = HostSettings.model_validate({**base, **changes})
        except ValidationError as error:
            mistakes += [_mistake(name or "a name", dict(item)) for item in error.errors(include_url=False)]
    if mistakes:
        raise SettingsError("\n  ".join([f"--hosts {wanted}: allowed are names as lab1,lab2:2", *mistakes]))
    return tuple(hosts.values())


def _without_name(name: str, table: dict[str, Any], mistakes: list[str]) -> dict[str, Any]:
    if "name" in table:
        mistakes.append(f"{name}.name: unknown; the table's own name is the machine's")
    return {key: value for key, value in table.items() if key != "name"}


def _mistake(name: str, item: dict[str, Any]) -> str:
    where = ".".join([name, *(str(part) for part in item["loc"] if part != "name")])
    return f"{where}: {str(item['msg']).removeprefix('Value error, ')} (found {item['input']!r:.80})"
