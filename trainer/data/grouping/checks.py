"""What is refused of a folder's photographs: too few of a class, and photographs on several sides."""

from __future__ import annotations

import contextlib
from pathlib import Path

from trainer.data.folds import FOLDS, assign_folds, check_folds, fold_count
from trainer.data.grouping.grouping import Grouping, grouped
from trainer.data.grouping.leaks import dropped, leak_lines, leaking_sides
from trainer.data.images.depth import FULL, Ranges
from trainer.data.index import Index, class_problems, refusal
from trainer.errors import DataError
from trainer.outside import typed


def check_photographs(index: Index, grouping: Grouping, pictures: Path | None = None, ranges: Ranges = FULL) -> None:
    """Refuses photographs on several sides, where the user did not say otherwise, and too few of a class.

    Args:
        index: of the good files.
        grouping: theirs.
        pictures: a folder for a picture of leaking pairs.
        ranges: of values, for images of more than 8 bits.

    Raises:
        DataError: listing every problem, with the ways on.
    """
    if grouping.leaks and grouping.policy == "stop":
        raise DataError(*_leak_refusal(index, grouping, pictures, ranges))
    problems = photograph_problems(index, grouping)
    if problems:
        hint = "" if grouping.method == "none" else f" Photographs are {grouping.how}."
        raise refusal(index, problems, hint)


def photograph_problems(listed: Index, grouping: Grouping) -> list[str]:
    """A line for each class with too few photographs, or of which none can be kept apart to validate.

    Args:
        listed: the good files, on the sides that the folder names.
        grouping: theirs. A side that it empties of a class, because of leaks, is a problem too.
    """
    there = grouped(listed, grouping)
    index = there.subset(row for row, side in enumerate(there.sides) if side)
    problems = class_problems(index, [side for side in listed.sides if side])
    if problems and grouping.leaks and grouping.policy == "drop":
        problems = [f"{line} (after --leaks drop)" for line in problems]
    if problems or "VAL" in index.sides:
        return problems
    rows = [row for row, side in enumerate(index.sides) if side == "TRAIN"]
    photos, labels = [index.photos[row] for row in rows], [index.labels[row] for row in rows]
    try:
        check_folds(
            assign_folds(photos, labels, fold_count(photos, labels, FOLDS), 0), photos, labels, index.class_names
        )
    except DataError as error:
        return error.problems
    return []


def _leak_refusal(index: Index, grouping: Grouping, pictures: Path | None, ranges: Ranges) -> tuple[str, list[str]]:
    count = len(grouping.leaks)
    verb = "photograph stands" if count == 1 else "photographs stand"
    shown_in = ""
    if pictures is not None:
        from trainer.data.audit.sheets import draw_leaks  # matplotlib, where there is something to draw

        path = pictures / f"leaks-{grouping.id}.png"
        with contextlib.suppress(OSError):
            draw_leaks(index, grouping, path, ranges, most=3)
            shown_in = f"Pairs of them:  {path}\n"
    text = (
        f"{index.root}: {count:,} {verb} in {leaking_sides(grouping.leaks)}; a model would be measured on what it was "
        f"trained on. Photographs are {grouping.how}.\n{shown_in}"
        f"All of them:  {typed('trainer.data', 'audit')} '{index.root}'\n"
        f"Go on with --leaks drop ({dropped(grouping.leaks)}), or --leaks keep (everything that is shown will say so)."
    )
    return text, leak_lines(grouping.leaks)
