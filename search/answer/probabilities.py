"""Measures of a split that need the images' class probabilities: AUROC and the calibration error.

Like those of `search.answer.measures` they are sums over photographs, so that their variance comes from one place.
Studies of earlier versions kept no probabilities: their measures are absent.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from search.answer.balanced import balanced_weights
from search.answer.measures import Ints, Measure, Predictions
from search.answer.scores import Scores
from search.answer.statistics.variance import Floats
from trainer.probabilities import BINS, class_placements, confidences


def auroc(predictions: Predictions) -> Measure | None:
    """The mean over classes of the area under the receiver operating characteristic of a class against the rest.

    As the trainer told, photograph by photograph; of earlier versions from the probabilities, where those were kept.
    None without either, and where there are fewer than two classes.
    """
    placed = predictions.placements
    if placed is not None:
        return predictions.measure(placed.sum(axis=1), placed, balanced_weights(predictions))
    found = [auroc_of(predictions, label) for label in range(predictions.counts.shape[-1])]
    known = [measure for measure in found if measure is not None]
    if not known:
        return None
    by_seed = np.mean([measure.by_seed for measure in known], axis=0)
    values = np.mean([measure.contributions for measure in known], axis=0)
    return predictions.measure(by_seed, values, balanced_weights(predictions))


def auroc_of(predictions: Predictions, label: int) -> Measure | None:
    """The area of one class against the rest (`trainer.probabilities.class_placements`).

    What the images of a photograph add is summed (Obuchowski 1997, "Nonparametric Analysis of Clustered ROC Curve
    Data", Biometrics 53, 567-578). None without probabilities, and where either side has no images.
    """
    scores = predictions.scores
    if scores is None:
        return None
    by_seed = np.zeros(len(predictions.seeds))
    values = np.zeros((len(predictions.seeds), len(predictions.photos)))
    for row, logs in enumerate(scores.logs[..., label]):
        found = class_placements(logs, scores.labels == label)
        if found is None:
            return None
        by_seed[row], of_images = found
        np.add.at(values[row], scores.columns, of_images)
    return predictions.measure(by_seed, values, balanced_weights(predictions))


def calibration_error(predictions: Predictions) -> Measure | None:
    """The expected calibration error (`trainer.probabilities.calibration_error`); None without probabilities."""
    scores = predictions.scores
    if scores is None:
        return None
    images = scores.logs.shape[1]
    by_seed = np.zeros(len(predictions.seeds))
    values = np.zeros((len(predictions.seeds), len(predictions.photos)))
    for row, (confidence, right, numbers) in enumerate(_binned(scores)):
        sums = np.bincount(numbers, right - confidence, minlength=BINS)
        by_seed[row] = np.abs(sums).sum() / images
        np.add.at(values[row], scores.columns, np.sign(sums)[numbers] * (right - confidence) / images)
    return predictions.measure(by_seed, values, balanced_weights(predictions))


class Bin(NamedTuple):
    """The images of one bin of confidence, over all trainings.

    Attributes:
        confidence: their mean probability of the predicted class.
        accuracy: the share of them classified rightly.
        share: of all images.
    """

    confidence: float
    accuracy: float
    share: float


def reliability(scores: Scores) -> list[Bin]:
    """The bins that have images, from low to high confidence, all trainings together."""
    confidence, right, numbers = (np.concatenate(part) for part in zip(*_binned(scores), strict=True))
    there = [numbers == number for number in range(BINS)]
    return [Bin(float(confidence[m].mean()), float(right[m].mean()), float(m.mean())) for m in there if m.any()]


def _binned(scores: Scores) -> list[tuple[Floats, Floats, Ints]]:
    """Of each training: (images,) confidences, whether they are right, and the numbers of their bins."""
    return [confidences(logs, scores.labels) for logs in scores.logs]
