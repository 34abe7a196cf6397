"""What a trial's predictions say, photograph by photograph: accuracy, recall and F1 as sums over photographs.

Every measure is a `Measure`: its value for each seed, and what each photograph contributes to it. So the variance of
any of them, and of any difference between two, comes from one place (`search.answer.statistics.intervals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from search.answer.scores import Scores
from search.answer.statistics.intervals import Estimate, estimate_difference, estimate_share
from search.answer.statistics.luck import Choice, of_both, widened
from search.answer.statistics.variance import Floats, Variance, variance_of
from search.folder.record import TrialRecord
from trainer.events import Count, SplitMeasures, SplitName

Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Predictions:
    """How the images of a split were classified, by replicate, photograph and class.

    A column is a photograph (or patient) in one class: one that stands in two classes has two columns of one name.

    Attributes:
        seeds: of the trials.
        photos: (columns,) names of the photographs that any trial measured.
        strata: (columns,) the split and class of each, as "test/2".
        labels: (columns,) the class of each.
        counts: (seeds, columns, classes) images by predicted class; 0 where a trial did not see the photograph, as
            those of other folds in validation. An image counts once, however often it was evaluated, so these need not
            be whole.
        scores: the images' class probabilities, after the last evaluation; None where they were not kept.
        placements: (seeds, columns) what each photograph adds to AUROC; None where a trainer did not tell.
        choice: whether the level's learning rate was chosen by halves of the seeds, see `statistics.luck`.
    """

    seeds: tuple[int, ...]
    photos: tuple[str, ...]
    strata: tuple[str, ...]
    labels: Ints
    counts: Floats
    scores: Scores | None = None
    choice: Choice = "none"
    placements: Floats | None = None

    @classmethod
    def of(cls, trials: Sequence[TrialRecord], split: SplitName, choice: Choice = "none") -> Predictions:
        """Of finished trials of one level, a seed each.

        Raises:
            ValueError: a trial is not finished.
        """
        tables: list[dict[tuple[str, int], list[Count]]] = []
        ends = []
        for trial in trials:
            if trial.finished is None:
                raise ValueError(f"trial {trial.number} is not finished")
            ends.append(trial.finished.splits[split])
            photos = ends[-1].photos
            tables.append({(count.photo, count.label): count.predicted for count in photos})
        columns = sorted(set().union(*tables))
        n_classes = max((len(row) for table in tables for row in table.values()), default=0)
        counts = np.zeros((len(tables), len(columns), n_classes))
        for row, table in enumerate(tables):
            for column, key in enumerate(columns):
                if key in table:
                    counts[row, column] = table[key]
        labels = [label for _, label in columns]
        return cls(
            seeds=tuple(trial.config.seed for trial in trials),
            photos=tuple(photo for photo, _ in columns),
            strata=tuple(f"{split}/{label}" for label in labels),
            labels=np.asarray(labels, np.int64),
            counts=counts,
            scores=Scores.of(ends, columns),
            choice=choice,
            placements=_placements(ends, columns),
        )

    @property
    def seen(self) -> Bools:
        """(seeds, columns) whether a trial saw the photograph."""
        found: Bools = self.counts.sum(axis=-1) > 0
        return found

    @property
    def images(self) -> Floats:
        """(columns,) how many images there are of each."""
        found: Floats = self.counts.sum(axis=-1).max(axis=0, initial=0)
        return found

    @property
    def hits(self) -> Floats:
        """(seeds, columns) images classified rightly."""
        found: Floats = self.counts[:, np.arange(len(self.photos)), self.labels]
        return found

    def part(self, rows: Ints, columns: Ints) -> Predictions:
        """Those of some trainings and photographs, by their places; without scores."""
        return Predictions(
            tuple(self.seeds[row] for row in rows),
            tuple(self.photos[column] for column in columns),
            tuple(self.strata[column] for column in columns),
            self.labels[columns],
            self.counts[np.ix_(rows, columns)],
            choice=self.choice,
        )

    def measure(self, by_seed: Floats, contributions: Floats, weights: Floats | None = None) -> Measure:
        """A measure of these trainings and photographs; without weights, every image of a training counts alike."""
        if weights is None:
            images = self.counts.sum(axis=-1)  # (seeds, columns)
            weights = images / images.sum(axis=1, keepdims=True)
        return Measure(self.seeds, self.photos, self.strata, by_seed, contributions, weights, self.choice)


@dataclass(frozen=True)
class Measure:
    """A figure of each seed, and what it is made of.

    Attributes:
        seeds: names of the rows.
        photos: (columns,) names; columns of one name are one photograph in several strata.
        strata: (columns,) names.
        by_seed: (seeds,).
        contributions: (seeds, columns) what each adds to the figure, see `statistics.variance.variance_of`.
        weights: (seeds, columns) its share of the images that the seed's model saw, 0 where it did not see it.
        choice: as of `Predictions`.
    """

    seeds: tuple[int, ...]
    photos: tuple[str, ...]
    strata: tuple[str, ...]
    by_seed: Floats
    contributions: Floats
    weights: Floats
    choice: Choice = "none"

    def minus(self, other: Measure) -> Measure:
        """The difference, seed by seed and photograph by photograph.

        Both must have the same seeds. A photograph that only one of them has (the training photographs of a gap between
        training and testing) contributes alone.
        """
        return Measure.contrast([(-1.0, other), (1.0, self)])

    @classmethod
    def contrast(cls, terms: Sequence[tuple[float, Measure]]) -> Measure:
        """A sum of measures with a factor each, seed by seed and photograph by photograph; as for `minus`."""
        seeds, choice = terms[0][1].seeds, terms[0][1].choice
        for _, measure in terms:
            if measure.seeds != seeds:
                raise ValueError(f"differences are paired: found seeds {measure.seeds} and {seeds}")
            choice = of_both(choice, measure.choice)
        keys = list(dict.fromkeys(key for _, m in terms for key in zip(m.photos, m.strata, strict=True)))
        place = {key: column for column, key in enumerate(keys)}
        table, weights = np.zeros((2, len(seeds), len(keys)))
        by_seed = np.zeros(len(seeds))
        for factor, measure in terms:
            columns = [place[key] for key in zip(measure.photos, measure.strata, strict=True)]
            table[:, columns] += factor * measure.contributions
            weights[:, columns] = np.maximum(weights[:, columns], measure.weights)
            by_seed = by_seed + factor * measure.by_seed
        photos, strata = (tuple(key[part] for key in keys) for part in (0, 1))
        return cls(seeds, photos, strata, by_seed, table, weights, choice)

    def share(self) -> Estimate:
        """The estimate of a measure that lies between 0 and 1."""
        return estimate_share(self.by_seed, self._variance)

    def difference(self, room: tuple[float, float] = (-1.0, 1.0)) -> Estimate:
        """As a difference between two shares that lies between the ends of `room`."""
        return estimate_difference(self.by_seed, self._variance, room)

    @property
    def _variance(self) -> Variance:
        found = variance_of(self.contributions, self.weights, _numbers(self.strata), _numbers(self.photos))
        return widened(found, self.by_seed, np.asarray(self.seeds) % 2, self.choice)


def _placements(splits: Sequence[SplitMeasures], columns: Sequence[tuple[str, int]]) -> Floats | None:
    """(seeds, columns) what each photograph adds to AUROC; None where a trainer did not tell."""
    place = {key: number for number, key in enumerate(columns)}
    found = np.zeros((len(splits), len(columns)))
    for row, split in enumerate(splits):
        if split.placements is None:
            return None
        found[row, [place[count.photo, count.label] for count in split.photos]] = split.placements
    return found if len(splits) else None


def accuracy(predictions: Predictions) -> Measure:
    """The share of images classified rightly."""
    images = predictions.counts.sum(axis=(1, 2))
    hits = predictions.hits
    return predictions.measure(hits.sum(axis=1) / images, hits / images[:, None])


def recall(predictions: Predictions, label: int) -> Measure | None:
    """The share of a class's images classified rightly, over the seeds that saw any; None for a class without."""
    columns = np.flatnonzero(predictions.labels == label)
    rows = np.flatnonzero(predictions.seen[:, columns].any(axis=1))
    if not len(rows):
        return None
    return accuracy(predictions.part(rows, columns))


def macro_f1(predictions: Predictions) -> Measure:
    """The mean over classes of F1 = 2 TP / (images predicted so + images of the class).

    What photographs contribute is the first-order change of that ratio (linearization, Cochran 1977, 6.3), with its
    denominator in proportion to the images that a seed's model saw.
    """
    n_classes = predictions.counts.shape[-1]
    by_seed = np.zeros(len(predictions.seeds))
    values = np.zeros(predictions.counts.shape[:2])
    seen = predictions.counts.sum(axis=-1)  # images, (seeds, columns)
    size = (seen.sum(axis=1) / seen.sum(axis=1).mean())[:, None] if seen.size else 1.0
    for label in range(n_classes):
        predicted = predictions.counts[..., label]  # (seeds, columns)
        mine = predictions.labels == label
        hits = predicted * mine
        below = predicted + seen * mine
        total = below.sum(axis=1)
        by_seed += np.divide(2 * hits.sum(axis=1), total, out=np.zeros_like(total), where=total > 0) / n_classes
        mean_total = total.mean()
        if mean_total > 0:
            f1 = 2 * hits.sum(axis=1).mean() / mean_total
            values += (2 * hits - f1 * below) / (mean_total * size) / n_classes
    return predictions.measure(by_seed, values)


def _numbers(names: Sequence[str]) -> Ints:
    known = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.asarray([known[name] for name in names], np.int64)
