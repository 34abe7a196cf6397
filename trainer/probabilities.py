"""Measures of class probabilities, in numpy: AUROC, photograph by photograph, and the expected calibration error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]

BINS = 15  # of equal width (Guo et al. 2017)
CHANCE = 0.5  # AUROC of images of one class alone, where there is nothing to tell apart


def log_softmax(logits: npt.NDArray[np.floating]) -> Floats:
    """Logarithms of the probabilities of these logits, (images, classes); NaN where a logit is infinite."""
    wide = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):
        shifted = wide - wide.max(axis=1, keepdims=True)
        found: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found


def class_placements(scores: Floats, mine: npt.NDArray[np.bool_]) -> tuple[float, Floats] | None:
    """The area under the receiver operating characteristic of one class against the rest, and what each image adds.

    The area is the share of pairs, an image of the class and another, of which the first has the greater score; ties
    count half. What an image adds is its placement among those of the other side (DeLong, DeLong and Clarke-Pearson
    1988, "Comparing the Areas under Two or More Correlated Receiver Operating Characteristic Curves", Biometrics 44,
    837-845); all of them together are the area.

    Args:
        scores: (images,) of this class.
        mine: (images,) which are of the class.

    Returns:
        The area, and (images,) what each adds; None where either side has no images.
    """
    n, rest = int(mine.sum()), int((~mine).sum())
    if not n or not rest:
        return None
    inside, outside = np.sort(scores[mine]), np.sort(scores[~mine])
    above = _placements(scores[mine], outside) / rest
    below = 1 - _placements(scores[~mine], inside) / n
    area = float(above.mean())
    values = np.empty(len(scores))
    values[mine], values[~mine] = above / n, (below - area) / rest
    return area, values


def placements(logs: Floats, labels: Labels) -> Floats:
    """(images,) what each adds to AUROC, the mean over classes of `class_placements`; their sum is AUROC.

    Args:
        logs: (images, classes) logarithms of probabilities.
        labels: (images,) the true classes.
    """
    known = [
        one[1]
        for label in range(logs.shape[1])
        if (one := class_placements(logs[:, label], labels == label)) is not None
    ]
    if not known:
        return np.full(len(labels), CHANCE / max(len(labels), 1))
    found: Floats = np.mean(known, axis=0)
    return found


def auroc(logits: npt.NDArray[np.floating], labels: Labels) -> float:
    """The mean over classes of the area of a class against the rest; 0.5 where all images are of one class."""
    return float(placements(log_softmax(logits), labels).sum())


def confidences(logs: Floats, labels: Labels) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Of each image the probability of its predicted class, whether that is right (0 or 1), and the number of its bin
    of confidence.

    Args:
        logs: (images, classes) logarithms of probabilities.
        labels: (images,) the true classes.
    """
    confidence = np.exp(logs.max(axis=1))
    right = (logs.argmax(axis=1) == labels).astype(np.float64)
    return confidence, right, np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def calibration_error(logs: Floats, labels: Labels) -> float:
    """The expected calibration error: by how much confidence and accuracy differ, on average over the images.

    Images are put into 15 bins of equal width by the probability of their predicted class; a bin adds the difference
    between its images' mean probability and their accuracy, weighted by its images (Naeini, Cooper and Hauskrecht 2015,
    "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI; Guo, Pleiss, Sun and Weinberger 2017, "On
    Calibration of Modern Neural Networks", ICML). Arguments as of `confidences`. NaN where a probability is.
    """
    if not np.isfinite(logs).all():
        return math.nan
    confidence, right, numbers = confidences(logs, labels)
    return float(np.abs(np.bincount(numbers, right - confidence, minlength=BINS)).sum() / len(labels))


def _placements(values: Floats, ordered: Floats) -> Floats:
    """How many of `ordered` lie below each value; those equal to it count half."""
    found: Floats = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2
    return found
