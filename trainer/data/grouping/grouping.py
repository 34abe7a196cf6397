"""Which images are evidence of their own: the photograph and the split of every image, and how they are known.

Made once for a folder and kept in the image cache, as `photographs-<id>.json`. A slot of a search reads that record and
finds nothing out by itself, so that all slots, on whatever machine, split the images alike.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from trainer.data.grouping.leaks import Leak, leaking_sides
from trainer.data.index import ALL_SIDES, Index, Side
from trainer.data.options import Leaks
from trainer.data.photographs import NamesAgreement
from trainer.errors import DataError
from trainer.whole_file import whole_file

Method = Literal["csv", "pattern", "folders", "labels.csv", "pixels", "none"]


@dataclass(frozen=True)
class Grouping:
    """The photographs of a folder. Tuples from `files` to `sides` have one item an image.

    Attributes:
        id: of this record: what was asked of which files. 16 hexadecimal digits.
        digest: of what came out: equal evidence, equal digest, on every machine.
        method: how photographs are known.
        source: what told them: a file's name, a pattern; empty for the others.
        files: paths below the folder.
        photos: the name of each image's photograph: what a user called it, else the first of its files.
        sides: TRAIN, VAL or TEST; empty where the image is left out because of a leak.
        split_here: the folder names no splits; a fifth of its photographs was kept for the test.
        plain: images with too little in them to be compared by their features.
        names: how the files' names compare; None where they have no pattern, or photographs were not found in pixels.
        leaks: photographs on several sides, as found, whatever was done about them.
        policy: what was done about them.
        two_classes: photographs with images in several classes, by name; each with its classes.
        doubtful: the weakest links that were taken, and the strongest that were not: two files, strength, taken or not.
    """

    id: str
    digest: str
    method: Method
    source: str
    files: tuple[str, ...]
    photos: tuple[str, ...]
    sides: tuple[Side, ...]
    split_here: bool
    plain: int
    names: NamesAgreement | None
    leaks: tuple[Leak, ...]
    policy: Leaks
    two_classes: dict[str, tuple[str, ...]]
    doubtful: tuple[tuple[str, str, float, bool], ...]

    @property
    def how(self) -> str:
        """How photographs are known, in a few words, for tables and tags."""
        return {
            "csv": f"told by {self.source}",
            "pattern": f"told by the pattern {self.source}",
            "folders": "told by the folders inside the class folders",
            "labels.csv": "told by labels.csv",
            "pixels": "found in the pixels",
            "none": "not known: each image counts as its own (--photographs none)",
        }[self.method]

    def caveats(self) -> list[str]:
        """What must stand beside every figure that rests on this, in sentences."""
        lines = []
        if self.method == "none":
            lines.append(
                "Each image counts as a photograph of its own (--photographs none). If several images show one "
                "photograph, validation accuracy is too high and every interval too narrow."
            )
        if self.leaks and self.policy == "keep":
            tests = any("TEST" in leak.images for leak in self.leaks)
            validates = any({"TRAIN", "VAL"} <= leak.images.keys() for leak in self.leaks)
            figures = " and ".join([*["validation"] * validates, *["test"] * tests])
            lines.append(
                f"{_photographs(len(self.leaks))} in {leaking_sides(self.leaks)}, as --leaks keep allows: {figures} "
                "accuracy is too high."
            )
        return lines

    def sentences(self) -> list[str]:
        """What a person should know of it, at the start of a study and beside its answer."""
        n, images = len(set(self.photos)), len(self.files)
        photographs = f"{n:,} photograph{'s' if n != 1 else ''}"
        lines = [] if self.method == "none" else [f"{images:,} images show {photographs}, {self.how}."]
        lines += self.caveats()
        if self.split_here:
            lines.append(
                "The folder names no test images: a fifth of the photographs of each class is kept for the test."
            )
        if self.plain:
            lines.append(
                f"{self.plain:,} images are too small or too plain to be compared by their features: only equal "
                "pictures among them count as one photograph."
            )
        if self.names is not None:
            lines.append(self.names.sentence("the pixels"))
        if self.leaks and self.policy == "drop":
            lost = sum(side == "" for side in self.sides)
            images_were = "image was" if lost == 1 else "images were"
            lines.append(
                f"{_photographs(len(self.leaks))} in {leaking_sides(self.leaks)}: {lost:,} {images_were} left out "
                "(--leaks drop)."
            )
        if self.two_classes:
            n = len(self.two_classes)
            lines.append(f"{n:,} {'photograph has' if n == 1 else 'photographs have'} images in two classes or more.")
        return lines


def _photographs(count: int) -> str:
    return f"{count:,} {'photograph stands' if count == 1 else 'photographs stand'}"


def record_path(cache_dir: Path, identity: str) -> Path:
    """Where the record of this id stands."""
    return cache_dir / f"photographs-{identity}.json"


def read_record(path: Path) -> Grouping | None:
    """A record, where it is there and whole; else None."""
    try:
        values: dict[str, Any] = json.loads(path.read_text("utf-8"))
        names = values["names"]
        if {len(values[key]) for key in ("files", "photos", "sides")} != {len(values["files"])}:
            return None
        if not set(values["sides"]) <= set(ALL_SIDES) or values["id"] != path.stem.removeprefix("photographs-"):
            return None
        return Grouping(
            **{
                **values,
                **{key: tuple(values[key]) for key in ("files", "photos", "sides")},
                "names": NamesAgreement(**names) if names else None,
                "leaks": tuple(Leak(**{**leak, "examples": tuple(leak["examples"])}) for leak in values["leaks"]),
                "two_classes": {photo: tuple(classes) for photo, classes in values["two_classes"].items()},
                "doubtful": tuple((one, other, strength, taken) for one, other, strength, taken in values["doubtful"]),
            }
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_record(path: Path, values: object) -> None:
    """Write JSON that appears whole or not at all.

    Raises:
        DataError: the disk refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            part.write_text(json.dumps(values), "utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from error


def grouped(index: Index, grouping: Grouping) -> Index:
    """The index with the photographs and the splits of the record; its files must be the record's.

    Raises:
        DataError: they are not.
    """
    if index.files != grouping.files:
        raise DataError(f"{index.root} has other files than those whose photographs were found ({grouping.id}).")
    return replace(index, photos=grouping.photos, sides=grouping.sides)
