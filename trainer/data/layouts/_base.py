"""What a reader of a layout has to do, and what it gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

Side = Literal["TRAIN", "VAL", "TEST", ""]
SIDES: tuple[Side, Side] = ("TRAIN", "TEST")  # what every training needs
ALL_SIDES: tuple[Side, ...] = ("TRAIN", "VAL", "TEST", "")
WORDS: dict[str, Side] = {  # in any case, as a folder's name or in the column `split`
    **dict.fromkeys(("train", "training"), "TRAIN"),
    **dict.fromkeys(("val", "valid", "validation"), "VAL"),
    **dict.fromkeys(("test", "testing"), "TEST"),
}


class Entry(NamedTuple):
    """One file of a set.

    Attributes:
        file: its path relative to the root, with forward slashes.
        side: the split that the layout names; "" where it names none.
        label: the class's name.
        size: bytes; -1 where the file cannot be looked at.
        mtime_ns: nanoseconds since 1970; 0 where the file cannot be looked at.
        told: the unit (patient or photograph) that the layout tells; "" where it tells none.
    """

    file: str
    side: Side
    label: str
    size: int
    mtime_ns: int
    told: str = ""


@dataclass(frozen=True)
class Listing:
    """What a reader found.

    Attributes:
        entries: the files, in any order.
        classes: for each side the classes that it names, with images or without.
        places: how each side is called in this folder, for messages: "TRAIN", "Training", "split train"; "" for none.
        problems: a line for each thing that stops a training: where, what was found, what is allowed.
        notes: sentences for people, on how the folder was understood.
        told_by: where `Entry.told` comes from: "", "folders" or "labels.csv".
        hint: what else the person may have meant, with a space before it; told after the problems.
    """

    entries: Sequence[Entry]
    classes: dict[Side, set[str]]
    places: dict[Side, str]
    problems: Sequence[str]
    notes: Sequence[str] = ()
    told_by: str = ""
    hint: str = ""


class Layout(ABC):
    """A way in which people lay out a set of images. Readers keep no state, and any thread may use them.

    A reader lists; it opens no image and writes nothing. It knows no photographs beyond what the layout tells.
    """

    name: ClassVar[str]
    allowed: ClassVar[str]
    """The layout in a few words, for the message to a person whose folder has none."""

    @abstractmethod
    def detect(self, root: Path) -> bool:
        """Whether `root`, an existing folder, is laid out so. Never raises for what the folder holds."""

    @abstractmethod
    def list(self, root: Path) -> Listing:
        """The files of `root`, and everything that is wrong with the layout.

        Raises:
            DataError: so much is missing that there is nothing to list.
        """


def shown(name: str) -> str:
    """A file's name as it can be printed: quoted and escaped where it has line breaks or other control characters."""
    return name if name.isprintable() else ascii(name)
