"""Reliability: how often the model is right where it says that it is so sure."""

from __future__ import annotations

from search.answer.levels import LevelAnswer
from search.answer.measures import Predictions
from search.answer.probabilities import reliability
from search.answer.words.wording import count, percent
from search.figures.style import INK, MUTED, Picture, bare, figure, in_percent, picture
from search.figures.vector import hover_point
from trainer.probabilities import BINS


def reliability_diagram(level: LevelAnswer, key: str, title: str) -> Picture | None:
    """Accuracy against confidence, in bins, over all seeds of a level; None where no probabilities were kept.

    After Guo et al. 2017, "On Calibration of Modern Neural Networks", ICML.
    """
    scores = Predictions.of(level.measured, "test").scores
    if scores is None:
        return None
    bins = reliability(scores)
    chart = figure(3.4, 4.4)
    axes = chart.subplots()
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
    axes.plot([one.confidence for one in bins], [one.accuracy for one in bins], color=INK, linewidth=1, alpha=0.5)
    for one in bins:  # the area of a point is its share of the images
        axes.plot([one.confidence], [one.accuracy], "o", color=INK, markersize=3 + 14 * one.share**0.5, alpha=0.7)
        told = f"{percent(one.accuracy)} correct at a mean probability of {percent(one.confidence)}"
        hover_point(axes, one.confidence, one.accuracy, f"{told}; {percent(one.share)} of the images")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="probability of the predicted class", ylabel="classified correctly")
    in_percent(axes)
    in_percent(axes, "x")
    bare(axes, grid="both")
    caption = (
        f"The test images of {count(len(level.measured), 'seed')} in up to {BINS} bins of equal width; the larger a "
        "point, the more images. On the dashed line the model is right as often as it says; below it, it is too sure."
    )
    error = level.measures.get("ece")
    mean = sum(one.share * (one.confidence - one.accuracy) for one in bins)
    finding = f"On average the model is {percent(abs(mean))} {'more' if mean > 0 else 'less'} sure than it is right"
    finding += f"; expected calibration error {error.value:.3f}." if error else "."
    return picture(key, title, caption, chart, finding=finding)
