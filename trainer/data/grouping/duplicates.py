"""Files that have something in common, such as the same bytes: those are one photograph, whatever else is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

from trainer.data.index import Index, shown

_NAMED = 4  # files named in one line; the rest is counted


def same_key(keys: Sequence[Hashable]) -> list[list[int]]:
    """The rows of each key that more than one file has, such as a hash of its bytes. The empty text is no key."""
    rows: dict[Hashable, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        if key != "":
            rows[key].append(row)
    return [group for group in rows.values() if len(group) > 1]


def repeats(index: Index, contents: Sequence[str]) -> list[str]:
    """A line for each file that is there more than once on one side. These are allowed, and kept on one side."""
    lines = []
    for group in same_key(contents):
        if len({index.sides[row] for row in group}) == 1:
            classes = len({index.labels[row] for row in group})
            note = f"the same image under {classes} classes" if classes > 1 else "the same image"
            lines.append(f"{_names(index, group)}: {note}")
    return lines


def _names(index: Index, rows: Sequence[int]) -> str:
    names = [shown(index.files[row]) for row in rows[:_NAMED]]
    rest = len(rows) - len(names)
    return " = ".join([*names, f"{rest} more"] if rest > 0 else names)
