"""Removes what nobody needs any more, and says how much room that makes.

    python -m search.clean --dry-run              what would go
    python -m search.clean                        asks first
    python -m search.clean --cache-gib 5 --yes    at most 5 GiB of decoded images

Image caches that were not used for a month, the oldest first where there are more than `--cache-gib`; they are made
again when they are needed. Models and logs in folders whose study was deleted. What MLflow hides since it was deleted:
studies, and earlier attempts at a trial. What a person deleted in MLflow of a study that is there stays hidden.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from search.addresses.urls import shown_url
from search.commands import (
    ExitStatus,
    add_place_options,
    add_question_options,
    confirmed,
    ended,
    environment_of,
    new_parser,
)
from search.errors import SearchError, SettingsError
from search.folder.lock import holder_of
from search.folder.manifest import FILE, study_folders
from search.settings import Places
from search.stores.there import may_be_there
from search.text import bytes_in, size

if TYPE_CHECKING:
    from search.stores.mlflow.catalog import Hidden

CACHE_DAYS, CACHE_GIB = 30.0, 20.0  # a set of 12,444 images at 120x160 takes 0.24 GiB in gray, 0.7 GiB in colour
DAY_S, GIB = 86_400.0, 2**30


@dataclass
class Plan:
    """What goes: files and folders with a sentence each, what MLflow hides, and what is kept and why."""

    paths: dict[Path, str] = field(default_factory=dict)
    hidden: Hidden | None = None
    kept: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be removed."""
        return not self.paths and not (self.hidden and (self.hidden.runs or self.hidden.experiments))


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = new_parser("clean", __doc__)
    result.add_argument(
        "--cache-days",
        type=float,
        default=CACHE_DAYS,
        metavar="N",
        help="keep caches used in so many days (%(default)g)",
    )
    result.add_argument(
        "--cache-gib", type=float, default=CACHE_GIB, metavar="N", help="keep at most so much of them (%(default)g)"
    )
    add_question_options(result)
    add_place_options(result)
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0; 1 where nothing was confirmed, or MLflow could not be asked; 2 for bad
    input.
    """
    args = parser().parse_args(argv)
    return ended(lambda: _main(args))


def _main(args: argparse.Namespace) -> int:
    for flag in ("cache_days", "cache_gib"):
        if not getattr(args, flag) >= 0:
            raise SettingsError(f"--{flag.replace('_', '-')} {getattr(args, flag):g}: at least 0")
    places = environment_of(args).places
    plan, status = Plan(), ExitStatus.DONE
    _plan_caches(plan, places, args.cache_days * DAY_S, args.cache_gib * GIB, time.time())
    _plan_leftovers(plan, places)
    try:
        _plan_mlflow(plan, places)
    except SearchError as error:
        print(f"MLflow could not be asked: {error}", file=sys.stderr)
        status = ExitStatus.INCOMPLETE
    for line in _lines(plan):
        print(line)
    if plan.is_empty:
        print("There is nothing to be removed.")
        return status
    if args.dry_run:
        return status
    if not confirmed("Remove this for good?", args.yes):
        return ExitStatus.INCOMPLETE
    _remove(plan, places)
    return status


def _plan_caches(plan: Plan, places: Places, most_s: float, most_bytes: float, now: float) -> None:
    """Decoded images, the ones that were used last kept; a file's time of access says when, to a day on most disks."""
    busy = [name for name, folder in study_folders(places).items() if holder_of(folder)]
    if busy:
        plan.kept.append(f"image caches: {', '.join(busy)} is running")
        return
    arrays = []
    for path in places.cache.glob("images-*.npy"):
        found = path.stat()
        arrays.append((max(found.st_atime, found.st_mtime), found.st_size, path))
    room = most_bytes
    for used_at, held, path in sorted(arrays, reverse=True):
        idle_s = now - used_at
        if idle_s > most_s:
            plan.paths[path] = f"{size(held)}, decoded images, not used for {idle_s / DAY_S:.0f} days"
        elif held > room:
            plan.paths[path] = f"{size(held)}, decoded images, beyond --cache-gib"
        else:
            room -= held


def _plan_leftovers(plan: Plan, places: Places) -> None:
    """Folders of studies without a manifest: a study that was deleted, or refused before it began."""
    if not places.studies.is_dir():
        return
    for folder in sorted(places.studies.iterdir()):
        if folder.is_dir() and not (folder / FILE).exists():
            ours = any((folder / name).exists() for name in ("trials", "models", "slots", "controller.log", "lock"))
            journals = any((folder / "trials").glob("[0-9]*.jsonl"))
            if journals:
                plan.kept.append(
                    f"{folder}: it has journals and no {FILE}, without which they mean nothing; look first"
                )
            elif ours and not holder_of(folder):
                plan.paths[folder] = f"{size(bytes_in(folder))}, models and logs of a study that was deleted"


def _plan_mlflow(plan: Plan, places: Places) -> None:
    if not may_be_there(places.tracking_uri):
        return
    from search.stores.mlflow.catalog import Catalog  # imports mlflow: a second or two

    with Catalog(places.tracking_uri, places.artifacts) as catalog:
        hidden = catalog.hidden()
    plan.kept += [f"in MLflow {sentence}" for sentence in hidden.kept]
    if not hidden.runs and not hidden.experiments:
        return
    if places.tracking_uri.startswith(("http://", "https://")):
        plan.kept.append(
            f"in MLflow {_hidden(hidden)}: {shown_url(places.tracking_uri)} is a server, which removes nothing for "
            "good. Where its database is: mlflow gc --older-than 30d"
        )
        return
    plan.hidden = hidden


def _hidden(hidden: Hidden) -> str:
    runs = "1 hidden run" if len(hidden.runs) == 1 else f"{len(hidden.runs)} hidden runs"
    names = f", with all of {', '.join(hidden.names)}" if hidden.names else ""
    return f"{runs}{names}"


def _lines(plan: Plan) -> list[str]:
    lines = [f"{path}: {what}" for path, what in plan.paths.items()]
    if plan.hidden:
        lines.append(f"MLflow: {_hidden(plan.hidden)}, their artifacts and models")
    return [*lines, *(f"kept: {sentence}" for sentence in plan.kept)]


def _remove(plan: Plan, places: Places) -> None:
    before = _held(plan)
    for path in plan.paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.with_suffix(".json").unlink(missing_ok=True)  # first: without it the array is none
            path.unlink(missing_ok=True)
    if plan.hidden:
        from search.stores.mlflow.catalog import Catalog

        with Catalog(places.tracking_uri, places.artifacts) as catalog:
            catalog.remove(plan.hidden)
    print(f"Removed {size(before)} of files" + (f", and {_hidden(plan.hidden)} in MLflow." if plan.hidden else "."))


def _held(plan: Plan) -> int:
    return sum(bytes_in(path) if path.is_dir() else path.stat().st_size for path in plan.paths)


if __name__ == "__main__":
    sys.exit(main())
