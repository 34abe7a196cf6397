"""The validation split: by photograph, by class, and the same whenever the seed and the names are the same."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from trainer.data.duplicates import same_content
from trainer.data.index import Index, shown
from trainer.errors import DataError


def choose_validation(index: Index, contents: Sequence[str], fraction: float, seed: int) -> set[str]:
    """The photographs of a folder that validate: those of its VAL side, else some of TRAIN; see `validation_photos`.

    Args:
        index: of the good files.
        contents: a hash of each file's bytes; photographs with equal ones are tied together.
        fraction: above 0, below 1.
        seed: chooses among the possible splits.

    Raises:
        DataError: naming the classes of which no photographs can be kept apart.
    """
    named = {photo for side, photo in zip(index.sides, index.photos, strict=True) if side == "VAL"}
    if named:
        return named
    labels: dict[str, set[str]] = defaultdict(set)
    for side, label, photo in zip(index.sides, index.labels, index.photos, strict=True):
        if side == "TRAIN":
            labels[index.class_names[label]].add(photo)
    tied = [{index.photos[row] for row in rows if index.sides[row] == "TRAIN"} for rows in same_content(contents)]
    return validation_photos(labels, fraction, seed, [tie for tie in tied if tie])


def validation_photos(
    labels: Mapping[str, Iterable[str]], fraction: float, seed: int, tied: Iterable[Iterable[str]] = ()
) -> set[str]:
    """The TRAIN photographs that validate.

    Copies of one photograph resemble each other far more than two photographs do, so a photograph goes to one side
    whole; so do photographs that share an image. Each class gives the share `fraction` of its photographs, rounded to
    the nearest, at least one and at most all but one. Photographs are taken in the order of a hash of seed and name, so
    the order of listing does not matter, nor does another class in the folder.

    Args:
        labels: for each class, the names of its photographs. A photograph may have copies in two classes.
        fraction: above 0, below 1.
        seed: chooses among the possible splits.
        tied: groups of photographs that have an image in common.

    Raises:
        DataError: naming the classes whose photographs are all tied together, so that none can be kept apart.
    """
    groups = _groups({photo for photos in labels.values() for photo in photos}, tied)
    sizes = {group: Counter[str]() for group in groups}
    members: dict[str, tuple[str, ...]] = {photo: group for group in groups for photo in group}
    totals: dict[str, int] = {}
    for name, photos in labels.items():
        unique = set(photos)
        totals[name] = len(unique)
        for photo in unique:
            sizes[members[photo]][name] += 1
    targets = {name: min(total - 1, max(1, math.floor(fraction * total + 0.5))) for name, total in totals.items()}
    ordered = sorted(groups, key=lambda group: hashlib.sha256(f"{seed}/{group[0]}".encode()).digest())
    taken: set[tuple[str, ...]] = set()
    counts = Counter[str]()

    def take(group: tuple[str, ...]) -> None:
        taken.add(group)
        counts.update(sizes[group])

    for group in ordered:
        if all(counts[name] + size <= targets[name] for name, size in sizes[group].items()):
            take(group)
    for name in labels:  # where every group is larger than the class's share: the smallest that leaves some to train
        if counts[name]:
            continue
        for group in sorted((g for g in ordered if sizes[g][name]), key=lambda g: sizes[g][name]):
            if all(counts[other] + size < totals[other] for other, size in sizes[group].items()):
                take(group)
                break
    alone = [name for name in labels if not counts[name]]
    if alone:
        why = "its photographs share images, so none can be kept apart to validate"
        raise DataError("No validation split can be made.", [f"TRAIN/{shown(name)}: {why}" for name in alone])
    return {photo for group in taken for photo in group}


def _groups(photos: set[str], tied: Iterable[Iterable[str]]) -> list[tuple[str, ...]]:
    """The connected components of `tied`; each sorted, and sorted."""
    parent = {photo: photo for photo in photos}

    def root(photo: str) -> str:
        while parent[photo] != photo:
            photo = parent[photo]
        return photo

    for tie in tied:
        first, *others = tie
        for other in others:
            parent[root(other)] = root(first)
    members: dict[str, list[str]] = defaultdict(list)
    for photo in sorted(photos):
        members[root(photo)].append(photo)
    return sorted(tuple(group) for group in members.values())
