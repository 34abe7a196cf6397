"""The files of one's own that a study needs: the code of its model and its augmentation, and what that reads.

A study file names them beside itself; `--set` and `--model` from the working directory. In the study they stand by
their names alone, as all of them lie in one folder when it is run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from search.study.diagnostics import Mistake, shown
from search.study.diagnostics import Path as Place
from trainer.own.names import KINDS

_REFERENCE = re.compile(r"(?P<file>[^:]+\.py):(?P<function>\w+)")
_NAME = re.compile(r"[\w.-]+", re.ASCII)


class Code(BaseModel):
    """Files of one's own, by name.

    Attributes:
        paths: where they are now.
        digests: SHA-256 of what is in them, as hex digits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: dict[str, str]
    digests: dict[str, str]

    def files(self) -> list[Path]:
        """Every file that a trainer of the study needs, for an executor that carries them elsewhere."""
        return [Path(path) for path in self.paths.values()]

    def lying_in(self, folder: Path) -> Code:
        """The same files, copied into a folder."""
        return Code(paths={name: str(folder / name) for name in self.paths}, digests=self.digests)

    def joined(self, other: Code | None) -> Code:
        """These, and other ones; of files of one name the other's."""
        if other is None:
            return self
        return Code(paths={**self.paths, **other.paths}, digests={**self.digests, **other.digests})


def digest_of(path: Path) -> str:
    """SHA-256 of a file, as hex digits.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def located(data: dict[str, Any], folder: Path) -> tuple[Code | None, list[Mistake]]:
    """The files that the plain data of a study names, which are put there by their names alone; and what is wrong.

    Args:
        data: of a study file; changed in place.
        folder: that the names are relative to.
    """
    paths: dict[str, str] = {}
    digests: dict[str, str] = {}
    mistakes = []
    for place, holder, key, file, rest in _named(data):
        path = (folder / file).expanduser()
        name = path.name
        if not _NAME.fullmatch(name):
            mistakes.append(Mistake(place, f"found {shown(file)}; allowed: a file's name of a-z, A-Z, 0-9, _, . and -"))
            continue
        holder[key] = f"{name}{rest}"
        try:
            digest = digest_of(path)
        except (OSError, ValueError) as error:
            why = "there is no such file" if isinstance(error, FileNotFoundError) else "it cannot be read"
            mistakes.append(Mistake(place, f"found {shown(file)}; {why}: {path}"))
            continue
        if digests.get(name, digest) != digest:
            mistakes.append(Mistake(place, f"found {shown(file)}, another file of the name {name}; rename one"))
        paths[name], digests[name] = str(path.resolve()), digest
    return (Code(paths=paths, digests=digests) if paths else None), mistakes


def _named(data: dict[str, Any]) -> Iterator[tuple[Place, Any, str | int, str, str]]:
    """Every value that names a file: its place, what holds it and where, the file, and what follows it."""
    for place, holder, key in _settings(data):
        value = holder[key]
        found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if found is not None:
            yield place, holder, key, found["file"], f":{found['function']}"
    files = data.get("files")
    if isinstance(files, list):
        for index, file in enumerate(files):
            if isinstance(file, str):
                yield ("files", index), files, index, file, ""


def _settings(data: dict[str, Any]) -> Iterator[tuple[Place, Any, str | int]]:
    for kind in KINDS:
        fixed = data.get("fixed")
        if isinstance(fixed, dict) and kind in fixed:
            yield ("fixed", kind), fixed, kind
        for role in ("scientific", "nuisance"):
            table = data.get(role)
            spec = table.get(kind) if isinstance(table, dict) else None
            if not isinstance(spec, dict):
                continue
            if "reference" in spec:
                yield (role, kind, "reference"), spec, "reference"
            levels = spec.get("levels")
            if isinstance(levels, list):
                for index in range(len(levels)):
                    yield (role, kind, "levels", index), levels, index
