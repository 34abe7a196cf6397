"""The Pareto front of a search: the measure that decides against each other objective, with the limits of its costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from search.answer.answer import Answer
from search.answer.search_result import SearchAnswer, settings, val_value, value_on
from search.answer.tables.cells import OVER
from search.answer.words.wording import listed, percent
from search.figures.style import (
    INK,
    MUTED,
    SMALL,
    VERMILLION,
    Picture,
    bare,
    figure,
    in_percent,
    legend,
    picture,
)
from search.figures.vector import hover_point
from search.folder.record import TrialRecord
from search.study import Study
from search.study.constraints import limits_text
from search.study.objectives import OBJECTIVES

Point = tuple[float, float]


def pareto(answer: Answer, search: SearchAnswer) -> Picture:
    """A panel for each objective beside the measure that decides."""
    study = answer.recorded.study
    chart = figure(3.4, 7.6) if len(search.axes) > 1 else figure(3.4)
    panels = chart.subplots(1, len(search.axes), sharey=True, squeeze=False)[0]
    for panel, name in zip(panels, search.axes, strict=True):
        _panel(panel, name, answer, search)
    panels[0].set_ylabel(f"validation {study.measure_words}")
    in_percent(panels[0])
    legend(chart, panels[0])
    words = [OBJECTIVES[name].words for name in search.axes]
    is_plain = len(search.axes) == 1 and OBJECTIVES[search.axes[0]].field
    better = "both better and cheaper" if is_plain else "as good in every objective and better in one"
    caption = f"Diamonds with trial numbers: no other trial is {better} (the Pareto front)."
    if study.constraints:
        caption += f" Crosses break a constraint ({limits_text(study.constraints)})"
        drawn = [name for name in search.axes if name in study.constraints]
        caption += ", drawn as a dotted line." if drawn else "."
    front = [f"trial {record.number} ({_figures(record, search, study)})" for record in search.front]
    finding = f"On the front, with validation {study.measure_words} and {listed(words)}: {listed(front)}."
    wide = len(search.axes) > 1
    return picture("pareto", "Pareto front", caption, chart, finding=finding if front else "", wide=wide)


def _panel(axes: Axes, name: str, answer: Answer, search: SearchAnswer) -> None:
    study, objective = answer.recorded.study, OBJECTIVES[name]

    def place(record: TrialRecord) -> Point | None:
        value = value_on(record, name)
        return None if value is None else (value, val_value(record, study.measure))

    placed = [(record, point) for record in answer.recorded.searched if (point := place(record))]
    on_front = {record.number for record in search.front}
    over = [point for record, point in placed if not answer.recorded.keeps(record)]
    front = [point for record, point in placed if record.number in on_front]
    others = [point for record, point in placed if record.number not in on_front and answer.recorded.keeps(record)]
    scatter(axes, others, "o", color=MUTED, markersize=4, alpha=0.5)
    scatter(axes, front, "D", color=INK, markersize=6)
    scatter(axes, over, "x", color=MUTED, markersize=5, label=OVER)
    for record, (x, y) in placed:
        hover_point(axes, x, y, f"{told(record, study)}; {objective.axis} {objective.shown(x)}")
        if record.number in on_front:
            beside: dict[str, Any] = {"xytext": (5, 4), "textcoords": "offset points"}
            axes.annotate(str(record.number), (x, y), fontsize=SMALL - 1, color=INK, **beside)
    if front and len(search.axes) == 1:  # of three objectives, the front is no ladder in two of them
        steps: Any = "steps-post" if objective.direction == "minimize" else "steps-pre"
        axes.plot(*zip(*sorted(front), strict=True), color=INK, linewidth=1.0, drawstyle=steps, alpha=0.5)
    if search.reference is not None and (point := place(search.reference)) is not None:
        scatter(axes, [point], "s", color=VERMILLION, markersize=6, label="reference model")
    _limit(axes, study.constraints.get(name))
    values = [x for _, (x, _) in placed]
    if values and min(values) > 0 and max(values) > 5 * min(values):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    if objective.unit == "%":
        in_percent(axes, "x")
    elif objective.field:
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel(objective.axis)
    axes.margins(x=0.1)
    bare(axes)


def _limit(axes: Axes, limit: float | None) -> None:
    if limit is not None:
        label = "at most, by a constraint"
        axes.axvline(limit, color=VERMILLION, linestyle=(0, (1, 2)), linewidth=1.2, label=label)


def _figures(record: TrialRecord, search: SearchAnswer, study: Study) -> str:
    values = [(OBJECTIVES[name], value_on(record, name)) for name in search.axes]
    texts = [objective.shown(value) for objective, value in values if value is not None]
    return ", ".join([percent(val_value(record, study.measure)), *texts])


def scatter(axes: Axes, points: Sequence[Point], marker: str, **options: Any) -> None:
    """Points, where there are any, in data coordinates."""
    if points:
        edge: dict[str, Any] = {} if marker == "x" else {"markeredgewidth": 0}
        axes.plot(*zip(*points, strict=True), marker, **edge, **options)


def told(record: TrialRecord, study: Study) -> str:
    """What a pointer on a trial is told."""
    return f"trial {record.number}: {percent(val_value(record, study.measure))} on validation ({settings(record)})"
