"""`TRAIN/<CLASS>/` and `TEST/<CLASS>/`, in any case and under their other names, with or without `VAL/<CLASS>/`."""

from __future__ import annotations

import shlex
from collections import defaultdict
from pathlib import Path
from typing import ClassVar

from trainer.data.layouts._base import SIDES, WORDS, Layout, Listing, Side, shown
from trainer.data.layouts._walk import class_folders, told_by_folders, visible
from trainer.errors import DataError


class Splits(Layout):
    """A folder for each split, in it one for each class; in that images, or folders of patients with images."""

    name: ClassVar[str] = "splits"
    allowed: ClassVar[str] = "TRAIN/<CLASS>/ and TEST/<CLASS>/ with images"

    def detect(self, root: Path) -> bool:
        """Whether there are folders to train and to test, or one of them with folders in it, or nothing else."""
        sides, others = _sides(root)
        if all(side in sides for side in SIDES):
            return True
        return bool(sides) and (
            not others or any(_has_folders(root / name) for names in sides.values() for name in names)
        )

    def list(self, root: Path) -> Listing:
        """The images of all splits."""
        sides, others = _sides(root)
        problems: list[str] = []
        missing = [side for side in SIDES if side not in sides]
        if missing:
            raise DataError(_missing(root, sides, missing))
        for names in sides.values():
            if len(names) > 1:
                problems.append(f"{' and '.join(names)}: folders for one split; keep one of them, and move the rest")
        classes: dict[Side, set[str]] = defaultdict(set)
        rows = []
        for side, names in sides.items():
            for name in names:
                found, inside = class_folders(root, name, side, problems)
                classes[side] |= found
                rows += inside
        entries, told_by, notes = told_by_folders(rows)
        if "VAL" in sides:
            notes.insert(0, f"{sides['VAL'][0]}/ is kept as the one set to validate on.")
        if others:
            unused = ", ".join(f"{shown(name)}/" for name in others)
            notes.append(f"Not used: {unused} beside {sides['TRAIN'][0]}/ and {sides['TEST'][0]}/.")
        places = {side: names[0] for side, names in sides.items()}
        return Listing(entries, dict(classes), places, problems, notes, told_by)


def _sides(root: Path) -> tuple[dict[Side, list[str]], list[str]]:
    """The folders of each split, and the other folders."""
    sides: dict[Side, list[str]] = {}
    others = []
    for name in sorted(entry.name for entry in visible(root, "", []) if entry.is_dir()):
        if side := WORDS.get(name.lower()):
            sides.setdefault(side, []).append(name)
        else:
            others.append(name)
    return sides, others


def _has_folders(folder: Path) -> bool:
    return any(entry.is_dir() for entry in visible(folder, "", []))


def _missing(root: Path, sides: dict[Side, list[str]], missing: list[Side]) -> str:
    found = " and ".join(name for names in sides.values() for name in names)
    text = (
        f"{root} has {found}, but no folder {' and no folder '.join(missing)}; "
        "TRAIN/<CLASS>/ and TEST/<CLASS>/ are needed (in any case, or Training/ and Testing/)."
    )
    if missing == ["TEST"] and "VAL" in sides:
        old, new = shlex.quote(str(root / sides["VAL"][0])), shlex.quote(str(root / "TEST"))
        text += f" If {sides['VAL'][0]}/ is to test with: mv {old} {new}"
    elif missing == ["TEST"] and _has_folders(root / sides["TRAIN"][0]):
        text += f" To have its images split here: --data {shlex.quote(str(root / sides['TRAIN'][0]))}"
    return text
