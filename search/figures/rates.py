"""The measure that decides against learning rate by level, of a study that tunes it for each level."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from search.answer.answer import Answer
from search.answer.tuned import CrossFit, level_words, tuned_text
from search.answer.words.wording import percent
from search.figures.style import (
    INK,
    SMALL,
    SPLIT_COLORS,
    SPLIT_NAMES,
    Picture,
    bare,
    figure,
    in_percent,
    legend,
    picture,
)
from search.figures.vector import hover_point
from search.study.deciding import DECIDING
from search.text import first_upper, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from search.study import Study
    from search.study.space import ParamValue
    from trainer.events import SplitName

COLUMNS = 2
DRAWN: tuple[SplitName, ...] = ("val", "test")
MARKERS = {"val": "s", "test": "D"}


def result_by_rate(answer: Answer) -> Picture | None:
    """A panel a level: points are trainings, lines go through their means. None where nothing was tuned so."""
    found, study = answer.tuned, answer.recorded.study
    if found is None:
        return None
    words = level_words(study)
    drawn = [level for level in words if any(found.by_rate[level, rate] for rate in study.rates)]
    if not drawn:
        return None
    lines = -(-len(drawn) // COLUMNS)
    chart = figure(0.9 + 1.9 * lines)
    panels = chart.subplots(lines, min(COLUMNS, len(drawn)), sharey=True, squeeze=False)
    for place, axes in enumerate(panels.flat):
        if place >= len(drawn):
            axes.remove()
            continue
        name = words[drawn[place]]
        _draw(axes, found, drawn[place], study, name)
        axes.set_title(name, fontsize=SMALL, color=INK)
        in_percent(axes)
        bare(axes)
        if place >= len(drawn) - COLUMNS:
            axes.set_xlabel("learning rate")
    legend(chart, panels[0][0])
    caption = (
        "Small points are single trainings, lines go through their means, failed trainings aside. Vertical lines mark "
        f"the rates that were chosen, by validation {study.measure_words}: dotted in one half of the replicates, "
        "dashed in the other."
    )
    title = f"{first_upper(study.measure_words)} against learning rate"
    return picture("rates", title, caption, chart, finding=tuned_text(study, found), wide=len(drawn) > COLUMNS)


def _draw(axes: Axes, found: CrossFit, level: ParamValue, study: Study, name: str) -> None:
    rates, of = study.rates, DECIDING[study.measure].of
    for split in DRAWN:
        means: list[float] = []
        places: list[float] = []
        for rate in rates:
            done = {r.config.seed: r.finished for r in found.by_rate[level, rate] if r.finished}
            values = [of(end.splits[split]) for end in done.values()]
            told = f"{name}, learning rate {shown(rate)}, {SPLIT_NAMES[split]}"
            for seed, value in zip(done, values, strict=True):
                hover_point(axes, rate, value, f"{told}, seed {seed}: {percent(value)}")
            axes.plot([rate] * len(values), values, MARKERS[split], color=SPLIT_COLORS[split], markersize=3, alpha=0.4)
            if values:
                places.append(rate)
                means.append(statistics.fmean(values))
                hover_point(axes, rate, means[-1], f"{told}: {percent(means[-1])} on average")
        style = {"color": SPLIT_COLORS[split], "linewidth": 1.4, "markersize": 5, "label": SPLIT_NAMES[split]}
        axes.plot(places, means, MARKERS[split], linestyle="-", **style)  # type: ignore[arg-type]
    for chosen, dashes in zip(found.rates[level], ((0, (1, 2)), (2, (4, 3))), strict=True):
        if chosen is not None:
            axes.axvline(chosen, color=INK, linewidth=1, linestyle=dashes, zorder=0)
    axes.set_xscale("log")
    axes.set_xticks(list(rates), [shown(rate) for rate in rates])
    axes.minorticks_off()
    axes.set_xlim(rates[0] / 1.6, rates[-1] * 1.6)
    axes.set_ylim(0, 1.02)
