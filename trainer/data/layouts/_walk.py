"""Listing folders: what is visible, what lies below a class folder, and which folders there are patients."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from trainer.data.layouts._base import Entry, Side, shown

IMAGE_ENDINGS = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"}
_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx"}  # left by Windows and macOS
_SEARCHED = 64  # folders in one: what holds more are classes or patients, not a set that was packed once more


class File(NamedTuple):
    """A file below a class folder: the folders between (from the class down), its path, bytes and time."""

    folders: tuple[str, ...]
    path: str
    size: int
    mtime_ns: int


def visible(folder: Path, place: str, problems: list[str]) -> list[os.DirEntry[str]]:
    """What lies in `folder`, without hidden files and what systems leave behind. `place` names it in messages."""
    try:
        with os.scandir(folder) as entries:
            listed = list(entries)
    except OSError as error:
        problems.append(f"{shown(place) or folder}: cannot be listed ({error.strerror})")
        return []
    seen = [e for e in listed if not e.name.startswith(".") and e.name.lower() not in _SYSTEM_FILES]
    for entry in seen:
        if not _is_utf8(entry.name):
            problems.append(f"{joined(place, entry.name)!a}: the name is not UTF-8; rename it")
    return [entry for entry in seen if _is_utf8(entry.name)]


def is_image(name: str) -> bool:
    """Whether a file's name ends like an image's. Only for what lies where no image is expected."""
    return Path(name).suffix.lower() in IMAGE_ENDINGS


def files_below(
    folder: Path, place: str, problems: list[str], above: tuple[tuple[int, int], ...] = (), inner: tuple[str, ...] = ()
) -> Iterator[File]:
    """Every file in `folder` and the folders in it, but for links that lead back up."""
    try:
        status = folder.stat()
    except OSError as error:
        problems.append(f"{shown(place)}: cannot be listed ({error.strerror})")
        return
    here = (status.st_dev, status.st_ino)
    if here in above:
        problems.append(f"{shown(place)}: a link to a folder that it lies in; remove it")
        return
    for entry in visible(folder, place, problems):
        path = joined(place, entry.name)
        if entry.is_dir():
            yield from files_below(folder / entry.name, path, problems, (*above, here), (*inner, entry.name))
            continue
        try:
            found = entry.stat()
            yield File(inner, path, found.st_size, found.st_mtime_ns)
        except OSError:  # a broken link: the reader of images lists it with the bad files
            yield File(inner, path, -1, 0)


def class_folders(
    root: Path, place: str, side: Side, problems: list[str]
) -> tuple[set[str], list[tuple[Entry, tuple[str, ...]]]]:
    """The class folders of one side, and their files with the folders below the class.

    Args:
        root: of the set.
        place: the folder that holds the class folders, relative to `root`; "" for `root` itself.
        side: of its files.
        problems: gets a line for each image that lies beside the class folders.
    """
    names: set[str] = set()
    rows: list[tuple[Entry, tuple[str, ...]]] = []
    for entry in visible(root / place, place, problems):
        inside = joined(place, entry.name)
        if entry.is_dir():
            names.add(entry.name)
            for file in files_below(root / inside, inside, problems):
                rows.append((Entry(file.path, side, entry.name, file.size, file.mtime_ns), file.folders))
        elif is_image(entry.name):
            allowed = joined(place, "<CLASS>/<image>")
            problems.append(f"{shown(inside)}: an image outside a class folder; allowed: {allowed}")
    return names, rows


def told_by_folders(rows: Sequence[tuple[Entry, tuple[str, ...]]]) -> tuple[list[Entry], str, list[str]]:
    """Takes the first level of folders below the classes as patients.

    A level at which all folders have one name (`<CLASS>/images/<PATIENT>/`) tells nothing and is passed over.

    Returns:
        The entries with `told`, "folders" where any is told, else "", and notes for people.
    """
    levels = [folders for _, folders in rows]
    while len({folders[0] for folders in levels if folders}) == 1:
        levels = [folders[1:] for folders in levels]
    told = [folders[0] if folders else "" for folders in levels]
    entries = [entry._replace(told=unit) for (entry, _), unit in zip(rows, told, strict=True)]
    units: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for entry in entries:
        if entry.told:
            units[entry.told].add((entry.side, entry.label))
    if not units:
        return entries, "", []
    notes = [f"The {len(units):,} folders inside the class folders are taken as patients."]
    if shared := sum(len(places) > 1 for places in units.values()):
        what = "1 of these names stands" if shared == 1 else f"{shared:,} of these names stand"
        notes.append(f"{what} under several classes or splits, and is the same patient there.")
    if outside := told.count(""):
        what = (
            "1 image lies in no such folder, and has" if outside == 1 else f"{outside:,} images lie in none, and have"
        )
        notes.append(f"{what} no patient told.")
    return entries, "folders", notes


def folders_below(root: Path, levels: int) -> Iterator[Path]:
    """The folders below `root` in the order of their names, the upper ones first; no more than `_SEARCHED` in one."""
    above = [root]
    for _ in range(levels):
        found: list[Path] = []
        for folder in above:
            inner = sorted(folder / entry.name for entry in visible(folder, "", []) if entry.is_dir())
            found += inner if len(inner) <= _SEARCHED else []
        yield from found
        above = found


def joined(place: str, name: str) -> str:
    """A path below the root; `place` may be the root, ""."""
    return f"{place}/{name}" if place else name


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # the system gives bytes that are no UTF-8 as lone surrogates
        return False
    return True
