"""Of a search: its history, the Pareto front, importances, parallel coordinates, and the evidence of the retraining."""

from __future__ import annotations

import math

from matplotlib import colormaps
from matplotlib.ticker import MaxNLocator

from search.answer.answer import Answer
from search.answer.evidence import Evidence
from search.answer.importance import importances
from search.answer.search_result import SearchAnswer, val_value
from search.answer.tables.cells import OVER
from search.answer.words.wording import listed, percent, share_text, word
from search.figures.confusion import confusion
from search.figures.pareto import pareto, scatter, told
from search.figures.style import (
    BLUE,
    INK,
    MUTED,
    SMALL,
    Picture,
    bare,
    figure,
    in_percent,
    legend,
    picture,
)
from search.figures.vector import hover_line, hover_point
from search.study import Study
from search.study.objectives import OBJECTIVES
from search.study.space import Levels, ParamValue, Range
from search.text import shown

MOST_LINES = 300  # more are a smear, and megabytes


def pictures(answer: Answer) -> list[Picture]:
    """The figures of a search, in the order of the page."""
    search, done, study = answer.search, answer.recorded.searched, answer.recorded.study
    if search is None or not done:
        return []
    found = [_history(answer, search), pareto(answer, search)]
    bars = _importances(answer, search.cost)
    found += [bars] if bars else []
    found.append(_parallel(answer))
    if search.evidence:
        found.append(_evidence(search.evidence, study))
        classes = answer.recorded.class_names
        found.append(confusion(search.evidence.best, classes, "confusion_best", "Test images by class: retrained"))
    return found


def _history(answer: Answer, search: SearchAnswer) -> Picture:
    study, done = answer.recorded.study, answer.recorded.searched
    chart = figure(3.2)
    axes = chart.subplots()
    kept = [(record.number, val_value(record, study.measure)) for record in done if answer.recorded.keeps(record)]
    over = [(record.number, val_value(record, study.measure)) for record in done if not answer.recorded.keeps(record)]
    scatter(axes, kept, "o", color=BLUE, markersize=4, alpha=0.7, label="trials")
    scatter(axes, over, "x", color=MUTED, markersize=5, label=OVER)
    for record in done:
        hover_point(axes, record.number, val_value(record, study.measure), told(record, study))
    best = [max(value for _, value in kept[: place + 1]) for place in range(len(kept))]
    if best:
        numbers = [number for number, _ in kept]
        axes.plot(numbers, best, color=INK, linewidth=1.6, drawstyle="steps-post", label="best so far")
    if search.reference is not None:
        height = val_value(search.reference, study.measure)
        axes.axhline(height, color=MUTED, linestyle=(0, (4, 3)), linewidth=1, label="reference model")
    axes.set(xlabel="trial", ylabel=f"validation {study.measure_words}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    in_percent(axes)
    bare(axes)
    legend(chart, axes)
    parts = []
    if search.best is not None:
        reached = percent(val_value(search.best, study.measure))
        parts.append(f"The best of {len(done)} trials reached {reached} (trial {search.best.number})")
    if search.reference is not None:
        parts.append(f"the reference model {percent(val_value(search.reference, study.measure))}")
    caption = f"Validation {study.measure_words} of each trial, in the order in which they began."
    return picture("history", "History", caption, chart, finding=f"{', '.join(parts)}." if parts else "")


def _importances(answer: Answer, cost: str) -> Picture | None:
    study, done = answer.recorded.study, answer.recorded.searched
    accuracy = importances(study, done, "validation")
    if not accuracy:
        return None
    costs = importances(study, done, cost)
    names = list(accuracy)[::-1]
    chart = figure(0.9 + 0.42 * len(names))
    axes = chart.subplots()
    for offset, shares, color, label in (
        (0.19, accuracy, INK, f"for validation {study.measure_words}"),
        (-0.19, costs, BLUE, f"for {OBJECTIVES[cost].words}"),
    ):
        if shares:
            rows = [row + offset for row in range(len(names))]
            axes.barh(rows, [shares.get(name, 0.0) for name in names], height=0.34, color=color, label=label)
            for row, name in zip(rows, names, strict=True):
                share = shares.get(name, 0.0)
                hover_line(axes, [0, share], [row, row], f"{word(name)}, {label}: {percent(share, 0)}")
    axes.set_yticks(range(len(names)), [word(name) for name in names])
    in_percent(axes, "x")
    bare(axes, grid="x", keep=("left",))
    axes.tick_params(axis="y", length=0)
    legend(chart, axes, 2)
    caption = "Share of what sets the best trials apart from the others (PED-ANOVA)."
    if conditional := [word(name) for name, spec in study.scientific.items() if spec.when]:
        caption += f" Without {listed(conditional)}, which not every trial has."
    parts = [f"{word(name)} {percent(share, 0)}" for name, share in accuracy.items()]
    finding = f"For validation {study.measure_words}: {listed(parts)}."
    return picture("importances", "Importances", caption, chart, finding=finding)


def _parallel(answer: Answer) -> Picture:
    """An axis a parameter and one for the accuracy; a line a trial, brighter the more accurate."""
    study, done = answer.recorded.study, answer.recorded.searched
    names = list(study.scientific)
    chart = figure(3.9, 7.6)
    axes = chart.subplots()
    values = [val_value(record, study.measure) for record in done]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    colours = colormaps["viridis"]
    for record, value in sorted(zip(done, values, strict=True), key=lambda item: item[1])[-MOST_LINES:]:
        heights = [
            _height(study.scientific[name], record.params[name]) if name in record.params else math.nan
            for name in names
        ]
        heights.append((value - low) / span)
        strength = (value - low) / span
        axes.plot(
            range(len(heights)),
            heights,
            color=colours(0.1 + 0.8 * strength),
            alpha=0.25 + 0.65 * strength,
            linewidth=0.9 + 1.3 * strength,
            marker="." if any(map(math.isnan, heights)) else "",
        )
        hover_line(axes, range(len(heights)), heights, told(record, study))
    for place, name in enumerate(names):
        axes.axvline(place, color=MUTED, linewidth=0.8)
        for height, text in _marks(study.scientific[name]):
            axes.annotate(
                text,
                (place, height),
                (4, 0),
                textcoords="offset points",
                fontsize=SMALL - 1,
                color=INK,
                va="center",
                parse_math=False,
            )
    axes.axvline(len(names), color=MUTED, linewidth=0.8)
    for height, value in ((0.0, low), (1.0, high)):
        axes.annotate(
            f"{value:.0%}",
            (len(names), height),
            (4, 0),
            textcoords="offset points",
            fontsize=SMALL - 1,
            color=INK,
            va="center",
        )
    axes.set_xticks(range(len(names) + 1), [*(word(name) for name in names), f"validation\n{study.measure_words}"])
    axes.set(xlim=(-0.1, len(names) + 0.35), ylim=(-0.06, 1.06))
    axes.set_yticks([])
    bare(axes, grid=None, keep=())
    caption = "Each line is a trial; the brighter and thicker, the better on validation."
    if any(spec.when for spec in study.scientific.values()):
        caption += " A line is broken where a conditional parameter was not proposed."
    if len(done) > MOST_LINES:
        caption += f" The best {MOST_LINES} of {len(done):,} trials."
    feasible = [record for record in done if answer.recorded.keeps(record)] or done
    best = max(feasible, key=lambda record: val_value(record, study.measure))
    finding = f"Best on validation: {told(best, study)}."
    return picture("parallel_coordinates", "Parallel coordinates", caption, chart, finding=finding, wide=True)


def _height(spec: Levels | Range, value: ParamValue) -> float:
    """0 to 1 along the parameter's axis."""
    if isinstance(spec, Levels):
        return spec.levels.index(value) / (len(spec.levels) - 1)
    assert isinstance(value, int | float)
    if spec.log:
        return math.log(value / spec.low) / math.log(spec.high / spec.low)
    return (value - spec.low) / (spec.high - spec.low) if spec.high > spec.low else 0.5


def _marks(spec: Levels | Range) -> list[tuple[float, str]]:
    if isinstance(spec, Levels):
        return [(_height(spec, level), shown(level)) for level in spec.levels]
    return [(0.0, shown(spec.low)), (1.0, shown(spec.high))]


def _evidence(found: Evidence, study: Study) -> Picture:
    rows = [("reference model", found.reference, MUTED), ("recommended", found.best, INK)]
    shown_rows = [(name, level, color) for name, level, color in rows if level is not None]
    chart = figure(1.1 + 0.45 * len(shown_rows))
    axes = chart.subplots()
    for row, (name, level, color) in enumerate(shown_rows):
        test = level.accuracy["test"]
        axes.plot([test.low, test.high], [row, row], color=color, linewidth=2)
        axes.plot(test.by_seed, [row + 0.2] * len(test.by_seed), "|", color=color, markersize=6, alpha=0.7)
        axes.plot([test.value], [row], "D", color=color, markersize=7, markeredgewidth=0)
        hover_line(axes, [test.low, test.high], [row, row], f"{name}: {share_text(test)}")
    axes.set_yticks(range(len(shown_rows)), [name for name, _, _ in shown_rows])
    axes.set(ylim=(-0.6, len(shown_rows) - 0.4), xlabel=f"test {study.measure_words}")
    in_percent(axes, "x")
    bare(axes, grid="x", keep=("bottom",))
    axes.tick_params(axis="y", length=0)
    both = "Both retrained on the same" if found.reference else "Retrained on"
    caption = f"{both} {len(found.best.trials)} new seeds; bars are 95 % intervals, strokes single seeds."
    return picture("evidence", "Retrained on new seeds", caption, chart, finding=found.sentence)
