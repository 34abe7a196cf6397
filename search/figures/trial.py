"""Pictures of a trial, as the bytes of a PNG file: learning curves and a confusion matrix.

About 0.15 s a picture, measured on one core.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from search.answer.measure_table import MEASURES
from search.figures.style import COUNTED_CLASSES, GREEN, INK, MUTED, SPLIT_COLORS, bare, in_percent, png
from search.folder.record import TrialRecord
from trainer.fonts import make_readable

if TYPE_CHECKING:
    from matplotlib.text import Text

    from trainer.events import SplitMeasures

__all__ = ["GREEN", "confusion_matrix", "learning_curves"]

DPI = 110


def learning_curves(record: TrialRecord, n_classes: int) -> bytes:
    """Accuracy and loss by epoch, in training and validation, and the accuracies at the end.

    Args:
        record: a trial with at least one epoch.
        n_classes: places the line of chance, 1/n_classes.
    """
    figure = Figure(figsize=(9, 4.1), dpi=DPI)
    figure.subplots_adjust(left=0.085, right=0.98, bottom=0.205, top=0.915, wspace=0.2)
    left, right = figure.subplots(1, 2)
    epochs = [epoch.epoch for epoch in record.epochs]
    marker = "o" if len(epochs) <= 12 else ""
    for split, name in (("train", "training"), ("val", "validation")):
        style = {"color": SPLIT_COLORS[split], "marker": marker, "markersize": 3.5, "linewidth": 1.8, "label": name}
        left.plot(epochs, [getattr(epoch, f"{split}_accuracy") for epoch in record.epochs], **style)
        right.plot(epochs, [getattr(epoch, f"{split}_loss") for epoch in record.epochs], **style)
    left.axhline(1 / n_classes, color=MUTED, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
    left.annotate(
        f"chance 1/{n_classes}",
        (1, 1 / n_classes),
        (-3, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color=MUTED,
    )
    if record.finished:
        test = record.finished.splits["test"].accuracy
        left.plot(
            epochs[-1:],
            [test],
            color=SPLIT_COLORS["test"],
            marker="D",
            markersize=6,
            linestyle="",
            zorder=5,
            clip_on=False,
            label=f"test, at the end: {test:.1%}",
        )
    left.set(ylim=(0, 1), ylabel="accuracy")
    in_percent(left)
    right.set_ylabel("loss (cross-entropy)")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
        bare(axes, grid="both")
    figure.legend(*left.get_legend_handles_labels(), loc="lower center", ncols=3, fontsize=9, frameon=False)
    _plain(figure.suptitle(f"{record.study} · trial {record.number} · {record.label}", fontsize=11))
    make_readable(figure)
    return png(figure)


def confusion_matrix(measures: SplitMeasures, class_names: Sequence[str], title: str) -> bytes:
    """How the images of each class were classified: counts, and shares of the true class (its row).

    Args:
        measures: of one split.
        class_names: in the order of the matrix.
        title: says which split of which trial.
    """
    n = len(class_names)
    side = max(4.6, 0.95 * n + 1.8) if n <= COUNTED_CLASSES else min(0.4 * n + 3, 14)
    figure = Figure(figsize=(side + 0.9, side), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    totals = [sum(row) for row in measures.confusion]
    shares = [[count / (total or 1) for count in row] for row, total in zip(measures.confusion, totals, strict=True)]
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if n <= COUNTED_CLASSES:
        for i, row in enumerate(measures.confusion):
            for j, count in enumerate(row):
                color = "white" if shares[i][j] > 0.55 else INK
                text = f"{count:,.0f}\n{shares[i][j]:.0%}" if totals[i] else "–"
                axes.text(j, i, text, ha="center", va="center", color=color, fontsize=9)
    rows = [f"{name}\n({total:,.0f} images)" for name, total in zip(class_names, totals, strict=True)]
    small = 8 if n <= COUNTED_CLASSES else 6
    axes.set_xticks(
        range(n),
        class_names,
        fontsize=small,
        rotation=30 if _long(class_names) else 0,
        ha="right" if _long(class_names) else "center",
        rotation_mode="anchor",
    )
    axes.set_yticks(range(n), rows if n <= COUNTED_CLASSES else class_names, fontsize=small)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        _plain(label)
    axes.set(xlabel="predicted class", ylabel="true class")
    bare(axes, grid=None, keep=())
    axes.tick_params(length=0, labelsize=small)
    bar = figure.colorbar(image, ax=axes, shrink=0.75, format=PercentFormatter(1, decimals=0))
    bar.set_label("share of the true class", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    _plain(axes.set_title(f"{title}\n{_figures(measures)}", fontsize=10))
    make_readable(figure)
    return png(figure)


def _figures(measures: SplitMeasures) -> str:
    """What the trainer told of how many are right; calibration is another matter, and trainers of earlier times told
    less.
    """
    told = []
    for entry in MEASURES.values():
        value = entry.reported(measures) if entry.reported and entry.direction == "maximize" else None
        if value is not None:
            told.append(f"{entry.words} {value:.1%}" if entry.unit else f"{entry.words} {value:.2f}")
    return ", ".join(told)


def _long(names: Sequence[str]) -> bool:
    """Whether names next to each other would run into each other."""
    return max(map(len, names)) > 12 or len(names) > 5


def _plain(text: Text) -> Text:
    """A name may hold a dollar sign, which would start a formula."""
    text.set_parse_math(False)
    return text
