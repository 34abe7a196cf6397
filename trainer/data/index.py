"""What lies in a folder of images: files, classes, splits and what is told of photographs, by listing alone.

No image is opened. How folders are laid out is the matter of `trainer.data.layouts`.
"""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from trainer.data.layouts import ALL_SIDES, SIDES, Listing, Side, reader, recognise, shown
from trainer.data.layouts.labels_csv import LabelsCsv
from trainer.errors import DataError

DEMO_MARKER = "demo.json"
# Photographs that each side must have in every class: where nobody named a split, it is made of what there is.
NEEDED: dict[Side, tuple[int, str]] = {
    "TRAIN": (2, "at least 2 are needed, one to train and one to validate"),
    "VAL": (1, "at least 1 is needed"),
    "TEST": (1, "at least 1 is needed"),
    "": (3, "at least 3 are needed, one each to train, to validate and to test"),
}


@dataclass(frozen=True)
class Index:
    """The files of a folder, sorted by relative path. The tuples from `files` to `told` have one item a file.

    Attributes:
        root: the folder, absolute.
        name: the folder's name; "demo" for the demo set.
        is_demo: the folder was drawn by `trainer.data.write_demo`.
        class_names: sorted; a label is a place in this tuple.
        files: paths relative to `root`, with forward slashes.
        sides: "TRAIN", "VAL" or "TEST"; all "" where the folder names no splits.
        labels: places in `class_names`.
        photos: the name of each file's photograph. Listing cannot know it, so it is the file's own path until
            `trainer.data.grouping.grouping.grouped` puts in what was found.
        sizes: bytes; -1 where the file cannot be looked at.
        mtimes_ns: nanoseconds since 1970; 0 where the file cannot be looked at.
        told: the unit (patient or photograph) that the folder tells for a file; "" where it tells none. One name is one
            unit, under whatever classes and splits it stands.
        told_by: where `told` comes from: "folders", "labels.csv", or "" where nothing is told.
        layout: the name of the reader in `trainer.data.layouts.READERS`.
        notes: sentences for people, on how the folder was understood.
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
    told: tuple[str, ...]
    told_by: str = ""
    layout: str = "splits"
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
            told=tuple(self.told[row] for row in kept),
        )


def scan(root: Path, layout: str | None = None) -> Index:
    """List `root`, laid out in any way that `trainer.data.layouts` knows.

    Hidden files and folders are ignored, and so are the files that Windows and macOS leave behind.

    Args:
        root: the folder.
        layout: the name of a reader; None recognises it.

    Raises:
        DataError: naming every problem of the layout: a missing folder, classes that differ between splits, a class
            without images, fewer than two classes, images outside a class folder, mistakes in labels.csv.
    """
    listing, index, problems = _listed(root, layout)
    if problems:
        raise refusal(index, problems, listing.hint)
    return index


def list_folder(root: Path, layout: str | None = None) -> tuple[Index, list[str]]:
    """The index and the problems of the layout, so that a caller can go on to look for problems inside the files.

    Raises:
        DataError: there is no such folder, or its layout is none that is known.
    """
    listing, index, problems = _listed(root, layout)
    if problems and listing.hint:
        problems[-1] += f".{listing.hint}"
    return index, problems


def _listed(root: Path, layout: str | None) -> tuple[Listing, Index, list[str]]:
    root = Path(root).resolve()
    known = recognise(root) if layout is None else reader(layout)
    listing = known.list(root)
    entries = sorted(listing.entries)
    names = sorted(set().union(*listing.classes.values()))
    labels = {name: label for label, name in enumerate(names)}
    is_demo = (root / DEMO_MARKER).is_file()
    index = Index(
        root=root,
        name="demo" if is_demo else root.name,
        is_demo=is_demo,
        class_names=tuple(names),
        files=tuple(entry.file for entry in entries),
        sides=tuple(entry.side for entry in entries),
        labels=tuple(labels[entry.label] for entry in entries),
        photos=tuple(entry.file for entry in entries),
        sizes=tuple(entry.size for entry in entries),
        mtimes_ns=tuple(entry.mtime_ns for entry in entries),
        told=tuple(entry.told for entry in entries),
        told_by=listing.told_by,
        layout=known.name,
        notes=tuple(listing.notes),
    )
    problems = list(listing.problems)
    if listing.classes and (known.name != LabelsCsv.name or not problems):  # a row with a mistake has no class
        problems += _class_mistakes(listing, names, by_folders=known.name == "splits")
    return listing, index, problems


def _class_mistakes(listing: Listing, names: list[str], by_folders: bool) -> list[str]:
    """What is wrong with the classes, as far as listing can know."""
    problems = []
    sides = [side for side in ALL_SIDES if side in listing.classes]
    for side in sides:
        place, classes = listing.places[side], listing.classes[side]
        for name in names:
            if name in classes:
                continue
            other = next(side for side in sides if name in listing.classes[side])
            similar = next((own for own in sorted(classes) if own.lower() == name.lower()), None)
            what = "folder" if by_folders else "row"
            line = f"{shown(place)}: no {what} for {shown(name)}, which {shown(listing.places[other])} has"
            line += f"; {'both' if len(sides) == 2 else 'all'} must have the same classes"
            if similar and by_folders:
                line += f": mv {shlex.quote(f'{place}/{similar}')} {shlex.quote(f'{place}/{name}')}"
            problems.append(line)
    with_images = {(entry.side, entry.label) for entry in listing.entries}
    for side in sides:
        for name in sorted(listing.classes[side]):
            if (side, name) not in with_images:
                place = f"{listing.places[side]}/{name}" if side else name
                problems.append(f"{shown(place)}: no images; at least 1 is needed")
    if len(names) < 2:
        found = ", ".join(map(shown, names)) or "none"
        problems.append(f"{len(names)} class{'es' if not names else ''} ({found}); at least 2 are needed")
    return problems


def refusal(index: Index, problems: list[str], hint: str = "") -> DataError:
    """The error that lists all problems of a folder."""
    count = f"{len(problems):,} problem{'s' if len(problems) != 1 else ''}"
    return DataError(f"{index.root} cannot be used as a set of images: {count}.{hint}", problems)


def class_problems(index: Index, named: Collection[Side] = ()) -> list[str]:
    """A line for each class with too few photographs; `named` are sides that must be there beside those that are."""
    photos: dict[tuple[Side, str], set[str]] = defaultdict(set)
    for side, label, photo in zip(index.sides, index.labels, index.photos, strict=True):
        photos[side, index.class_names[label]].add(photo)
    problems = []
    sides = {*index.sides, *named} or set(SIDES)
    for side in ALL_SIDES:
        if side not in sides:
            continue
        needed, why = NEEDED[side]
        if side == "TRAIN" and "VAL" in sides:
            needed, why = NEEDED["VAL"]
        for name in index.class_names:
            count = len(photos[side, name])
            if count < needed:
                found = f"{count} photograph{'s' if count != 1 else ''}" if count else "no images"
                place = f"{side}/{name}" if side else name
                problems.append(f"{shown(place)}: {found}; {why}")
    return problems


def sides_of(index: Index) -> tuple[Side, ...]:
    """The sides that the folder has, in their usual order; TRAIN and TEST where it has no images."""
    present = set(index.sides) or set(SIDES)
    return tuple(side for side in ALL_SIDES if side in present)


def example_image(root: Path) -> Path | None:
    """A test image of `root`, or another where no split is named; None where there is none."""
    try:
        index, _ = list_folder(root)
    except DataError:
        return None
    rows = sorted(range(len(index.files)), key=lambda row: index.sides[row] != "TEST")
    return index.root / index.files[rows[0]] if rows else None


def photograph_counts(index: Index) -> Counter[tuple[Side, int]]:
    """How many photographs each (side, label) has."""
    return Counter((side, label) for side, label, _ in {*zip(index.sides, index.labels, index.photos, strict=True)})


__all__ = [
    "ALL_SIDES",
    "DEMO_MARKER",
    "NEEDED",
    "SIDES",
    "Index",
    "Side",
    "class_problems",
    "example_image",
    "list_folder",
    "photograph_counts",
    "refusal",
    "scan",
    "shown",
    "sides_of",
]
