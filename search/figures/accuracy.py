"""Accuracy by level, and the differences to the reference level."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from search.answer.answer import Answer
from search.answer.learning import chance_of
from search.answer.levels import LevelAnswer
from search.answer.tables.rows import head, name_of
from search.answer.words.sentence import called
from search.answer.words.verdicts import compared
from search.answer.words.wording import percent, points_text, share_text, word
from search.figures.difference_rows import draw_difference, draw_zero, name_rows
from search.figures.style import (
    MUTED,
    SPLIT_COLORS,
    SPLIT_NAMES,
    Picture,
    bare,
    figure,
    in_percent,
    legend,
    line_of_chance,
    picture,
)
from search.figures.vector import hover_line, hover_point
from search.study import Study
from search.study.deciding import DECIDING
from search.study.design import LOG_AXIS
from search.study.space import ParamValue
from search.text import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from trainer.events import SplitName

DRAWN: tuple[SplitName, ...] = ("train", "test")
MARKERS = {"train": "o", "test": "D"}
LETTERS = 54  # of an average width, as "photometric" has, on the whole axis of levels


def accuracy_by_level(answer: Answer) -> Picture:
    """A small point a seed, a large one at the mean, a bar over its 95 % interval."""
    study = answer.recorded.study
    drawn = [level for level in answer.levels if level.trials]
    places = positions(study.factor, [level.level for level in drawn])
    chart = figure(3.6)
    axes = chart.subplots()
    for split in DRAWN:
        _draw(axes, drawn, places, split, study)
    line_of_chance(axes, chance_of(drawn[0].trials[0], study.measure))
    label_levels(axes, answer, drawn, places)
    axes.set(ylim=(0, 1.02), ylabel=study.measure_words, xlabel=head(answer) if study.factors else "")
    if study.factor in LOG_AXIS:
        axes.set_xlabel(f"{word(study.factor or '')} (logarithmic)")
    in_percent(axes)
    bare(axes)
    legend(chart, axes)
    caption = (
        "Large points are means over seeds, bars their 95 % intervals over photographs and seeds; each small point is "
        "a seed. Measured after the last epoch in inference mode: without augmentation and dropout."
    )
    if any(len(level.measured) < len(level.trials) for level in drawn):
        caption += " Hollow and grey: trainings that did not learn, which are in no mean."
    names = [f"{called(study, level)} {share_text(level.accuracy['test'])}" for level in drawn]
    finding = f"Test {study.measure_words}: {'; '.join(names)}."
    return picture("accuracy", f"Training and testing {study.measure_words}", caption, chart, finding=finding)


def positions(factor: str | None, levels: list[ParamValue | None]) -> list[float]:
    """Where levels stand on the horizontal axis: by their logarithm where steps are ratios, else one after another."""
    if factor in LOG_AXIS and all(isinstance(level, int | float) and level > 0 for level in levels):
        return [math.log10(float(level)) * 1.6 for level in levels if level is not None]
    return [float(place) for place in range(len(levels))]


def label_levels(axes: Axes, answer: Answer, drawn: list[LevelAnswer], places: list[float]) -> None:
    """Names of levels; the reference level's in bold."""
    names = [name_of(answer, level) for level in drawn]
    bold = [level.is_reference and len(drawn) > 1 for level in drawn]
    name_places(axes, list(zip(places, names, bold, strict=True)))


def name_places(axes: Axes, named: list[tuple[float, str, bool]]) -> None:
    """Names below the horizontal axis, some in bold; aslant where they would run into each other.

    Args:
        axes: those of a figure of one panel.
        named: places, their names, and whether in bold.
    """
    named = sorted(named, key=lambda one: one[0])
    places = [place for place, _, _ in named]
    axes.set_xticks(places, [name for _, name, _ in named])
    axes.set_xlim(places[0] - 0.55, places[-1] + 0.55)
    room = LETTERS / (places[-1] - places[0] + 1.1)  # letters between two places that are 1 apart
    crowded = any(
        (len(left) + len(right)) / 2 + 1.5 > room * (there - here)
        for (here, left, _), (there, right, _) in itertools.pairwise(named)
    )
    for (_, _, is_bold), text in zip(named, axes.get_xticklabels(), strict=True):
        text.set_parse_math(False)
        if is_bold:
            text.set_fontweight("bold")
        if crowded:
            text.set(rotation=30, ha="right", rotation_mode="anchor")


def _draw(axes: Axes, drawn: list[LevelAnswer], places: list[float], split: SplitName, study: Study) -> None:
    color, marker, of = SPLIT_COLORS[split], MARKERS[split], DECIDING[study.measure].of
    offset = -0.13 if split == "train" else 0.13
    for number, (level, place) in enumerate(zip(drawn, places, strict=True)):
        estimate = level.accuracy[split]
        x = place + offset
        axes.plot([x, x], [estimate.low, estimate.high], color=color, linewidth=1.6, solid_capstyle="butt")
        n = len(estimate.by_seed)
        seeds = [x + 0.035 * (i - (n - 1) / 2) for i in range(n)]
        axes.plot(seeds, estimate.by_seed, marker, color=color, markersize=3, alpha=0.45, markeredgewidth=0)
        stuck = [
            of(trial.finished.splits[split]) for trial in level.trials if trial not in level.measured and trial.finished
        ]
        axes.plot([x] * len(stuck), stuck, marker, color=MUTED, markersize=3.5, markerfacecolor="none")
        name = f"{called(study, level)}, {SPLIT_NAMES[split]}"
        hover_line(axes, [x, x], [estimate.low, estimate.high], f"{name}: {share_text(estimate)}")
        for trial, at, value in zip(level.measured, seeds, estimate.by_seed, strict=True):
            hover_point(axes, at, value, f"{name}, seed {trial.config.seed}: {percent(value)}")
        hover_point(axes, x, estimate.value, f"{name}: {share_text(estimate)}")
        label = SPLIT_NAMES[split] if number == 0 else None
        axes.plot([x], [estimate.value], marker, color=color, markersize=6.5, markeredgewidth=0, label=label)


def _paired_seeds(answer: Answer, level: LevelAnswer, reference: LevelAnswer) -> list[int]:
    """Of the pairs that a level's differences are of, in their order; those up to its look, where it has one."""
    theirs = {trial.config.seed for trial in reference.measured}
    both = [trial.config.seed for trial in level.measured if trial.config.seed in theirs]
    return [seed for seed in both if answer.course is None or seed < answer.course.seen_at(level.level)]


def differences(answer: Answer) -> Picture | None:
    """The test figure of each level less the reference level's, with its interval; None with nothing to compare."""
    reference = answer.reference
    with_differences = [level for level in answer.levels if level.differences]
    if reference is None or not with_differences:
        return None
    chart = figure(max(1.5, 0.75 + 0.36 * len(with_differences)))
    axes = chart.subplots()
    margin, words = answer.recorded.study.margin, answer.recorded.study.measure_words
    draw_zero(axes, margin)
    for row, level in enumerate(reversed(with_differences)):
        seeds = [f"seed {seed}" for seed in _paired_seeds(answer, level, reference)]
        draw_difference(axes, row, called(answer.recorded.study, level), level.differences["test"], seeds)
    names = [shown(level.level) for level in reversed(with_differences) if level.level is not None]
    name_rows(axes, names, f"test {words} less the reference level's (points)")
    caption = (
        "Paired by seed and photograph; bars are simultaneous 95 % intervals, strokes single seeds. Filled: "
        f"decided to be higher or lower than the reference level; hollow: not. Shaded: within {points_text(margin)}, "
        "the margin of equivalence."
    )
    finding = compared(answer.recorded.study, reference, with_differences)
    return picture("differences", f"Effect on test {words}", caption, chart, finding=finding)
