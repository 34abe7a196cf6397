"""Differences with their intervals, a row each: of levels to the reference level, or effects of crossed parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from search.answer.statistics.simultaneous import Difference
from search.answer.words.wording import difference_text, p_text, points
from search.figures.style import GRID, INK, MUTED, PAPER, SMALL, bare
from search.figures.vector import hover_line, hover_point

ABOVE = 0.22  # of the strokes of single seeds over their row


def draw_zero(axes: Axes, margin: float) -> None:
    """No difference, and within the margin of equivalence."""
    axes.axvspan(-margin, margin, color=GRID, alpha=0.5, linewidth=0)
    axes.axvline(0, color=MUTED, linewidth=1)


def draw_difference(
    axes: Axes, row: int, name: str, found: Difference, seeds: Iterable[str], marker: str = "D"
) -> None:
    """One row: the interval, single seeds as strokes above it, and the difference, filled where one is claimed.

    Args:
        axes: differences are shares, along x.
        row: its place, along y.
        name: of what the difference is of.
        found: the difference.
        seeds: what each seed is called, in the order of `by_seed`.
        marker: of the difference, as matplotlib has them.
    """
    e, color = found.estimate, INK if found.is_clear else MUTED
    axes.plot([e.low, e.high], [row, row], color=color, linewidth=2, solid_capstyle="butt")
    axes.plot(e.by_seed, [row + ABOVE] * len(e.by_seed), "|", color=color, alpha=0.6, markersize=5)
    axes.plot([e.value], [row], marker, color=color, markersize=6, markerfacecolor=color if found.is_clear else PAPER)
    told = f"{name}: {difference_text(e)}, {found.verdict}" + (f", p {p_text(found.p)}" if found.may_claim else "")
    hover_line(axes, [e.low, e.high], [row, row], told)
    for seed, value in zip(seeds, e.by_seed, strict=True):
        hover_point(axes, value, row + ABOVE, f"{name}, {seed}: {points(value)} points")
    hover_point(axes, e.value, row, told)


def name_rows(axes: Axes, names: Sequence[str], what: str) -> None:
    """The axes of the rows.

    Args:
        axes: with a row for each name, from below.
        names: of the rows.
        what: the differences are of, with its unit.
    """
    axes.set_yticks(range(len(names)), names)
    for text in axes.get_yticklabels():
        text.set_parse_math(False)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(what)
    axes.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10]))  # whole points: a tick at 2.5 would be called +2
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:+.0f}".replace("-", "−") if value else "0")
    bare(axes, grid="x", keep=("bottom",))
    axes.tick_params(axis="y", length=0, labelsize=SMALL, labelcolor=INK)
