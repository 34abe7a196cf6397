"""Measures in which every class counts alike, whatever the number of its images: balanced accuracy and specificity."""

from __future__ import annotations

import numpy as np

from search.answer.measures import Measure, Predictions
from search.answer.statistics.variance import Floats


def balanced_accuracy(predictions: Predictions) -> Measure:
    """The mean over classes of the share of a class's images that is classified rightly (Brodersen, Ong, Stephan and
    Buhmann 2010, "The Balanced Accuracy and Its Posterior Distribution", ICPR); over the classes that a training saw.
    """
    images = predictions.counts.sum(axis=-1).astype(np.float64)
    weights = balanced_weights(predictions)
    rates = np.divide(predictions.hits, images, out=np.zeros_like(images), where=images > 0)
    values = weights * rates
    return predictions.measure(values.sum(axis=1), values, weights)


def specificity(predictions: Predictions, label: int) -> Measure | None:
    """The share of the images of other classes that is not taken for this one; None where there are none, or where no
    image is of this class.
    """
    columns = np.flatnonzero(predictions.labels != label)
    if not len(columns) or len(columns) == len(predictions.labels):
        return None
    rows = np.flatnonzero(predictions.seen[:, columns].any(axis=1))
    part = predictions.part(rows, columns)
    total = part.counts.sum(axis=(1, 2))[:, None]
    values = (part.counts.sum(axis=-1) - part.counts[..., label]) / total
    return part.measure(values.sum(axis=1), values)


def balanced_weights(predictions: Predictions) -> Floats:
    """(seeds, columns) each class that a training saw counts alike, a photograph by its images within its class."""
    images = predictions.counts.sum(axis=-1).astype(np.float64)
    weights = np.zeros_like(images)
    classes = np.zeros((len(images), 1))
    for label in np.unique(predictions.labels):
        columns = predictions.labels == label
        total = images[:, columns].sum(axis=1, keepdims=True)
        weights[:, columns] = np.divide(
            images[:, columns], total, out=np.zeros_like(images[:, columns]), where=total > 0
        )
        classes += total > 0
    found: Floats = weights / np.maximum(classes, 1)
    return found
