"""Photographs that stand on several sides (TRAIN, VAL, TEST): a model would be measured on what it was trained on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainer.data.index import ALL_SIDES, Side, shown

PRECEDENCE: tuple[Side, ...] = ("TEST", "VAL", "TRAIN")  # where a photograph stays, with `--leaks drop`


@dataclass(frozen=True)
class Leak:
    """A photograph that stands on several sides.

    Attributes:
        photo: its name.
        images: how many images of it there are, by side.
        examples: a file of each side, those that resemble each other most where pixels told.
    """

    photo: str
    images: dict[Side, int]
    examples: tuple[str, ...]


def find_leaks(
    files: Sequence[str], photos: Sequence[str], sides: Sequence[Side], strongest: Mapping[tuple[int, int], float]
) -> list[Leak]:
    """The photographs on several sides.

    Args:
        files: paths.
        photos: the photograph of each.
        sides: of each.
        strongest: how strongly pairs of rows resemble each other, where that was measured: chooses the examples.
    """
    rows: dict[str, dict[Side, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, (photo, side) in enumerate(zip(photos, sides, strict=True)):
        rows[photo][side].append(row)
    links = sorted(strongest.items(), key=lambda item: -item[1])
    across: dict[str, tuple[int, ...]] = {}
    for (one, other), _ in links:
        if sides[one] != sides[other]:
            across.setdefault(photos[one], (one, other))
    found = []
    for photo, by_side in rows.items():
        if len(by_side) > 1:
            ordered = [side for side in reversed(PRECEDENCE) if side in by_side]
            pair = sorted(across.get(photo, ()), key=lambda row: ordered.index(sides[row]))
            examples = pair or [by_side[side][0] for side in ordered]
            counts = {side: len(by_side[side]) for side in ordered}
            found.append(Leak(photo, counts, tuple(files[row] for row in examples)))
    return found


def without_leaks(photos: Sequence[str], sides: Sequence[Side]) -> list[Side]:
    """A photograph of several sides stays on the first of `PRECEDENCE`; its other images are left out."""
    there: dict[str, set[Side]] = defaultdict(set)
    for photo, side in zip(photos, sides, strict=True):
        there[photo].add(side)
    kept = {photo: next(side for side in PRECEDENCE if side in found) for photo, found in there.items()}
    return [side if side == kept[photo] else "" for photo, side in zip(photos, sides, strict=True)]


def leaking_sides(leaks: Sequence[Leak]) -> str:
    """The sides that the leaks are between, as a sentence lists them: "TRAIN and TEST"."""
    return _listed([side for side in ALL_SIDES if any(side in leak.images for leak in leaks)])


def dropped(leaks: Sequence[Leak]) -> str:
    """What `--leaks drop` does about these, as a clause: "TRAIN loses the images whose photograph is in TEST"."""
    losing: dict[Side, set[Side]] = defaultdict(set)
    for leak in leaks:
        kept = next(side for side in PRECEDENCE if side in leak.images)
        losing[kept] |= leak.images.keys() - {kept}
    clauses = []
    for kept in PRECEDENCE:
        if sides := [side for side in ALL_SIDES if side in losing[kept]]:
            verb = "loses" if len(sides) == 1 else "lose"
            clauses.append(f"{_listed(sides)} {verb} the images whose photograph is in {kept}")
    return ", ".join(clauses)


def _listed(sides: Sequence[Side]) -> str:
    return " and ".join(filter(None, [", ".join(sides[:-1]), *sides[-1:]]))


def leak_lines(leaks: Sequence[Leak]) -> list[str]:
    """A line for each photograph on several sides."""
    lines = []
    for leak in leaks:
        counts = ", ".join(f"{count:,} in {side}" for side, count in leak.images.items())
        lines.append(f"{' = '.join(map(shown, leak.examples))}: one photograph ({counts})")
    return lines
