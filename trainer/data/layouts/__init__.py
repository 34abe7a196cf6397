"""How people lay out sets of images: one reader a file, behind the contract in `_base`.

Another layout is one file more, and its class in the table `READERS`.
"""

from __future__ import annotations

from pathlib import Path

from trainer.data.layouts._base import ALL_SIDES, SIDES, Entry, Layout, Listing, Side, shown
from trainer.data.layouts._walk import folders_below, is_image, visible
from trainer.data.layouts.classes import Classes
from trainer.data.layouts.labels_csv import LabelsCsv
from trainer.data.layouts.splits import Splits
from trainer.errors import DataError
from trainer.registry import Registry, UnknownNameError

# In the order in which messages list them. They are tried from the last to the first.
READERS = Registry[Layout]("layout of images")
for _layout in (Splits(), Classes(), LabelsCsv()):
    READERS.register(_layout.name, _layout)


def allowed() -> str:
    """Every layout in a few words, for messages."""
    return ", or ".join(layout.allowed for layout in READERS.values())


def reader(name: str) -> Layout:
    """The reader of this name.

    Raises:
        DataError: naming the readers that there are.
    """
    try:
        return READERS[name]
    except UnknownNameError as error:
        raise DataError(f"{error}.") from None


def recognise(root: Path) -> Layout:
    """The reader that knows how `root` is laid out.

    Raises:
        DataError: none does, or there is no such folder: what was found, and what is allowed.
    """
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise DataError(f"{root} {what}; it should hold {allowed()}.")
    for layout in reversed(list(READERS.values())):
        if layout.detect(root):
            return layout
    raise DataError(f"{root} is no set of images: {_contents(root)}. Allowed: {allowed()}.{_meant(root)}")


def _contents(root: Path) -> str:
    problems: list[str] = []
    entries = visible(root, "", problems)
    if problems:
        return problems[0]
    folders = sum(entry.is_dir() for entry in entries)
    images = sum(is_image(entry.name) for entry in entries if not entry.is_dir())
    others = len(entries) - folders - images
    if not entries:
        return "it is empty"
    parts = ((images, "image"), (folders, "folder"), (others, "other file"))
    return "it holds " + ", ".join(f"{n:,} {what}{'s' if n != 1 else ''}" for n, what in parts if n)


def _meant(root: Path) -> str:
    """The first folder below that is laid out in a known way. The Kaggle archive is packed three folders deep."""
    for folder in folders_below(root, 3):
        if any(READERS[name].detect(folder) for name in (LabelsCsv.name, Splits.name)):
            return f" Did you mean {folder}?"
    return ""


__all__ = [
    "ALL_SIDES",
    "READERS",
    "SIDES",
    "Entry",
    "Layout",
    "Listing",
    "Side",
    "allowed",
    "is_image",
    "reader",
    "recognise",
    "shown",
]
