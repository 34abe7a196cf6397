"""Contact sheets to check by eye: photographs with their copies, and photographs that stand on several sides."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from matplotlib.figure import Figure

from trainer.data.audit.panels import shortened, show_image, style, titled
from trainer.data.grouping.grouping import Grouping
from trainer.data.grouping.leaks import leaking_sides
from trainer.data.images.depth import FULL, Ranges
from trainer.data.index import Index, shown
from trainer.fonts import make_readable

ROWS, COLUMNS = 16, 10  # of the sheet of photographs
PAIRS = 24  # most pairs of one sheet


def draw_photographs(index: Index, grouping: Grouping, path: Path, ranges: Ranges = FULL) -> None:
    """A row a photograph, its copies side by side, as PNG: of each class the largest, the smallest of several images,
    and the one with the most doubtful link.

    Args:
        index: of the good files, with their photographs.
        grouping: theirs.
        path: where the picture goes.
        ranges: of values, for images of more than 8 bits.

    Raises:
        OSError: the picture cannot be written.
    """
    members: dict[str, list[str]] = defaultdict(list)
    for file, photo in zip(index.files, index.photos, strict=True):
        members[photo].append(file)
    rows = _chosen(index, grouping, members)
    width = min(COLUMNS, max(len(members[photo]) for photo in rows))
    with style():
        figure = Figure(figsize=(1.35 * width + 2.2, 0.9 + 1.15 * len(rows)), layout="constrained")
        panels = figure.subplots(len(rows), width, squeeze=False)
        for photo, line in zip(rows, panels, strict=True):
            files = members[photo]
            for place, panel in enumerate(line):
                panel.set_xticks([])
                panel.set_yticks([])
                panel.spines[:].set_visible(False)
                if place < len(files):
                    show_image(panel, index.root / files[place], ranges)
                    panel.set_xlabel(shortened(files[place].rsplit("/", 1)[-1], 18), fontsize=5.5, labelpad=1)
            more = f"\n{width} of {len(files)}" if len(files) > width else f"\n{len(files)}"
            where = sorted({file.rsplit("/", 1)[0] for file in files})
            line[0].set_ylabel(
                "\n".join(shortened(name, 24) for name in where[:2]) + more,
                rotation=0, ha="right", va="center", labelpad=6, fontsize=7,
            )  # fmt: skip
        what = f"{len(rows)} of {len(members):,} photographs, a row each, {grouping.how}"
        figure.suptitle(titled(index, what), x=0.01, ha="left", fontsize=11)
        make_readable(figure)
        figure.savefig(path, dpi=110)


def draw_leaks(index: Index, grouping: Grouping, path: Path, ranges: Ranges = FULL, *, most: int = PAIRS) -> None:
    """A row a photograph that stands on several sides: one of its images from each, as PNG.

    Raises:
        OSError: the picture cannot be written.
    """
    leaks = grouping.leaks[:most]
    columns = max(len(leak.examples) for leak in leaks)
    with style():
        figure = Figure(figsize=(2.7 * columns + 0.4, 0.8 + 2.1 * len(leaks)), layout="constrained")
        panels = figure.subplots(len(leaks), columns, squeeze=False)
        for leak, line in zip(leaks, panels, strict=True):
            for place, panel in enumerate(line):
                panel.set_xticks([])
                panel.set_yticks([])
                panel.spines[:].set_visible(False)
                if place < len(leak.examples):
                    show_image(panel, index.root / leak.examples[place], ranges)
                    panel.set_title(shortened(shown(leak.examples[place]), 44), fontsize=7, loc="left")
        rest = f"; {len(leaks)} of {len(grouping.leaks):,}" if len(leaks) < len(grouping.leaks) else ""
        figure.suptitle(
            titled(index, f"photographs in {leaking_sides(grouping.leaks)}{rest}"), x=0.01, ha="left", fontsize=10
        )
        make_readable(figure)
        figure.savefig(path, dpi=110)


def _chosen(index: Index, grouping: Grouping, members: dict[str, list[str]]) -> list[str]:
    """The photographs to draw, by class."""
    label_of = dict(zip(index.photos, index.labels, strict=True))
    photo_of = dict(zip(index.files, index.photos, strict=True))
    doubted = [photo_of[one] for one, _, _, taken in grouping.doubtful if taken]
    each = max(1, ROWS // max(1, len(index.class_names)))
    chosen = []
    for label in range(len(index.class_names)):
        mine = sorted((p for p in members if label_of[p] == label), key=lambda photo: -len(members[photo]))
        several = [photo for photo in mine if len(members[photo]) > 1]
        wanted = [*mine[:1], *[p for p in doubted if label_of[p] == label], *several[::-1], *mine]
        chosen += list(dict.fromkeys(wanted))[:each]
    return chosen[:ROWS]
