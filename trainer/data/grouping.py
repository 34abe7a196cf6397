"""Which images are evidence of their own: the photograph and the split of every image, and how they are known.

Made once for a folder and kept in the image cache, as `photographs-<id>.json`. A slot of a search reads that record and
finds nothing out by itself, so that all slots, on whatever machine, split the images alike.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from trainer.data.duplicates import same_content
from trainer.data.folds import choose_test
from trainer.data.index import Index, Side
from trainer.data.options import DataOptions, Leaks
from trainer.data.photographs import (
    BESIDE,
    FINDER_VERSION,
    Link,
    NamesAgreement,
    find_photographs,
    from_csv,
    from_pattern,
    names_agreement,
)
from trainer.errors import DataError

Method = Literal["csv", "pattern", "folders", "labels.csv", "pixels", "none"]
Progress = Callable[[int, int], None]

RECORD_VERSION = 1  # raised when a record of before would be misread, or photographs are put together otherwise
PRECEDENCE: tuple[Side, ...] = (
    "TEST",
    "VAL",
    "TRAIN",
)  # where a photograph of several sides stays, with `--leaks drop`


@dataclass(frozen=True)
class Leak:
    """A photograph that stands on two sides.

    Attributes:
        photo: its name.
        images: how many images of it there are, by side.
        examples: a file of each side, those that resemble each other most where pixels told.
    """

    photo: str
    images: dict[Side, int]
    examples: tuple[str, ...]


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
        leaks: photographs on two sides, as found, whatever was done about them.
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

    def sentences(self) -> list[str]:
        """What a person should know of it, at the start of a study and beside its answer."""
        n, images = len(set(self.photos)), len(self.files)
        if self.method == "none":
            lines = [
                "Each image counts as a photograph of its own (--photographs none). If several images show one "
                "photograph, validation accuracy is too high and every interval too narrow."
            ]
        else:
            lines = [f"{images:,} images show {n:,} photographs, {self.how}."]
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
            lines.append(
                f"{_photographs(len(self.leaks))} in TRAIN and TEST: {lost:,} images were left out (--leaks drop)."
            )
        elif self.leaks and self.policy == "keep":
            lines.append(
                f"{_photographs(len(self.leaks))} in TRAIN and TEST, as --leaks keep allows: test accuracy is too high."
            )
        if self.two_classes:
            n = len(self.two_classes)
            lines.append(f"{n:,} {'photograph has' if n == 1 else 'photographs have'} images in two classes or more.")
        return lines


def _photographs(count: int) -> str:
    return f"{count:,} {'photograph stands' if count == 1 else 'photographs stand'}"


def group(
    index: Index,
    contents: Sequence[str],
    options: DataOptions,
    cache_dir: Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Grouping:
    """Find the photographs of the images of `index`, and keep the record in the cache.

    Args:
        index: of the good files.
        contents: a hash of each file's bytes.
        options: what the user says.
        cache_dir: of the decoded images.
        workers: processes that look at pixels; None chooses.
        progress: called with (images done, images in all) while pixels are looked at.

    Raises:
        DataError: what the user told does not fit the files.
    """
    method, source, told = _told(index, options)
    identity = _identity(index, contents, options, method, told)
    doubtful: tuple[tuple[str, str, float, bool], ...] = ()
    strongest: dict[frozenset[int], float] = {}
    plain = 0
    names = None
    if method == "pixels":
        found = find_photographs(index.root, index.files, contents, store=cache_dir, workers=workers, progress=progress)
        groups = list(found.groups)
        photos = _joined(index.files, [*_same(groups), *_same(told), *same_content(contents)])
        plain = len(found.plain)
        names = names_agreement(index.files, photos)
        doubtful = _doubtful(index, found.doubtful, groups)
        strongest = {frozenset((link.first, link.second)): link.strength for link in found.links}
    elif method == "none":
        photos = _joined(index.files, same_content(contents))
    else:
        photos = _named(told, same_content(contents))
    sides, split_here = _sides(index, photos, contents, cache_dir)
    leaks = _leaks(index, photos, sides, strongest)
    if options.leaks == "drop":
        sides = _without_leaks(photos, sides)
    result = Grouping(
        id=identity,
        digest=_digest([index.files, list(contents), photos, sides])[:16],
        method=method,
        source=source,
        files=index.files,
        photos=tuple(photos),
        sides=tuple(sides),
        split_here=split_here,
        plain=plain,
        names=names,
        leaks=tuple(leaks),
        policy=options.leaks,
        two_classes=_two_classes(index, photos),
        doubtful=doubtful,
    )
    _write(record_path(cache_dir, identity), asdict(result))
    return result


def known_grouping(index: Index, contents: Sequence[str], options: DataOptions, cache_dir: Path) -> Grouping | None:
    """What `group` found of the same files by the same rule; None where the cache has no record of it.

    Raises:
        DataError: what the user told does not fit the files.
    """
    method, _, told = _told(index, options)
    return read_record(record_path(cache_dir, _identity(index, contents, options, method, told)))


def _identity(index: Index, contents: Sequence[str], options: DataOptions, method: Method, told: Sequence[str]) -> str:
    asked = [RECORD_VERSION, FINDER_VERSION, method, list(told), options.leaks]
    return _digest([*asked, index.files, index.sides, index.labels, list(contents)])[:16]


def record_path(cache_dir: Path, identity: str) -> Path:
    """Where the record of this id stands."""
    return cache_dir / f"photographs-{identity}.json"


def read_record(path: Path) -> Grouping | None:
    """A record, where it is there and whole; else None."""
    try:
        values: dict[str, Any] = json.loads(path.read_text("utf-8"))
        names = values["names"]
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


def leak_problems(grouping: Grouping) -> list[str]:
    """A line for each photograph on two sides, for a refusal."""
    lines = []
    for leak in grouping.leaks:
        counts = ", ".join(f"{count:,} in {side}" for side, count in leak.images.items())
        lines.append(f"{' = '.join(leak.examples)}: one photograph ({counts})")
    return lines


def _told(index: Index, options: DataOptions) -> tuple[Method, str, list[str]]:
    """How photographs are to be known, what tells them, and what it tells of each file (empty: nothing)."""
    rule = options.photographs
    nothing = [""] * len(index.files)
    if rule == "none":
        return "none", "", nothing
    if rule == "pixels":
        return "pixels", "", nothing
    if rule is not None:
        path = Path(rule).expanduser()
        if path.is_file():
            return "csv", path.name, from_csv(path, index.files)
        if path.suffix.lower() == ".csv":
            raise DataError(f"--photographs {rule}: there is no such file.")
        return "pattern", rule, from_pattern(rule, index.files)
    beside = index.root / BESIDE
    if beside.is_file():
        return "csv", BESIDE, from_csv(beside, index.files)
    if index.told_by and all(index.told):
        return ("labels.csv" if index.told_by == "labels.csv" else "folders"), index.told_by, list(index.told)
    return "pixels", "", list(index.told)


def _same(keys: Sequence[Any]) -> list[list[int]]:
    """The rows of each key that more than one row has; the empty text is no key."""
    rows: dict[Any, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        if key != "":
            rows[key].append(row)
    return [found for found in rows.values() if len(found) > 1]


def _joined(files: Sequence[str], ties: Sequence[Sequence[int]]) -> list[str]:
    """Each image's photograph, named after the first of its files; `ties` are rows that belong together."""
    parent = list(range(len(files)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for tie in ties:
        for row in tie[1:]:
            one, other = root(tie[0]), root(row)
            parent[max(one, other)] = min(one, other)  # the root is the first row, which names the photograph
    return [files[root(row)] for row in range(len(files))]


def _named(told: Sequence[str], ties: Sequence[Sequence[int]]) -> list[str]:
    """As told, where files of the same bytes tie what was told apart."""
    first: dict[str, int] = {}
    for row, name in enumerate(told):
        first.setdefault(name, row)
    joined = _joined([str(row) for row in range(len(told))], [*_same(told), *ties])
    return [told[int(row)] for row in joined]


def _sides(index: Index, photos: Sequence[str], contents: Sequence[str], cache_dir: Path) -> tuple[list[Side], bool]:
    """The folder's own splits; where it names none, the test is chosen here, and what was chosen before stays."""
    if any(index.sides):
        return list(index.sides), False
    path = cache_dir / f"split-{_digest([str(index.root), index.class_names])[:16]}.json"
    try:
        before: dict[str, bool] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        before = {}
    known = {photo: before[content] for photo, content in zip(photos, contents, strict=True) if content in before}
    tests = choose_test(photos, index.labels, known)
    _write(path, {**before, **{content: tests[photo] for photo, content in zip(photos, contents, strict=True)}})
    return ["TEST" if tests[photo] else "TRAIN" for photo in photos], True


def _leaks(
    index: Index, photos: Sequence[str], sides: Sequence[Side], strongest: Mapping[frozenset[int], float]
) -> list[Leak]:
    rows: dict[str, dict[Side, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, (photo, side) in enumerate(zip(photos, sides, strict=True)):
        rows[photo][side].append(row)
    links = sorted(strongest.items(), key=lambda item: -item[1])
    across: dict[str, tuple[int, ...]] = {}
    for pair, _ in links:
        one, other = sorted(pair)
        if sides[one] != sides[other]:
            across.setdefault(photos[one], (one, other))
    found = []
    for photo, by_side in rows.items():
        if len(by_side) > 1:
            ordered = [side for side in reversed(PRECEDENCE) if side in by_side]
            pair = sorted(across.get(photo, ()), key=lambda row: ordered.index(sides[row]))
            examples = pair or [by_side[side][0] for side in ordered]
            counts = {side: len(by_side[side]) for side in ordered}
            found.append(Leak(photo, counts, tuple(index.files[row] for row in examples)))
    return found


def _without_leaks(photos: Sequence[str], sides: Sequence[Side]) -> list[Side]:
    """A photograph of several sides stays on the first of `PRECEDENCE`; its other images are left out."""
    there: dict[str, set[Side]] = defaultdict(set)
    for photo, side in zip(photos, sides, strict=True):
        there[photo].add(side)
    kept = {photo: next(side for side in PRECEDENCE if side in found) for photo, found in there.items()}
    return [side if side == kept[photo] else "" for photo, side in zip(photos, sides, strict=True)]


def _two_classes(index: Index, photos: Sequence[str]) -> dict[str, tuple[str, ...]]:
    classes: dict[str, set[int]] = defaultdict(set)
    for photo, label in zip(photos, index.labels, strict=True):
        classes[photo].add(label)
    return {
        photo: tuple(index.class_names[label] for label in sorted(labels))
        for photo, labels in classes.items()
        if len(labels) > 1
    }


def _doubtful(index: Index, links: Sequence[Link], groups: Sequence[int]) -> tuple[tuple[str, str, float, bool], ...]:
    return tuple(
        (
            index.files[link.first],
            index.files[link.second],
            float(link.strength),
            groups[link.first] == groups[link.second],
        )
        for link in links
    )


def _write(path: Path, values: object) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(values), "utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from error


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def grouped(index: Index, grouping: Grouping) -> Index:
    """The index with the photographs and the splits of the record; its files must be the record's.

    Raises:
        DataError: they are not.
    """
    if index.files != grouping.files:
        raise DataError(f"{index.root} has other files than those whose photographs were found ({grouping.id}).")
    return replace(index, photos=grouping.photos, sides=grouping.sides)


def image_counts(index: Index) -> Counter[tuple[Side, int]]:
    """How many images each (side, class) has."""
    return Counter(zip(index.sides, index.labels, strict=True))
