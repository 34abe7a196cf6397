"""What a trial's predictions say, photograph by photograph: accuracy, recall and F1 as sums over photographs.

Every measure is a `Measure`: its value for each seed, and what each photograph contributes to it. So the variance of
any of them, and of any difference between two, comes from one place (`search.answer.intervals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from search.answer.intervals import Estimate, Floats, Variance, estimate_difference, estimate_share, variance_of
from search.folder.record import TrialRecord
from trainer.events import SplitName

Ints = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Predictions:
    """How the images of a split were classified, by seed and photograph.

    Attributes:
        seeds: of the trials.
        photos: names of the photographs that every trial measured.
        strata: (photographs,) the split and class of each, as "test/2".
        labels: (photographs,) the class of each.
        counts: (seeds, photographs, classes) images by predicted class.
    """

    seeds: tuple[int, ...]
    photos: tuple[str, ...]
    strata: tuple[str, ...]
    labels: Ints
    counts: Ints

    @classmethod
    def of(cls, trials: Sequence[TrialRecord], split: SplitName) -> Predictions:
        """Of finished trials of one level, a seed each.

        Raises:
            ValueError: a trial is not finished.
        """
        tables = []
        for trial in trials:
            if trial.finished is None:
                raise ValueError(f"trial {trial.number} is not finished")
            tables.append({count.photo: count for count in trial.finished.splits[split].photos})
        photos = sorted(set.intersection(*(set(table) for table in tables))) if tables else []
        counts = [[table[photo].predicted for photo in photos] for table in tables]
        labels = [tables[0][photo].label for photo in photos]
        return cls(
            seeds=tuple(trial.config.seed for trial in trials),
            photos=tuple(photos),
            strata=tuple(f"{split}/{label}" for label in labels),
            labels=np.asarray(labels, np.int64),
            counts=np.asarray(counts, np.int64).reshape(len(tables), len(photos), -1),
        )

    @property
    def images(self) -> Floats:
        """(photographs,) how many images there are of each."""
        found: Floats = self.counts[0].sum(axis=-1).astype(np.float64)
        return found

    @property
    def hits(self) -> Floats:
        """(seeds, photographs) images classified rightly."""
        found: Floats = self.counts[:, np.arange(len(self.photos)), self.labels].astype(np.float64)
        return found


@dataclass(frozen=True)
class Measure:
    """A figure of each seed, and what it is made of.

    Attributes:
        seeds: names of the rows.
        photos: names of the columns.
        strata: (photographs,) names.
        images: (photographs,) how many there are of each.
        by_seed: (seeds,).
        contributions: (seeds, photographs) what each adds to the figure, see `search.answer.intervals.variance_of`.
    """

    seeds: tuple[int, ...]
    photos: tuple[str, ...]
    strata: tuple[str, ...]
    images: Floats
    by_seed: Floats
    contributions: Floats

    def minus(self, other: Measure) -> Measure:
        """The difference, seed by seed and photograph by photograph.

        Both must have the same seeds. A photograph that only one of them has (the training photographs of a gap between
        training and testing) contributes alone.
        """
        if self.seeds != other.seeds:
            raise ValueError(f"differences are paired: found seeds {self.seeds} and {other.seeds}")
        strata = dict(zip(other.photos, other.strata, strict=True)) | dict(zip(self.photos, self.strata, strict=True))
        place = {photo: column for column, photo in enumerate(strata)}
        table, images = np.zeros((len(self.seeds), len(strata))), np.zeros(len(strata))
        for measure, sign in ((self, 1), (other, -1)):
            columns = [place[photo] for photo in measure.photos]
            table[:, columns] += sign * measure.contributions
            images[columns] = measure.images
        by_seed = self.by_seed - other.by_seed
        return Measure(self.seeds, tuple(strata), tuple(strata.values()), images, by_seed, table)

    def share(self) -> Estimate:
        """As a share between 0 and 1."""
        return estimate_share(self.by_seed, self._variance)

    def difference(self) -> Estimate:
        """As a difference between two shares."""
        return estimate_difference(self.by_seed, self._variance)

    @property
    def _variance(self) -> Variance:
        return variance_of(self.contributions, self.images, _numbers(self.strata))


def accuracy(predictions: Predictions) -> Measure:
    """The share of images classified rightly."""
    images = predictions.images
    return _measure(predictions, predictions.hits.sum(axis=1) / images.sum(), predictions.hits / images.sum())


def recall(predictions: Predictions, label: int) -> Measure | None:
    """The share of a class's images classified rightly; None for a class without images."""
    columns = np.flatnonzero(predictions.labels == label)
    if not len(columns):
        return None
    part = Predictions(
        predictions.seeds,
        tuple(predictions.photos[column] for column in columns),
        tuple(predictions.strata[column] for column in columns),
        predictions.labels[columns],
        predictions.counts[:, columns],
    )
    return accuracy(part)


def macro_f1(predictions: Predictions) -> Measure:
    """The mean over classes of F1 = 2 TP / (images predicted so + images of the class).

    What photographs contribute is the first-order change of that ratio (linearization, Cochran 1977, 6.3).
    """
    n_classes = predictions.counts.shape[-1]
    by_seed = np.zeros(len(predictions.seeds))
    values = np.zeros(predictions.counts.shape[:2])
    for label in range(n_classes):
        predicted = predictions.counts[..., label].astype(np.float64)  # (seeds, photographs)
        mine = predictions.labels == label
        hits = predicted * mine
        below = predicted + predictions.images * mine
        total = below.sum(axis=1)
        by_seed += np.divide(2 * hits.sum(axis=1), total, out=np.zeros_like(total), where=total > 0) / n_classes
        mean_total = total.mean()
        if mean_total > 0:
            f1 = 2 * hits.sum(axis=1).mean() / mean_total
            values += (2 * hits - f1 * below) / mean_total / n_classes
    return _measure(predictions, by_seed, values)


def _measure(of: Predictions, by_seed: Floats, contributions: Floats) -> Measure:
    return Measure(of.seeds, of.photos, of.strata, of.images, by_seed, contributions)


def _numbers(names: Sequence[str]) -> Ints:
    known = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.asarray([known[name] for name in names], np.int64)
