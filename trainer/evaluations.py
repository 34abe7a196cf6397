"""What a training is measured by: logits of every split after its last epochs, and the figures made of them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from trainer.data import Dataset
from trainer.errors import NotFiniteError
from trainer.events import SplitMeasures, SplitName
from trainer.measure import measure_split

Logits = npt.NDArray[np.float32]


class Evaluations:
    """The last evaluations of one training.

    Args:
        dataset: the images.
        rows: of each split.
        n: how many are kept, the latest.
    """

    def __init__(self, dataset: Dataset, rows: Mapping[SplitName, npt.NDArray[np.int64]], n: int) -> None:
        self._dataset, self._rows = dataset, rows
        self._kept: deque[Mapping[SplitName, Logits]] = deque(maxlen=n)

    def add(self, logits: Mapping[SplitName, Logits]) -> None:
        """Those after an epoch, (n, classes) of each split; the oldest goes."""
        self._kept.append(logits)

    def measures(self, epoch: int) -> dict[SplitName, SplitMeasures]:
        """The figures of every split, means over the evaluations that are kept.

        Args:
            epoch: the last one, for the message.

        Raises:
            NotFiniteError: a split's loss is no number.
        """
        measured = {split: self._measures(split) for split in self._rows}
        for name, split in measured.items():
            if not math.isfinite(split.loss):
                raise NotFiniteError(f"the {name} loss is {split.loss} after epoch {epoch}")
        return measured

    def _measures(self, split: SplitName) -> SplitMeasures:
        data, rows = self._dataset, self._rows[split]
        files = [data.files[row] for row in rows] if split == "test" else None
        logits = [evaluation[split] for evaluation in self._kept]
        return measure_split(logits, data.labels[rows], data.photos[rows], data.photo_names, files)
