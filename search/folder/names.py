"""The name that a study runs under: of its folder, its Optuna study and its MLflow experiment."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path

from search.errors import StorageError
from search.settings import Places
from search.stores.optuna import names_in
from search.study import Study


def study_name(study: Study, places: Places, *, demo: bool, quick: bool, fresh: bool) -> str:
    """`pooling`, `pooling-demo-quick`, and after --fresh `pooling-2`.

    Studies on the demo set and quick ones are never mixed with real ones. Of several, the last is gone on with. A fresh
    one takes no name that Optuna's storage knows, as from another folder of runs. A folder that is a study of another
    name, say of a file `pooling-2.toml`, is left to it.
    """
    base = "-".join([study.name, *(["demo"] if demo else []), *(["quick"] if quick else [])])
    owners = _owners(places.study(base).parent, base)
    last = _last(owners, study.name)
    if last and not fresh:
        return _numbered(base, last)
    taken = names_in(places.storage_url) if fresh else set()
    free = (n for n in itertools.count(last + 1) if n not in owners and _numbered(base, n) not in taken)
    return _numbered(base, next(free))


def last_of(base: str, study: str, places: Places) -> str:
    """Of `base`, `base-2`, ... that a study file of this name has begun, the one that is gone on with; `base` if none.

    Raises:
        StorageError: a note of a study is damaged.
    """
    return _numbered(base, _last(_owners(places.study(base).parent, base), study) or 1)


def _last(owners: Mapping[int, str | None], study: str) -> int:
    return max((number for number, owner in owners.items() if owner in (study, None)), default=0)


def _owners(studies: Path, base: str) -> dict[int, str | None]:
    """The studies that the folders `base`, `base-2`, ... hold; None for one that does not say."""
    found = {}
    for path in [studies / base / "study.json", *studies.glob(f"{base}-[0-9]*/study.json")]:
        tail = path.parent.name.removeprefix(base).removeprefix("-")
        number = int(tail) if tail.isdigit() else 1
        if path.exists() and path.parent.name == _numbered(base, number):  # `base-1` is no generation
            try:
                manifest = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise StorageError(f"{path}: this is no note of a study: {error}") from None
            found[number] = manifest.get("study", {}).get("name")
    return found


def _numbered(base: str, number: int) -> str:
    return base if number == 1 else f"{base}-{number}"
