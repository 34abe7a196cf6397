"""What lies in a folder of images: files, classes, splits and photographs, by listing alone (no file is opened)."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from trainer.errors import DataError

Side = Literal["TRAIN", "VAL", "TEST", ""]
SIDES: tuple[Side, Side] = ("TRAIN", "TEST")
DEMO_MARKER = "demo.json"
# Photographs that each side must have in every class: TRAIN is split again, into training and validation.
NEEDED: dict[Side, tuple[int, str]] = {
    "TRAIN": (2, "at least 2 are needed, one to train and one to validate"),
    "TEST": (1, "at least 1 is needed"),
}

_PHOTO_NAME = re.compile(r"(_\d+)_\d+\.(?:jpe?g|png)", re.IGNORECASE)  # _<photo>_<n>.jpeg, as in the Kaggle set
_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}  # left by Windows and macOS
_IMAGE_ENDINGS = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True)
class Index:
    """The files of a folder, sorted by relative path. The tuples from `files` on have one item a file.

    Attributes:
        root: the folder, absolute.
        name: the folder's name; "demo" for the demo set.
        is_demo: the folder was drawn by `trainer.data.write_demo`.
        class_names: sorted; a label is a place in this tuple.
        files: paths relative to `root`, with forward slashes.
        sides: "TRAIN" or "TEST".
        labels: places in `class_names`.
        photos: the photograph's key, (split, class, number) written "TEST/MONOCYTE/_2". Numbers restart in every split
            and class. A file without the naming pattern is its own photograph: "TEST/MONOCYTE/cell.png".
        sizes: bytes; -1 where the file cannot be looked at.
        mtimes_ns: nanoseconds since 1970; 0 where the file cannot be looked at.
    """

    root: Path
    name: str
    is_demo: bool
    class_names: tuple[str, ...]
    files: tuple[str, ...]
    sides: tuple[Side, ...]
    labels: tuple[int, ...]
    photos: tuple[str, ...]
    sizes: tuple[int, ...]
    mtimes_ns: tuple[int, ...]
    told: tuple[str, ...] = ()
    told_by: str = ""
    layout: str = ""
    notes: tuple[str, ...] = ()

    def subset(self, rows: Iterable[int]) -> Index:
        """The same folder with these files only."""
        kept = list(rows)
        return replace(
            self,
            files=tuple(self.files[row] for row in kept),
            sides=tuple(self.sides[row] for row in kept),
            labels=tuple(self.labels[row] for row in kept),
            photos=tuple(self.photos[row] for row in kept),
            sizes=tuple(self.sizes[row] for row in kept),
            mtimes_ns=tuple(self.mtimes_ns[row] for row in kept),
        )


def scan(root: Path) -> Index:
    """List `root`, which holds TRAIN/<CLASS>/ and TEST/<CLASS>/ with the images.

    Hidden files and folders are ignored, and so are the files that Windows and macOS leave behind.

    Raises:
        DataError: naming every problem of the layout: a missing folder, classes that differ between TRAIN and TEST, a
            class without images or with too few photographs, fewer than two classes, images outside a class folder.
    """
    index, problems = list_folder(root)
    if problems:
        raise refusal(index, problems)
    return index


def list_folder(root: Path) -> tuple[Index, list[str]]:
    """The index and the problems of the layout, so that a caller can go on to look for problems inside the files.

    Raises:
        DataError: there is no such folder, or it lacks TRAIN or TEST.
    """
    root = Path(root).resolve()
    _check_sides(root)
    problems: list[str] = []
    found: dict[Side, dict[str, list[tuple[str, int, int]]]] = {side: {} for side in SIDES}
    for side in SIDES:
        for entry in _visible(root / side, side, problems):
            place = f"{side}/{entry.name}"
            if entry.is_dir():
                found[side][entry.name] = _class_files(root / place, place, problems)
            elif Path(entry.name).suffix.lower() in _IMAGE_ENDINGS:
                problems.append(f"{shown(place)}: an image outside a class folder; allowed: {side}/<CLASS>/<image>")
    names = sorted({*found["TRAIN"], *found["TEST"]})
    rows = [
        (f"{side}/{name}/{file}", side, label, _photo(side, name, file), size, mtime_ns)
        for side in SIDES
        for label, name in enumerate(names)
        for file, size, mtime_ns in found[side].get(name, [])
    ]
    rows.sort()
    is_demo = (root / DEMO_MARKER).is_file()
    index = Index(
        root=root,
        name="demo" if is_demo else root.name,
        is_demo=is_demo,
        class_names=tuple(names),
        files=tuple(row[0] for row in rows),
        sides=tuple(row[1] for row in rows),
        labels=tuple(row[2] for row in rows),
        photos=tuple(row[3] for row in rows),
        sizes=tuple(row[4] for row in rows),
        mtimes_ns=tuple(row[5] for row in rows),
    )
    for side, other in (SIDES, SIDES[::-1]):
        lacking = [shown(name) for name in names if name not in found[side]]
        if lacking:
            problems.append(
                f"{side}: no folder for {_listing(lacking)}, which {other} has; both must have the same classes"
            )
    if len(names) < 2:
        problems.append(f"{len(names)} class ({_listing(names) or 'none'}); at least 2 are needed")
    present = {(side, name) for side in SIDES for name in found[side]}
    return index, problems + class_problems(index, present)


def refusal(index: Index, problems: list[str], hint: str = "") -> DataError:
    """The error that lists all problems of a folder."""
    count = f"{len(problems):,} problem{'s' if len(problems) != 1 else ''}"
    return DataError(f"{index.root} cannot be used as a set of images: {count}.{hint}", problems)


def class_problems(index: Index, present: set[tuple[Side, str]] | None = None) -> list[str]:
    """A line for each class with too few photographs. `present` limits it to these classes (default: all)."""
    photos: dict[tuple[Side, str], set[str]] = defaultdict(set)
    for side, label, photo in zip(index.sides, index.labels, index.photos, strict=True):
        photos[side, index.class_names[label]].add(photo)
    problems = []
    for side in SIDES:
        needed, why = NEEDED[side]
        for name in index.class_names:
            count = len(photos[side, name])
            if count < needed and (present is None or (side, name) in present):
                found = f"{count} photograph" if count else "no images"
                problems.append(f"{shown(f'{side}/{name}')}: {found}; {why}")
    return problems


def shown(name: str) -> str:
    """A file's name as it can be printed: quoted and escaped where it has line breaks or other control characters."""
    return name if name.isprintable() else ascii(name)


def photographs(index: Index) -> Counter[tuple[Side, int]]:
    """How many photographs each (split, label) has."""
    return Counter((side, label) for side, label, _ in {*zip(index.sides, index.labels, index.photos, strict=True)})


def _check_sides(root: Path) -> None:
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise DataError(f"{root} {what}; a folder with TRAIN/<CLASS>/ and TEST/<CLASS>/ is needed.")
    missing = [side for side in SIDES if not (root / side).is_dir()]
    if not missing:
        return
    hint = ""
    for pattern in ("*/TRAIN", "*/*/TRAIN", "*/*/*/TRAIN"):  # as deep as the Kaggle archive: dataset2-master twice
        for inner in sorted(root.glob(pattern)):
            if (inner.parent / "TEST").is_dir():
                hint = f" Did you mean {inner.parent}?"
                break
    raise DataError(
        f"{root} has no folder {' and no folder '.join(missing)}; TRAIN/<CLASS>/ and TEST/<CLASS>/ are needed.{hint}"
    )


def _visible(folder: Path, place: str, problems: list[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            listed = list(entries)
    except OSError as error:
        problems.append(f"{shown(place)}: cannot be listed ({error.strerror})")
        return []
    visible = [e for e in listed if not e.name.startswith(".") and e.name.lower() not in _SYSTEM_FILES]
    for entry in visible:
        if not _is_utf8(entry.name):
            problems.append(f"{f'{place}/{entry.name}'!a}: the name is not UTF-8; rename it")
    return [entry for entry in visible if _is_utf8(entry.name)]


def _class_files(folder: Path, place: str, problems: list[str]) -> list[tuple[str, int, int]]:
    files = []
    for entry in _visible(folder, place, problems):
        if entry.is_dir():
            problems.append(
                f"{shown(f'{place}/{entry.name}')}: a folder inside a class folder; "
                f"allowed: images directly in {shown(place)}"
            )
            continue
        try:
            status = entry.stat()
            files.append((entry.name, status.st_size, status.st_mtime_ns))
        except OSError:  # a broken link: the reader lists it with the bad files
            files.append((entry.name, -1, 0))
    return files


def _photo(side: Side, name: str, file: str) -> str:
    match = _PHOTO_NAME.fullmatch(file)
    return f"{side}/{name}/{match[1] if match else file}"


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # the system gives bytes that are no UTF-8 as lone surrogates
        return False
    return True


def _listing(names: list[str]) -> str:
    return ", ".join(names)
