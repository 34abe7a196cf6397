"""Files with the same bytes: which stand in both TRAIN and TEST, and which tie photographs together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from trainer.data.index import ALL_SIDES, Index, shown

_NAMED = 4  # files named in one line; the rest is counted


def same_content(contents: Sequence[str]) -> list[list[int]]:
    """The rows of each content that more than one file has. `contents` is a hash a file; empty: none."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, content in enumerate(contents):
        if content:
            rows[content].append(row)
    return [group for group in rows.values() if len(group) > 1]


def leaks(index: Index, contents: Sequence[str]) -> list[str]:
    """A line for each image that stands on more than one side: in TRAIN and in TEST, or in VAL."""
    lines = []
    for group in same_content(contents):
        sides = sorted({index.sides[row] for row in group}, key=ALL_SIDES.index)
        if len(sides) > 1:
            lines.append(f"{_names(index, group)}: the same image in {' and '.join(sides)}; keep it in one of them")
    return lines


def repeats(index: Index, contents: Sequence[str]) -> list[str]:
    """A line for each image that stands more than once on one side. These are allowed, and kept on one side."""
    lines = []
    for group in same_content(contents):
        if len({index.sides[row] for row in group}) == 1:
            classes = len({index.labels[row] for row in group})
            note = f"the same image under {classes} classes" if classes > 1 else "the same image"
            lines.append(f"{_names(index, group)}: {note}")
    return lines


def _names(index: Index, rows: Sequence[int]) -> str:
    firsts = {index.sides[row]: row for row in reversed(rows)}.values()  # a file of each side, however many there are
    ordered = [*firsts, *(row for row in rows if row not in firsts)]
    names = sorted((shown(index.files[row]) for row in ordered[:_NAMED]), reverse=True)  # TRAIN first
    rest = len(rows) - len(names)
    return " = ".join([*names, f"{rest} more"] if rest > 0 else names)
