"""Accuracy against what it costs, with the Pareto front."""

from __future__ import annotations

from search.answer.answer import Answer
from search.answer.words.sentence import called
from search.answer.words.wording import listed, share_text
from search.figures.style import INK, MUTED, Picture, bare, figure, in_percent, label_points, picture
from search.figures.vector import hover_line, hover_point
from search.text import first_upper, shown


def accuracy_against_cost(answer: Answer) -> Picture | None:
    """The test figure against peak VRAM, or parameters where VRAM was not measured; None where all cost alike."""
    words = answer.recorded.study.measure_words
    drawn = []
    for level in answer.levels:
        known = level.vram_mib if answer.vram_measured else level.parameters
        if level.trials and known is not None:
            drawn.append((known.mean, level))
    if len({round(cost) for cost, _ in drawn}) < 2:
        return None
    chart = figure(3.4)
    axes = chart.subplots()
    front, best = [], -1.0
    for cost, level in sorted(drawn, key=lambda point: (point[0], -point[1].accuracy["test"].value)):
        if level.accuracy["test"].value > best:
            best = level.accuracy["test"].value
            front.append((cost, best))
    axes.plot(*zip(*front, strict=True), color=INK, linewidth=1.0, drawstyle="steps-post", alpha=0.5)
    on_front = {cost for cost, _ in front}
    for cost, level in drawn:
        test = level.accuracy["test"]
        color = INK if cost in on_front and (cost, test.value) in front else MUTED
        axes.plot([cost, cost], [test.low, test.high], color=color, linewidth=1.2, alpha=0.6)
        axes.plot([cost], [test.value], "D", color=color, markersize=6, markeredgewidth=0)
        unit = "MiB" if answer.vram_measured else "parameters"
        text = f"{called(answer.recorded.study, level)}: {share_text(test)}, {cost:,.0f} {unit}"
        hover_line(axes, [cost, cost], [test.low, test.high], text)
        hover_point(axes, cost, test.value, text)
    costs = [cost for cost, _ in drawn]
    if max(costs) > 5 * min(costs):
        axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.set(ylim=(0, 1.02), ylabel=f"test {words}")
    axes.set_xlabel("peak VRAM (MiB)" if answer.vram_measured else "parameters")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    in_percent(axes)
    bare(axes)
    names = {id(level): "" if level.level is None else shown(level.level) for _, level in drawn}
    label_points(
        chart,
        axes,
        [(cost, level.accuracy["test"].value, names[id(level)], level.is_reference) for cost, level in drawn],
    )
    on = [names[id(level)] for cost, level in drawn if (cost, level.accuracy["test"].value) in front]
    caption = "Bars are 95 % intervals. On the line: no cheaper level is better on average (the Pareto front)."
    what = "VRAM" if answer.vram_measured else "parameters"
    return picture(
        "cost", f"{first_upper(words)} against {what}", caption, chart, finding=f"On the Pareto front: {listed(on)}."
    )
