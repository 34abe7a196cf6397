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

BINS = 15  # of equal width (Guo et al. 2017)


def auroc(predictions: Predictions) -> Measure | None:
    """The mean over classes of the area under the receiver operating characteristic of a class against the rest.

    None without probabilities, and where there are fewer than two classes.
    """
    found = [auroc_of(predictions, label) for label in range(predictions.counts.shape[-1])]
    known = [measure for measure in found if measure is not None]
    if not known:
        return None
    by_seed = np.mean([measure.by_seed for measure in known], axis=0)
    values = np.mean([measure.contributions for measure in known], axis=0)
    return predictions.measure(by_seed, values, balanced_weights(predictions))


def auroc_of(predictions: Predictions, label: int) -> Measure | None:
    """The area of one class against the rest: the share of pairs, an image of the class and another, of which the first
    has the greater probability of the class; ties count half.

    What an image adds is its placement among those of the other side (DeLong, DeLong and Clarke-Pearson 1988,
    "Comparing the Areas under Two or More Correlated Receiver Operating Characteristic Curves", Biometrics 44,
    837-845), summed over the images of a photograph (Obuchowski 1997, "Nonparametric Analysis of Clustered ROC Curve
    Data", Biometrics 53, 567-578). None without probabilities, and where either side has no images.
    """
    scores = predictions.scores
    if scores is None:
        return None
    mine = scores.labels == label
    n, rest = int(mine.sum()), int((~mine).sum())
    if not n or not rest:
        return None
    by_seed = np.zeros(len(predictions.seeds))
    values = np.zeros((len(predictions.seeds), len(predictions.photos)))
    for row, logs in enumerate(scores.logs[..., label]):
        inside, outside = np.sort(logs[mine]), np.sort(logs[~mine])
        above = _placements(logs[mine], outside) / rest
        below = 1 - _placements(logs[~mine], inside) / n
        by_seed[row] = above.mean()
        np.add.at(values[row], scores.columns[mine], above / n)
        np.add.at(values[row], scores.columns[~mine], (below - by_seed[row]) / rest)
    return predictions.measure(by_seed, values, balanced_weights(predictions))


def calibration_error(predictions: Predictions) -> Measure | None:
    """The expected calibration error: by how much confidence and accuracy differ, on average over the images.

    Images are put into 15 bins of equal width by the probability of their predicted class; a bin adds the difference
    between its images' mean probability and their accuracy, weighted by its images (Naeini, Cooper and Hauskrecht 2015,
    "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI; Guo, Pleiss, Sun and Weinberger 2017, "On
    Calibration of Modern Neural Networks", ICML). None without probabilities.
    """
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
    found = []
    for logs in scores.logs:
        confidence = np.exp(logs.max(axis=1))
        right = (logs.argmax(axis=1) == scores.labels).astype(np.float64)
        numbers = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
        found.append((confidence, right, numbers))
    return found


def _placements(values: Floats, ordered: Floats) -> Floats:
    """How many of `ordered` lie below each value; those equal to it count half."""
    found: Floats = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2
    return found
