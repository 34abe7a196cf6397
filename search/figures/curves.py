"""Learning curves by level: the mean over seeds, and their range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from search.answer.answer import Answer
from search.answer.learning import chance_of, start_of
from search.answer.levels import LevelAnswer
from search.answer.statistics.variance import Floats
from search.answer.words.facts import is_public_set
from search.answer.words.sentence import called, subject
from search.answer.words.wording import count, percent
from search.figures.style import (
    GREEN,
    INK,
    MUTED,
    SMALL,
    SPLIT_COLORS,
    WIDTH_IN,
    Picture,
    bare,
    figure,
    in_percent,
    legend,
    picture,
)
from search.figures.vector import hover_box

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The work that this project studies: the reference model after 600 epochs on the full set, grayscale.
STUDIED_TRAIN, STUDIED_TEST = 1.00, 0.65
MOST_BANDS = 25  # of a panel, that tell a pointer what the curves are: an epoch each, or several
MOST_PANELS = 12  # a page's worth; a panel takes 0.1 s


def learning_curves(answer: Answer) -> Picture:
    """A panel a level: training and validation accuracy by epoch, and the reference level's validation in grey.

    Trainings that end by their start are drawn from it: so many epochs after their start, all are measured.
    """
    study = answer.recorded.study
    aligned = study.base_config().epochs_after_start is not None and any(
        level.learning.learnt for level in answer.levels
    )
    trained = [level for level in answer.levels if level.trials]
    drawn = _most_telling(trained)
    config = study.base_config()
    is_reference_model = not study.factors and subject(study) == "the reference model" and not config.color
    studied = is_reference_model and is_public_set(answer.recorded.data)
    columns = 1 if len(drawn) == 1 else 2
    rows = -(-len(drawn) // columns)
    chart = figure(3.4 if rows == 1 and columns == 1 else 0.7 + 1.75 * rows, WIDTH_IN)
    grid = chart.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for place, axes in enumerate(grid.flat):
        if place >= len(drawn):
            axes.set_visible(False)
            continue
        level = drawn[place]
        if not level.is_reference and answer.reference is not None:
            epochs, values = _curves(answer.reference, "val", aligned)
            axes.plot(epochs, values.mean(axis=0), color=MUTED, linewidth=1.1, linestyle=(0, (2, 1.5)))
        _draw(axes, level, aligned, first=place == 0)
        _tell(axes, level, called(study, level), aligned)
        if studied:
            _studied(axes)
        if study.factors:
            bold = "bold" if level.is_reference else "normal"
            title = axes.set_title(called(study, level), fontsize=SMALL, color=INK, loc="left", pad=3)
            title.set(fontweight=bold, parse_math=False)
        axes.axhline(chance_of(level.trials[0]), color=MUTED, linestyle=(0, (4, 3)), linewidth=0.8, zorder=1)
        axes.set_ylim(0, 1.02)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, nbins=5))
        in_percent(axes)
        bare(axes)
    chart.supxlabel("epochs after the start of learning" if aligned else "epoch", fontsize=SMALL, color=INK)
    chart.supylabel("accuracy", fontsize=SMALL, color=INK)
    legend(chart, grid.flat[0], 4)
    caption = (
        "Training is measured in training mode, while the weights change, with augmentation and dropout; validation "
    )
    caption += "after each epoch and testing at the end in inference mode, without them, as in the tables. "
    caption += "Lines are means over seeds, bands their range"
    caption += "; grey dashes: the reference level's validation." if len(drawn) > 1 else "."
    if aligned:
        lost = sum(len(level.trials) - level.learning.learnt for level in drawn)
        caption += f" {count(lost, 'training')} that did not learn left out." if lost else ""
    elif any(level.learning.starts for level in drawn):
        caption += " Ticks below: where each seed starts to learn."
    if not aligned and any(len(level.measured) < len(level.trials) for level in drawn):
        caption += " Thin and grey: training accuracy of seeds that did not learn, which are in no mean."
    if len(drawn) < len(trained):
        caption += f" Of {len(trained)} levels the reference level and the best by validation {study.measure_words}."
    if studied:
        caption += " Dotted: what the studied work reports after 600 epochs."
    ends = []
    for level in drawn:
        train, val = (_curves(level, split, aligned)[1] for split in ("train", "val"))
        if train.size:
            at_end = f"{percent(train[:, -1].mean(), 0)} and {percent(val[:, -1].mean(), 0)}"
            ends.append(f"{called(study, level)} {at_end}")
    finding = f"At the end, training and validation accuracy: {'; '.join(ends)}."
    return picture("learning_curves", "Learning curves", caption, chart, finding=finding)


def _most_telling(levels: list[LevelAnswer]) -> list[LevelAnswer]:
    """The reference level and the best by validation accuracy, in the study's order."""
    ranked = sorted(levels, key=lambda level: (not level.is_reference, -level.accuracy["val"].value))
    kept = ranked[:MOST_PANELS]
    return [level for level in levels if level in kept]


def _curves(level: LevelAnswer, split: str, aligned: bool) -> tuple[list[int], Floats]:
    """Epochs, and accuracies of the trainings that learnt, (seeds, epochs), over the epochs that all have.

    Args:
        level: with at least one trial.
        split: train or val.
        aligned: whether epochs count from the start of learning, which is 0; without a start there are no curves then.
    """
    first = {id(trial): (start_of(trial) or 0) if aligned else 0 for trial in level.measured}
    drawn = [trial for trial in level.measured if first[id(trial)] or not aligned]
    if not drawn:
        return [], np.empty((0, 0))
    low = max(1 - first[id(trial)] for trial in drawn)
    high = min(len(trial.epochs) - first[id(trial)] for trial in drawn)
    epochs = list(range(low, high + 1))
    curves = [[getattr(t.epochs[at + first[id(t)] - 1], f"{split}_accuracy") for at in epochs] for t in drawn]
    return epochs, np.asarray(curves, np.float64).reshape(len(drawn), len(epochs))


def _draw(axes: Axes, level: LevelAnswer, aligned: bool, *, first: bool) -> None:
    last = 0
    for split, name in (("train", "training"), ("val", "validation")):
        epochs, values = _curves(level, split, aligned)
        if not values.size:
            continue
        color = SPLIT_COLORS[split]
        if len(values) > 1:
            axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=color, alpha=0.18, linewidth=0)
        marker = "o" if len(epochs) < 4 else None
        label = name if first else None
        axes.plot(epochs, values.mean(axis=0), marker=marker, color=color, linewidth=1.6, label=label)
        last = epochs[-1]
    if aligned and not level.learning.learnt:
        axes.annotate("does not learn", (0.5, 0.5), xycoords="axes fraction", ha="center", fontsize=SMALL, color=MUTED)
        return
    if not aligned:
        _draw_starts(axes, level)
        last = max(len(trial.epochs) for trial in level.measured)
    label = "testing, at the end" if first else None
    test = level.measures["accuracy"].value
    axes.plot([last], [test], "D", color=GREEN, markersize=4.5, clip_on=False, markeredgewidth=0, label=label)


def _draw_starts(axes: Axes, level: LevelAnswer) -> None:
    """A tick where each seed starts to learn, and the curves of those that do not."""
    starts = level.learning.starts
    if starts:  # without, the line has no box to lay out
        axes.plot(starts, [0.0] * len(starts), "|", color=INK, markersize=9, markeredgewidth=1, clip_on=False)
    for trial in level.trials:
        if trial not in level.measured:
            stuck = [epoch.train_accuracy for epoch in trial.epochs]
            axes.plot(range(1, len(stuck) + 1), stuck, color=MUTED, linewidth=0.8, alpha=0.7)


def _tell(axes: Axes, level: LevelAnswer, name: str, aligned: bool) -> None:
    epochs, train = _curves(level, "train", aligned)
    _, val = _curves(level, "val", aligned)
    step = -(-len(epochs) // MOST_BANDS) if epochs else 1
    for at in range(len(epochs) - 1, -1, -step):  # the last one is told
        means = f"training {percent(train[:, at].mean())}, validation {percent(val[:, at].mean())}"
        hover_box(axes, epochs[at] - step + 0.5, 0, step, 1.02, f"{name}, epoch {epochs[at]}: {means}")


def _studied(axes: Axes) -> None:
    for value, color, text in ((STUDIED_TRAIN, SPLIT_COLORS["train"], "100 %"), (STUDIED_TEST, GREEN, "65 %")):
        axes.axhline(value, color=color, linestyle=(0, (1, 2)), linewidth=1.2)
        what = "training" if value == STUDIED_TRAIN else "testing"
        axes.annotate(
            f"studied work, {what}: {text}",
            (0.01, value),
            (2, -10),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            fontsize=SMALL - 1,
            color=MUTED,
        )
