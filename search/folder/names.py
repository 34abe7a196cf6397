"""The name that a study runs under: of its folder, its Optuna study and its MLflow experiment."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

from search.folder.manifest import read_manifest
from search.settings import Places
from search.study import Study


def study_name(
    study: Study, places: Places, *, demo: bool, quick: bool, fresh: bool, taken: Callable[[str], set[str]]
) -> str:
    """`pooling`, `pooling-demo-quick`, and after --fresh `pooling-2`.

    Studies on the demo set and quick ones are never mixed with real ones. Of several, a run continues the last. A fresh
    one takes no name that Optuna's storage knows, as from another folder of runs. A folder that is a study of another
    name, say of a file `pooling-2.toml`, is left to it.

    Args:
        study: the design.
        places: the folder of runs and Optuna's storage.
        demo: whether it trains on the demo set.
        quick: whether it was cut short.
        fresh: whether a new study is begun beside the old one.
        taken: gives the names that a storage knows; asked for a fresh study alone.
    """
    base = "-".join([study.name, *(["demo"] if demo else []), *(["quick"] if quick else [])])
    owners = _owners(places.studies, base)
    last = _last(owners, study.name)
    if last and not fresh:
        return _numbered(base, last)
    known = taken(places.storage_url) if fresh else set()
    free = (n for n in itertools.count(last + 1) if n not in owners and _numbered(base, n) not in known)
    return _numbered(base, next(free))


def last_of(base: str, study: str, places: Places) -> str:
    """Of `base`, `base-2`, ... that a study file of this name has begun, the one that a run continues; `base` if none.

    Raises:
        StorageError: a note of a study is damaged.
    """
    return _numbered(base, _last(_owners(places.studies, base), study) or 1)


def _last(owners: Mapping[int, str], study: str) -> int:
    return max((number for number, owner in owners.items() if owner == study), default=0)


def _owners(studies: Path, base: str) -> dict[int, str]:
    """The studies that the folders `base`, `base-2`, ... hold: the names of their study files, by number."""
    found = {}
    for folder in [studies / base, *studies.glob(f"{base}-[0-9]*")]:
        tail = folder.name.removeprefix(base).removeprefix("-")
        number = int(tail) if tail.isdigit() else 1
        if folder.name == _numbered(base, number) and (manifest := read_manifest(folder)):  # `base-1` is no generation
            found[number] = manifest.study.name
    return found


def _numbered(base: str, number: int) -> str:
    return base if number == 1 else f"{base}-{number}"
