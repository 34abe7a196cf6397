"""What is in a folder of images, and what is wrong with it, in tables and two pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trainer.data.conversions import ordered
from trainer.data.decoding import FileResult, Output
from trainer.data.duplicates import leaks, repeats
from trainer.data.index import ALL_SIDES, Index, Side, list_folder, photographs, shown, sides_of
from trainer.data.prepare import bad_file_lines
from trainer.data.resizing import ImageSize, reshaped
from trainer.data.split import choose_validation
from trainer.data.workers import decode_files
from trainer.errors import DataError

LISTED = 50  # lines of one kind that are printed without being asked for all
REFERENCE = ImageSize(120, 160, True)  # the reference model's, in color


@dataclass(frozen=True)
class Audit:
    """A folder that was looked at.

    Attributes:
        index: of all files.
        results: one a file.
        layout: problems of folders and classes.
        bad: a line for each file that is no usable image.
        leaked: a line for each image that is in TRAIN and TEST.
        repeated: a line for each image that is more than once on one side; allowed.
    """

    index: Index
    results: tuple[FileResult, ...]
    layout: tuple[str, ...]
    bad: tuple[str, ...]
    leaked: tuple[str, ...]
    repeated: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Whether a training would take the folder as it is."""
        return not (self.layout or self.bad or self.leaked)


def audit(root: Path, *, workers: int | None = None, progress: Callable[[int, int], None] | None = None) -> Audit:
    """Decode every file of `root` and look for every problem. Writes nothing.

    Args:
        root: a folder in any layout of `trainer.data.layouts`.
        workers: decoding processes; None chooses.
        progress: called with (files done, files in all).

    Raises:
        DataError: there is no such folder, or its layout is none that is known.
    """
    index, layout = list_folder(root)
    results = decode_files(index, [Output(REFERENCE)], workers=workers, progress=progress)
    contents = ["" if result.found else result.content for result in results]
    bad, leaked = bad_file_lines(index, results), leaks(index, contents)
    if not (layout or bad or leaked):
        try:
            choose_validation(index, contents, 0.5, 0)  # as `prepare` does
        except DataError as error:
            layout = error.problems
    return Audit(
        index=index,
        results=tuple(results),
        layout=tuple(layout),
        bad=tuple(bad),
        leaked=tuple(leaked),
        repeated=tuple(repeats(index, contents)),
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
    _print_lines(console, "Leaks: images in TRAIN and TEST", found.leaked, everything)
    _print_lines(console, "Repeated images on one side (allowed, kept on one side)", found.repeated, everything)
    images, photos = len(index.files), sum(photographs(index).values())
    if photos < images:
        console.print(
            f"{images:,} images are copies of {photos:,} photographs. A random validation split would put copies of "
            "one photograph on both sides; the trainer splits by photograph.",
            soft_wrap=True,
        )
    count = len(found.layout) + len(found.bad) + len(found.leaked)
    verdict = "Usable." if found.usable else f"Not usable as it is: {count:,} problem{'s' if count != 1 else ''}."
    console.print(verdict, style="bold green" if found.usable else "bold red")


def _class_table(found: Audit) -> Table:
    """Good images and photographs by class and split."""
    good = found.index.subset(row for row, result in enumerate(found.results) if not result.found)
    images = Counter(zip(good.sides, good.labels, strict=True))
    photos = photographs(good)
    table = Table(title="Images and photographs by class", title_justify="left")
    table.add_column("class", overflow="fold")
    sides = sides_of(good)
    for side in sides:
        table.add_column(f"{side} images".strip(), justify="right")
        table.add_column("photographs", justify="right")
    for label, name in enumerate(good.class_names):
        cells = [f"{counts[side, label]:,}" for side in sides for counts in (images, photos)]
        table.add_row(escape(shown(name)), *cells)
    totals = [_total(counts, side) for side in sides for counts in (images, photos)]
    table.add_section()
    table.add_row("all", *(f"{total:,}" for total in totals))
    return table


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
