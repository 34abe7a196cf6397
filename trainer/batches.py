"""Batches of a split for Keras, straight from the memory-mapped cache, or from the memory of a GPU."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.backend import keras
from trainer.resident import Resident


class Batches(keras.utils.PyDataset):
    """The images of `rows`, as uint8 batches with int32 labels, and with float32 weights where classes have some.

    Args:
        images: uint8 (n, height, width, channels).
        labels: int32 (n,).
        rows: the rows of a split, in any order.
        batch_size: images a batch; the last one may be smaller.
        seed: of the order; None keeps the order of `rows`. Each epoch has an order of its own, from (seed, epoch).
        class_weight: how much an image of each class counts in the loss; None: all alike, and batches have no weights.
        resident: the images once more, on the device: batches are gathered there. None: they are copied to it, one by
            one.

    An epoch begins with `begin`, which a callback must call: Keras's own `on_epoch_begin` of a PyDataset cannot be
    counted on, since JAX and PyTorch call it once more where a model trains for the first time.
    """

    def __init__(
        self,
        images: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.int32],
        rows: npt.NDArray[np.int64],
        batch_size: int,
        seed: int | None = None,
        class_weight: Sequence[float] | None = None,
        resident: Resident | None = None,
    ) -> None:
        super().__init__()
        self.images, self.labels, self.rows = images, labels, rows
        self.batch_size, self.seed = batch_size, seed
        self.class_weight = None if class_weight is None else np.asarray(class_weight, np.float32)
        self.resident = resident
        self._order = rows
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Takes the order of an epoch, counted from 0. Call it before the epoch's first batch."""
        if self.seed is not None:
            self._order = np.random.default_rng([self.seed, epoch]).permutation(self.rows)

    def __len__(self) -> int:
        return math.ceil(len(self.rows) / self.batch_size)

    def _chosen(self, index: int) -> npt.NDArray[np.int64]:
        return self._order[index * self.batch_size : (index + 1) * self.batch_size]

    def pixels(self, index: int) -> Any:
        """The images of a batch, uint8 (batch, height, width, channels): an array, or a tensor on the device."""
        chosen = self._chosen(index)
        return self.images[chosen] if self.resident is None else self.resident.batch(chosen)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        chosen = self._chosen(index)
        images = self.images[chosen] if self.resident is None else self.resident.given(chosen)
        labels = self.labels[chosen]
        return (images, labels) if self.class_weight is None else (images, labels, self.class_weight[labels])
