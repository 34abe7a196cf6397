"""The class probabilities of the images of a split, of several trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.events import SplitMeasures
from trainer.scores import decode

Ints = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Scores:
    """The class probabilities of the images of a split, of several trainings.

    Attributes:
        logs: (seeds, images, classes) logarithms of the probabilities: ranks survive where a probability rounds to 1.
        labels: (images,) the true classes.
        columns: (images,) the columns of `Predictions` that the images belong to.
    """

    logs: npt.NDArray[np.float64]
    labels: Ints
    columns: Ints

    @classmethod
    def of(cls, splits: Sequence[SplitMeasures], columns: Sequence[tuple[str, int]]) -> Scores | None:
        """Of the same split of each training; None where one of them kept none, or measured other images.

        Args:
            splits: what the trainers reported.
            columns: photograph and class of each column of the predictions.

        Raises:
            ValueError: there are more or fewer probabilities than images.
        """
        place = {key: number for number, key in enumerate(columns)}
        logs, homes = [], []
        for split in splits:
            if split.log_probabilities is None:
                return None
            values = decode(split.log_probabilities, len(split.confusion))
            home = _columns(split, place)
            if len(values) != len(home):
                raise ValueError(f"found probabilities of {len(values)} images, and counts of {len(home)}")
            order = np.argsort(home, kind="stable")
            logs.append(values[order])
            homes.append(home[order])
        if not homes or any(not np.array_equal(homes[0], home) for home in homes):
            return None
        return cls(np.stack(logs), np.asarray([columns[place][1] for place in homes[0]]), homes[0])


def _columns(split: SplitMeasures, place: Mapping[tuple[str, int], int]) -> Ints:
    """(images,) the column of each image, in the order of the probabilities."""
    homes = [place[count.photo, count.label] for count in split.photos]
    return np.repeat(np.asarray(homes, np.int64), [round(sum(count.predicted)) for count in split.photos])
