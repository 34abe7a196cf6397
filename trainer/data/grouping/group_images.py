"""Makes the `Grouping` of a folder: its photographs by the rule that holds for it, their splits and their leaks."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from trainer.data.digest import digest_of
from trainer.data.folds import choose_test
from trainer.data.grouping.duplicates import same_key
from trainer.data.grouping.grouping import Grouping, Method, read_record, record_path, write_record
from trainer.data.grouping.leaks import find_leaks, without_leaks
from trainer.data.index import Index, Side
from trainer.data.options import DataOptions
from trainer.data.photographs import (
    FEW,
    FINDER_VERSION,
    Link,
    find_in_process,
    find_photographs,
    foreseen_seconds,
    from_csv,
    from_pattern,
    names_agreement,
    table_beside,
    table_path,
)
from trainer.errors import DataError

Progress = Callable[[int, int], None]

LONG_S = 300.0  # from here on a person is told before it begins
RECORD_VERSION = 1  # raised when a record of before would be misread, or photographs are put together otherwise


def group_images(
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
    strongest: dict[tuple[int, int], float] = {}
    plain = 0
    names = None
    if method == "pixels":
        find = find_photographs if len(index.files) <= FEW else find_in_process
        found = find(index.root, index.files, contents, store=cache_dir, workers=workers, progress=progress)
        groups = list(found.groups)
        photos = _joined(index.files, [*same_key(groups), *same_key(told), *same_key(contents)])
        plain = len(found.plain)
        names = names_agreement(index.files, photos)
        doubtful = _doubtful(index, found.doubtful, groups)
        strongest = {(link.first, link.second): link.strength for link in found.links}
    elif method == "none":
        photos = _joined(index.files, same_key(contents))
    else:
        photos = _named(told, same_key(contents))
    sides, split_here = _sides(index, photos, contents, cache_dir)
    leaks = find_leaks(index.files, photos, sides, strongest)
    if options.leaks == "drop":
        sides = without_leaks(photos, sides)
    result = Grouping(
        id=identity,
        digest=digest_of([index.files, list(contents), photos, sides])[:16],
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
    write_record(record_path(cache_dir, identity), asdict(result))
    return result


def cost_warning(index: Index, options: DataOptions, *, workers: int | None = None) -> str:
    """A sentence where looking at the pixels takes minutes, with the ways around it; empty where it does not."""
    seconds = foreseen_seconds(len(index.files), workers=workers)
    if seconds < LONG_S or _told(index, options)[0] != "pixels":
        return ""
    return (
        f"Looking for photographs in {len(index.files):,} images takes about {seconds / 60:.0f} minutes, once. To "
        "spare it, say what you know: --photographs FILE or PATTERN, or --photographs none (each image then counts as "
        "its own)."
    )


def known_grouping(index: Index, contents: Sequence[str], options: DataOptions, cache_dir: Path) -> Grouping | None:
    """What `group_images` found of the same files by the same rule; None where the cache has no record of it.

    Raises:
        DataError: what the user told does not fit the files.
    """
    method, _, told = _told(index, options)
    return read_record(record_path(cache_dir, _identity(index, contents, options, method, told)))


def _identity(index: Index, contents: Sequence[str], options: DataOptions, method: Method, told: Sequence[str]) -> str:
    asked = [RECORD_VERSION, FINDER_VERSION, method, list(told), options.leaks]
    return digest_of([*asked, index.files, index.sides, index.labels, list(contents)])[:16]


def _told(index: Index, options: DataOptions) -> tuple[Method, str, list[str]]:
    """How photographs are to be known, what tells them, and what it tells of each file (empty: nothing)."""
    rule = options.photographs
    nothing = [""] * len(index.files)
    if rule == "none":
        return "none", "", nothing
    if rule == "pixels":
        return "pixels", "", nothing
    if rule is not None:
        if path := table_path(rule):
            return "csv", path.name, from_csv(path, index.files)
        if rule.lower().endswith(".csv"):
            raise DataError(f"--photographs {rule}: there is no such file.")
        return "pattern", rule, from_pattern(rule, index.files)
    if beside := table_beside(index.root):
        return "csv", beside.name, from_csv(beside, index.files)
    if index.told_by and all(index.told):
        return ("labels.csv" if index.told_by == "labels.csv" else "folders"), index.told_by, list(index.told)
    return "pixels", "", list(index.told)


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
    joined = _joined([str(row) for row in range(len(told))], [*same_key(told), *ties])
    return [told[int(row)] for row in joined]


def _sides(index: Index, photos: Sequence[str], contents: Sequence[str], cache_dir: Path) -> tuple[list[Side], bool]:
    """The folder's own splits; where it names none, the test is chosen here, and what was chosen before stays."""
    if any(index.sides):
        return list(index.sides), False
    path = cache_dir / f"split-{digest_of(str(index.root))[:16]}.json"
    try:
        noted = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        noted = {}
    before: dict[str, bool] = {key: value for key, value in dict(noted or {}).items() if isinstance(value, bool)}
    sides: dict[str, set[bool]] = defaultdict(set)
    for photo, content in zip(photos, contents, strict=True):
        if content in before:
            sides[photo].add(before[content])
    # What was two photographs before, on two sides, and is one now has no side yet.
    known = {photo: tests.pop() for photo, tests in sides.items() if len(tests) == 1}
    tests = choose_test(photos, index.labels, known)
    write_record(path, {**before, **{content: tests[photo] for photo, content in zip(photos, contents, strict=True)}})
    return ["TEST" if tests[photo] else "TRAIN" for photo in photos], True


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
