"""Pictures of an audited folder by class: how many images and photographs there are, and a sheet of samples."""

from __future__ import annotations

import random
import textwrap
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from trainer.data.audit.audit import Audit
from trainer.data.audit.panels import shortened, show_image, style, titled
from trainer.data.images.depth import common_ranges
from trainer.data.index import Index, photograph_counts, shown, sides_of
from trainer.fonts import make_readable

# Three of the colors of Okabe and Ito, https://jfly.uni-koeln.de/color/, told apart with any kind of color vision.
COLORS = {"TRAIN": "#0072B2", "VAL": "#009E73", "TEST": "#E69F00", "": "#0072B2"}
SAMPLES = {"TRAIN": 4, "VAL": 2, "TEST": 2, "": 6}  # columns of the sheet
LEFT_OUT = "left out (--leaks drop)"  # what a grouped image is that stands on no side
MOST_CLASSES = 40  # rows of a picture; beyond them it would be meters high
_NAME_WIDTH = 24  # letters of a class name in one line


def draw_frequencies(found: Audit, path: Path) -> None:
    """Bars of images and of photographs by class and split, without bad files, as PNG.

    Raises:
        OSError: the picture cannot be written.
    """
    good = found.good
    labels = list(range(len(good.class_names)))[:MOST_CLASSES]
    counts = {
        "images": Counter(zip(good.sides, good.labels, strict=True)),
        "photographs": photograph_counts(good),
    }
    sides = sides_of(good)
    with style():
        figure = Figure(figsize=(11, 1.9 + 0.62 * max(2, len(labels))), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for panel, (what, count) in zip(panels, counts.items(), strict=True):
            for place, side in enumerate(sides):
                widths = [count[side, label] for label in labels]
                at = [label + 0.8 * (place + 0.5) / len(sides) - 0.4 for label in labels]
                bars = panel.barh(at, widths, 0.76 / len(sides), color=COLORS[side], label=side or LEFT_OUT)
                panel.bar_label(bars, [f"{width:,}" for width in widths], padding=3, fontsize=9)
            panel.set_title(f"{what} ({sum(count.values()):,})", loc="left")
            panel.margins(x=0.14)
            panel.spines[["top", "right"]].set_visible(False)
            panel.xaxis.set_major_locator(_whole_numbers())
        panels[0].set_yticks(labels, [_wrapped(good.class_names[label]) for label in labels])
        panels[0].invert_yaxis()
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower right", ncols=3, frameon=False)
        figure.suptitle(
            _title(found.index, "images and photographs by class", len(labels)), x=0.01, ha="left", fontsize=12
        )
        make_readable(figure)
        figure.savefig(path, dpi=120)


def draw_samples(found: Audit, path: Path) -> None:
    """A row of images for each class, from different photographs as long as there are any, as PNG.

    Raises:
        OSError: the picture cannot be written.
    """
    index = found.index
    labels = list(range(len(index.class_names)))[:MOST_CLASSES]
    chosen = _choose(found)
    columns = [(side, place) for side in sides_of(found.good) for place in range(SAMPLES[side])]
    ranges = common_ranges(result.extent for result in found.results)
    with style():
        figure = Figure(figsize=(2.05 * len(columns) + 1.9, 0.75 + 1.75 * max(1, len(labels))), layout="constrained")
        panels = figure.subplots(max(1, len(labels)), len(columns), squeeze=False)
        for row, column, panel in ((r, c, panels[r][c]) for r in range(len(panels)) for c in range(len(columns))):
            side, place = columns[column]
            panel.set_xticks([])
            panel.set_yticks([])
            panel.spines[:].set_visible(False)
            if row >= len(labels):
                continue
            files = chosen[side, labels[row]]
            if place < len(files):
                show_image(panel, index.root / files[place], ranges)
                panel.set_xlabel(shortened(files[place].rsplit("/", 1)[-1]), fontsize=7, labelpad=2)
            if row == 0:
                panel.set_title(side or LEFT_OUT, fontsize=10, color="#333333")
            if column == 0:
                name = _wrapped(index.class_names[labels[row]])
                panel.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=8, fontsize=10)
        figure.suptitle(_title(index, "sample images by class", len(labels)), x=0.01, ha="left", fontsize=12)
        make_readable(figure)
        figure.savefig(path, dpi=110)


def _choose(found: Audit) -> dict[tuple[str, int], list[str]]:
    """For each (split, label) files of different photographs, then further ones; the same at every call."""
    good = found.good
    by_photo: dict[tuple[str, int], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row, file in enumerate(good.files):
        by_photo[good.sides[row], good.labels[row]][good.photos[row]].append(file)
    chosen: dict[tuple[str, int], list[str]] = defaultdict(list)
    for key, photos in by_photo.items():
        choice = random.Random(f"{key}")
        ordered = [choice.sample(files, len(files)) for files in choice.sample(list(photos.values()), len(photos))]
        turns = (files[turn] for turn in range(max(map(len, ordered))) for files in ordered if turn < len(files))
        chosen[key] = [file for file, _ in zip(turns, range(SAMPLES[key[0]]), strict=False)]
    return chosen


def _whole_numbers() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=5, integer=True)


def _title(index: Index, what: str, drawn: int) -> str:
    rest = len(index.class_names) - drawn
    more = f"; the first {drawn} of {len(index.class_names)} classes" if rest else ""
    return titled(index, f"{what}{more}")


def _wrapped(name: str) -> str:
    lines: Sequence[str] = textwrap.wrap(shown(name), _NAME_WIDTH, max_lines=3, placeholder=" ...") or [name]
    return "\n".join(lines)
