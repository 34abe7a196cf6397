"""What is in a folder of images, which of them show one photograph, and what is wrong with it: in tables."""

from __future__ import annotations

import csv
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trainer.data.cache.decoding import FileResult, Output
from trainer.data.cache.prepare import bad_file_lines
from trainer.data.cache.workers import decode_files
from trainer.data.folds import FOLDS, fold_note
from trainer.data.grouping.checks import photograph_problems
from trainer.data.grouping.duplicates import repeats
from trainer.data.grouping.group_images import group_images, known_grouping
from trainer.data.grouping.grouping import Grouping, grouped
from trainer.data.grouping.leaks import dropped, leak_lines, leaking_sides
from trainer.data.images.conversions import ordered
from trainer.data.images.resizing import ImageSize, reshaped
from trainer.data.index import ALL_SIDES, Index, Side, list_folder, photograph_counts, shown, sides_of
from trainer.data.options import DataOptions

LISTED = 50  # lines of one kind that are printed without being asked for all
REFERENCE = ImageSize(120, 160, True)  # the reference model's, in color


@dataclass(frozen=True)
class Audit:
    """A folder that was looked at.

    Attributes:
        index: of all files.
        results: one a file.
        good: the index of the files that are usable images, with their photographs and splits.
        grouping: how the photographs are known; None where there is no usable image.
        layout: problems of folders and classes, and classes with too few photographs.
        bad: a line for each file that is no usable image.
        leaked: a line for each photograph that stands in several splits.
        repeated: a line for each file that is there more than once on one side; allowed.
    """

    index: Index
    results: tuple[FileResult, ...]
    good: Index
    grouping: Grouping | None
    layout: tuple[str, ...]
    bad: tuple[str, ...]
    leaked: tuple[str, ...]
    repeated: tuple[str, ...]

    @property
    def stopped_by_leaks(self) -> bool:
        """Whether leaks are problems: not where the user says how to go on."""
        return self.grouping is not None and bool(self.leaked) and self.grouping.policy == "stop"

    @property
    def usable(self) -> bool:
        """Whether a training would take the folder as it is."""
        return not (self.layout or self.bad or self.stopped_by_leaks)


def audit(
    root: Path,
    cache_dir: Path,
    options: DataOptions | None = None,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    finding: Callable[[int, int], None] | None = None,
) -> Audit:
    """Decode every file of `root`, find the photographs, and look for every problem.

    Args:
        root: a folder of images, in any layout of `trainer.data.layouts`.
        cache_dir: where what was found of the photographs is kept.
        options: what the user says of the folder.
        workers: processes; None chooses.
        progress: called with (files done, files in all) while files are decoded.
        finding: called likewise while photographs are looked for.

    Raises:
        DataError: there is no such folder, or nothing in it that can be understood; what the user told of photographs
            does not fit.
    """
    options = options or DataOptions()
    index, layout = list_folder(root)
    results = decode_files(index, [Output(REFERENCE)], workers=workers, progress=progress)
    rows = [row for row, result in enumerate(results) if not result.found]
    good, contents = index.subset(rows), [results[row].content for row in rows]
    bad = [] if options.skip_bad_files else bad_file_lines(index, results)
    grouping = None
    if rows:
        grouping = known_grouping(good, contents, options, cache_dir) or group_images(
            good, contents, options, cache_dir, workers=workers, progress=finding
        )
        layout = layout or photograph_problems(good, grouping)
        good = grouped(good, grouping)
    return Audit(
        index=index,
        results=tuple(results),
        good=good,
        grouping=grouping,
        layout=tuple(layout),
        bad=tuple(bad),
        leaked=tuple(leak_lines(grouping.leaks)) if grouping else (),
        repeated=tuple(repeats(good, contents)),
    )


def print_audit(found: Audit, console: Console, *, everything: bool = False) -> None:
    """The tables, the problems and the verdict. `everything` prints each line of long lists."""
    index = found.index
    title = f"{index.root}" + (" (the demo set: drawn by code)" if index.is_demo else "")
    console.print(escape(title), style="bold", soft_wrap=True)
    for note in index.notes:
        console.print(escape(note), soft_wrap=True)
    console.print(_class_table(found))
    console.print(_format_table(found))
    _print_conversions(found, console)
    _print_lines(console, "Problems of the folder", found.layout, everything)
    _print_lines(console, "Bad files", found.bad, everything)
    left_out = sum(bool(result.found) for result in found.results)
    if left_out and not found.bad:
        console.print(f"Bad files that are left out (--skip-bad-files): {left_out:,}")
    leaks = found.grouping.leaks if found.grouping is not None else ()
    _print_lines(console, f"Leaks: photographs in {leaking_sides(leaks)}", found.leaked, everything)
    _print_lines(
        console, "Files that are there more than once (allowed; they are one photograph)", found.repeated, everything
    )
    if found.grouping is not None:
        _print_photographs(found, found.grouping, console, everything)
    count = len(found.layout) + len(found.bad) + len(found.leaked) * found.stopped_by_leaks
    verdict = "Usable." if found.usable else f"Not usable as it is: {count:,} problem{'s' if count != 1 else ''}."
    console.print(verdict, style="bold green" if found.usable else "bold red")
    if found.stopped_by_leaks:
        ways = f"--leaks drop ({dropped(leaks)}), or --leaks keep (goes on, and says so)"
        console.print(f"Ways on: {ways}.", soft_wrap=True)


def _print_photographs(found: Audit, grouping: Grouping, console: Console, everything: bool) -> None:
    """How photographs are known, how large they are, and what a person should check."""
    console.print("Photographs", style="bold")
    for note in grouping.sentences():
        console.print(f"  {note}", markup=False, highlight=False, soft_wrap=True)
    train = [row for row, side in enumerate(found.good.sides) if side == "TRAIN"]
    photos, labels = [found.good.photos[row] for row in train], [found.good.labels[row] for row in train]
    if "VAL" not in found.good.sides and (note := fold_note(photos, labels, found.good.class_names, FOLDS)):
        console.print(f"  {note}", markup=False, highlight=False, soft_wrap=True)
    _print_lines(
        console,
        "Photographs with images in several classes",
        [
            f"{shown(photo)}: {', '.join(shown(name) for name in names)}"
            for photo, names in grouping.two_classes.items()
        ],
        everything,
    )
    if grouping.doubtful:
        lines = [
            f"{'taken' if taken else 'left '}  {strength:5.1f}  {shown(one)} = {shown(other)}"
            for one, other, strength, taken in grouping.doubtful
        ]
        _print_lines(console, "The most doubtful links (strength: see the README), to check by eye", lines, everything)


def write_csv(found: Audit, path: Path) -> None:
    """What was found, as a table that `--photographs` takes: to be corrected and given back.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "photograph"])
        writer.writerows(zip(found.good.files, found.good.photos, strict=True))


def _class_table(found: Audit) -> Table:
    """Good images and photographs by class and split."""
    good = found.good
    images = Counter(zip(good.sides, good.labels, strict=True))
    photos = photograph_counts(good)
    table = Table(title="Images and photographs by class", title_justify="left")
    table.add_column("class", overflow="fold")
    sides = sides_of(good)
    for side in sides:
        table.add_column(f"{side} images" if side else "images left out", justify="right")
        table.add_column("photographs", justify="right")
    table.add_column("images a photograph", justify="right")
    for label, name in enumerate(good.class_names):
        cells = [f"{counts[side, label]:,}" for side in sides for counts in (images, photos)]
        table.add_row(escape(shown(name)), *cells, _sizes(good, label))
    totals = [_total(counts, side) for side in sides for counts in (images, photos)]
    table.add_section()
    table.add_row("all", *(f"{total:,}" for total in totals), _sizes(good, None))
    return table


def _sizes(good: Index, label: int | None) -> str:
    """The range of images a photograph, and the median, as "1-12, median 5"."""
    pairs = zip(good.labels, good.photos, strict=True)
    counts = sorted(Counter(photo for mine, photo in pairs if label in (None, mine)).values())
    if not counts:
        return "-"
    return (
        f"{counts[0]}-{counts[-1]}, median {statistics.median_low(counts)}"
        if counts[0] < counts[-1]
        else str(counts[0])
    )


def _total(counts: Counter[tuple[Side, int]], side: Side) -> int:
    return sum(count for (where, _), count in counts.items() if where == side)


def _format_table(found: Audit) -> Table:
    """How many good images have each format, mode and size, by class and split."""
    index = found.index
    table = Table(title="Formats and sizes", title_justify="left")
    for name in ("split", "class", "format", "mode"):
        table.add_column(name, overflow="fold")
    table.add_column("width x height", justify="right")
    table.add_column("images", justify="right")
    groups: dict[tuple[Side, int, str, str], list[tuple[int, int]]] = {}
    for side, label, result in zip(index.sides, index.labels, found.results, strict=True):
        if not result.found:
            groups.setdefault((side, label, result.format, result.mode), []).append((result.width, result.height))
    for (side, label, form, mode), sizes in sorted(
        groups.items(), key=lambda item: (ALL_SIDES.index(item[0][0]), item[0])
    ):
        table.add_row(
            side or "none", escape(shown(index.class_names[label])), form, mode, _range(sizes), f"{len(sizes):,}"
        )
    return table


def _range(sizes: Sequence[tuple[int, int]]) -> str:
    distinct = sorted(set(sizes))
    if len(distinct) == 1:
        return f"{distinct[0][0]}x{distinct[0][1]}"
    widths, heights = [width for width, _ in distinct], [height for _, height in distinct]
    return f"{min(widths)}-{max(widths)} x {min(heights)}-{max(heights)}, {len(distinct)} sizes"


def _print_conversions(found: Audit, console: Console) -> None:
    counts = Counter(kind for result in found.results for kind in result.conversions)
    if counts:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in ordered(counts).items())
        converted = sum(bool(result.conversions) for result in found.results)
        images = "image" if converted == 1 else "images"
        console.print(f"{converted:,} {images} will be converted to 8-bit gray or RGB: {kinds}.", soft_wrap=True)
    else:
        console.print("No image needs a conversion.")
    shapes = Counter((result.width, result.height) for result in found.results if not result.found)
    if sentence := reshaped(shapes, REFERENCE):
        size = f"{REFERENCE.height}x{REFERENCE.width}"
        console.print(
            f"Trained on at {size}: {sentence} --set resize=crop or resize=pad does it otherwise.", soft_wrap=True
        )


def _print_lines(console: Console, title: str, lines: Sequence[str], everything: bool) -> None:
    if not lines:
        return
    console.print(f"{title}: {len(lines):,}", style="bold")
    listed = lines if everything else lines[:LISTED]
    for line in listed:
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    if len(lines) > len(listed):
        console.print(f"  ... and {len(lines) - len(listed):,} more (--all prints them)")
