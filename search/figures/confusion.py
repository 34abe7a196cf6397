"""Confusion matrices over all seeds of a level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from search.answer.levels import LevelAnswer
from search.figures.style import BLUE, COUNTED_CLASSES, INK, SMALL, WIDTH_IN, Picture, bare, figure, picture
from search.figures.vector import hover_box

# Opacity of a share of 1. The contrast of ink on it is 5.5 on the light page, 6.5 on the dark one; 4.5 is the least for
# text (WCAG 2.2, 1.4.3).
DARKEST = 0.7


def confusion(level: LevelAnswer, class_names: Sequence[str], key: str, title: str) -> Picture:
    """Shares of the true class (its row), all seeds together; the counts are means over seeds."""
    tables = [trial.finished.splits["test"].confusion for trial in level.measured if trial.finished]
    counts = np.mean(np.asarray(tables, np.float64), axis=0)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    n = len(counts)
    chart = figure(min(WIDTH_IN, 1.1 + 0.8 * n), WIDTH_IN)
    axes = chart.subplots()
    for (i, j), share in np.ndenumerate(shares):
        axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, color=to_rgba(BLUE, DARKEST * share), linewidth=0))
        as_what = "recognised" if i == j else f"taken for {class_names[j].lower()}"
        images = f"{counts[i, j]:,.0f} of {totals[i, 0]:,.0f} images"
        hover_box(axes, j - 0.5, i - 0.5, 1, 1, f"{class_names[i].lower()} {as_what}: {share:.0%} ({images})")
    axes.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5))
    if n <= COUNTED_CLASSES:
        for i in range(n):
            for j in range(n):
                text = f"{shares[i, j]:.0%}\n{counts[i, j]:,.0f}" if totals[i, 0] else "–"
                weight = "bold" if i == j else "normal"
                axes.text(j, i, text, ha="center", va="center", color=INK, fontsize=SMALL, fontweight=weight)
    small = SMALL - 0.5 if n <= COUNTED_CLASSES else 6
    axes.set_xticks(range(n), [name.capitalize() for name in class_names])
    axes.set_yticks(range(n), [name.capitalize() for name in class_names])
    axes.set(xlabel="predicted", ylabel="true class")
    bare(axes, grid=None, keep=())
    axes.tick_params(length=0, labelsize=small)
    crowded = max(map(len, class_names), default=0) > 11 or n > 5
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)
    if crowded:
        for label in axes.get_xticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")
    seeds = len(tables)
    caption = f"Shares of the true class, and images; the mean of {seeds} seed{'' if seeds == 1 else 's'}."
    wrong = np.where(np.eye(n, dtype=bool), -1.0, shares)
    true, taken = np.unravel_index(int(wrong.argmax()), wrong.shape)
    names = [name.lower() for name in class_names]
    finding = (
        f"Most often confused: {names[true]}, taken for {names[taken]} in {shares[true, taken]:.0%} of its images."
    )
    return picture(key, title, caption, chart, finding=finding if n > 1 else "")
