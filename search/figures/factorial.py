"""A question that crosses two parameters: a heat map of its combinations, and its effects with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from search.answer.answer import Answer
from search.answer.factorial import Factorial
from search.answer.levels import LevelAnswer
from search.answer.words.factorial import effect_name
from search.answer.words.sentence import called
from search.answer.words.wording import count, percent, points_text, share_text, word
from search.figures.confusion import DARKEST
from search.figures.difference_rows import draw_difference, draw_zero, name_rows
from search.figures.style import (
    BLUE,
    GRID,
    INK,
    SMALL,
    WIDTH_IN,
    Picture,
    bare,
    figure,
    picture,
)
from search.figures.vector import hover_box
from search.study import Study
from search.text import first_upper, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LIGHTEST = 0.08  # opacity of the lowest cell, so that it is told from one without a figure
WIDEST = 7  # combinations in a row whose interval fits into its cell


def heat_map(answer: Answer, found: Factorial) -> Picture:
    """A cell a combination: the mean test figure, its interval, and at how many seeds it learnt."""
    study = answer.recorded.study
    one, other = study.factors
    rows, columns = found.levels[one], found.levels[other]
    known = [level for level in answer.levels if level.learning.learnt]
    values = [level.accuracy["test"].value for level in known]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    chart = figure(min(2 * WIDTH_IN, 1.0 + 0.75 * len(rows)), WIDTH_IN)
    axes = chart.subplots()
    for level in answer.levels:
        y, x = rows.index(level.cell[one]), columns.index(level.cell[other])
        share = None
        if level.learning.learnt:
            share = (level.accuracy["test"].value - low) / (high - low) if high > low else 0.5
        _draw(axes, study, level, x, y, share, wide=len(columns) <= WIDEST)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5), xlabel=word(other), ylabel=word(one))
    axes.set_xticks(range(len(columns)), [shown(value) for value in columns])
    axes.set_yticks(range(len(rows)), [shown(value) for value in rows])
    bare(axes, grid=None, keep=())
    axes.tick_params(length=0, labelsize=SMALL)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)
    if sum(len(shown(value)) for value in columns) > 44:
        for label in axes.get_xticklabels():
            label.set(rotation=30, ha="right", rotation_mode="anchor")
    caption = (
        f"Mean test {study.measure_words} of the trainings that learnt, in per cent, its 95 % interval over "
        "photographs and seeds, and at how many seeds the model learnt. The darker, the higher, from the lowest "
        "combination to the highest. The frame marks the reference level of both."
    )
    title = f"Test {study.measure_words} by {word(one)} and {word(other)}"
    return picture("combinations", title, caption, chart, finding=_finding(answer, known), wide=len(columns) > WIDEST)


def _finding(answer: Answer, known: list[LevelAnswer]) -> str:
    study = answer.recorded.study
    if not known:
        return answer.words.headline
    ordered = sorted(known, key=lambda level: level.accuracy["test"].value)
    ends = [f"{called(study, level)}, {percent(level.accuracy['test'].value)}" for level in (ordered[-1], ordered[0])]
    return f"{answer.words.headline} Highest test {study.measure_words}: {ends[0]}; lowest: {ends[1]}."


def _draw(axes: Axes, study: Study, level: LevelAnswer, x: int, y: int, share: float | None, *, wide: bool) -> None:
    fill = to_rgba(GRID, 0.35) if share is None else to_rgba(BLUE, LIGHTEST + (DARKEST - LIGHTEST) * share)
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=fill, linewidth=0))
    if level.is_reference:
        inside = (x - 0.46, y - 0.46)
        axes.add_patch(Rectangle(inside, 0.92, 0.92, facecolor="none", edgecolor=INK, linewidth=1.5, zorder=3))
    learnt = f"{level.learning.learnt} of {count(level.learning.seeds, 'seed')}"
    name = called(study, level)
    if share is None:
        nothing = "no result yet" if not level.learning.seeds else f"learnt at {learnt}"
        axes.text(
            x, y, f"–\n{learnt}" if level.learning.seeds else "–", ha="center", va="center", color=INK, fontsize=SMALL
        )
        hover_box(axes, x - 0.5, y - 0.5, 1, 1, f"{name}: {nothing}")
        return
    test = level.accuracy["test"]
    lines = (
        [percent(test.value), f"{100 * test.low:.0f} to {100 * test.high:.0f}", learnt]
        if wide
        else [
            f"{100 * test.value:.0f}",
            learnt,
        ]
    )
    axes.text(x, y, "\n".join(lines), ha="center", va="center", color=INK, fontsize=SMALL)
    hover_box(axes, x - 0.5, y - 0.5, 1, 1, f"{name}: {share_text(test)}, learnt at {learnt}")


def effects(answer: Answer, found: Factorial) -> Picture | None:
    """Main effects and interactions on the test figure, with their intervals; None where none could be estimated."""
    if not found.known:
        return None
    study = answer.recorded.study
    chart = figure(max(1.7, 0.95 + 0.36 * len(found.known)))
    axes = chart.subplots()
    draw_zero(axes, study.margin)
    names = [effect_name(effect) for effect in reversed(found.known)]
    for row, effect in enumerate(reversed(found.known)):
        test, marker = effect.differences["test"], "s" if effect.is_interaction else "D"
        draw_difference(axes, row, names[row], test, ["one seed"] * len(test.estimate.by_seed), marker)
    n_main = sum(not effect.is_interaction for effect in found.known)
    if 0 < n_main < len(found.known):
        axes.axhline(len(found.known) - n_main - 0.5, color=GRID, linewidth=1)
    name_rows(axes, names, f"effect on test {study.measure_words} (points)")
    caption = (
        "Diamonds: main effects, averaged over the levels of the other parameter; squares: interactions, by how much "
        "an effect is higher with that level of the other parameter than with its reference level. Paired by seed and "
        "photograph; bars are simultaneous 95 % intervals, strokes single seeds. Filled: shown to be higher or lower; "
        f"hollow: not. Shaded: within {points_text(study.margin)}, the margin of equivalence."
    )
    clear = count(sum(effect.differences["test"].is_clear for effect in found.known), "effect")
    finding = f"{answer.words.headline} Shown: {clear} of {len(found.known)}."
    title = f"What {word(study.factors[0])} and {word(study.factors[1])} do to test {study.measure_words}"
    return picture("effects", first_upper(title), caption, chart, finding=finding)
