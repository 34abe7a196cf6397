"""The whole image set in a GPU's memory, from which batches are gathered by row: no image is copied in a step.

TensorFlow's pipeline carries what it is given through the memory of the CPU, so that there a batch is its rows, and the
training step gathers the images. JAX and PyTorch are given the images of a batch, on the device.

TensorFlow 2.21 has no kernel that gathers bytes on a GPU, and would gather them on the CPU without a word. It has one
for 64-bit integers: images are held as these, eight bytes each, and read as bytes behind the gathering.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.backend import keras

WORD = 8  # bytes of a 64-bit integer


class Resident(ABC):
    """Images on the backend's device.

    Attributes:
        nbytes: of the device's memory that they take.
    """

    nbytes: int

    @abstractmethod
    def batch(self, rows: Any) -> Any:
        """The images of these rows, on the device.

        Args:
            rows: int64 (batch,), of NumPy, or a tensor within TensorFlow's graph.

        Returns:
            A uint8 tensor of the backend, (batch, height, width, channels).
        """

    def given(self, rows: npt.NDArray[np.int64]) -> Any:
        """What a training step is given for these rows: `batch`, or what its `prepare_model` makes that of."""
        return self.batch(rows)

    def prepare_model(self, model: Any) -> None:  # noqa: B027  # nothing to do where the images are given
        """Has the training step of a compiled model take what `given` returns."""


class _TensorFlow(Resident):
    def __init__(self, images: npt.NDArray[np.uint8]) -> None:
        import tensorflow as tf

        self._shape = images.shape[1:]
        self._bytes = math.prod(self._shape)
        self._padded = math.ceil(self._bytes / WORD) * WORD
        flat = np.zeros((len(images), self._padded), np.uint8)
        flat[:, : self._bytes] = images.reshape(len(images), -1)
        self.nbytes = flat.nbytes
        where = "GPU:0" if tf.config.list_physical_devices("GPU") else "CPU:0"
        with tf.device(where):
            self._words = tf.constant(flat.view(np.int64))

    def batch(self, rows: Any) -> Any:
        import tensorflow as tf

        found = tf.bitcast(tf.gather(self._words, rows), tf.uint8)
        return tf.reshape(tf.reshape(found, (-1, self._padded))[:, : self._bytes], (-1, *self._shape))

    def given(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return rows

    def prepare_model(self, model: Any) -> None:
        on_images = type(model).train_step

        def train_step(data: Any) -> Any:
            return on_images(model, (self.batch(data[0]), *data[1:]))

        model.train_step = train_step


class _Jax(Resident):
    def __init__(self, images: npt.NDArray[np.uint8]) -> None:
        import jax
        import jax.numpy as jnp

        self.nbytes = images.nbytes
        self._images = jax.device_put(np.asarray(images), jax.devices()[0])
        # Beside the training step: a step that had the images in it as a constant would be compiled with them.
        self._take = jax.jit(lambda images, rows: jnp.take(images, rows, axis=0, mode="clip"))

    def batch(self, rows: npt.NDArray[np.int64]) -> Any:
        return self._take(self._images, rows.astype(np.int32))


class _Torch(Resident):
    def __init__(self, images: npt.NDArray[np.uint8]) -> None:
        import torch

        self.nbytes = images.nbytes
        self._images = torch.from_numpy(np.array(images)).to("cuda" if torch.cuda.is_available() else "cpu")

    def batch(self, rows: npt.NDArray[np.int64]) -> Any:
        import torch

        return self._images.index_select(0, torch.from_numpy(rows.copy()).to(self._images.device))


_OF_BACKEND: dict[str, type[Resident]] = {"tensorflow": _TensorFlow, "jax": _Jax, "torch": _Torch}


def place(images: npt.NDArray[np.uint8]) -> Resident:
    """Puts images on the backend's device, where they stay as long as the result lives.

    Args:
        images: uint8 (n, height, width, channels).

    Raises:
        Exception: the allocator's own, where there is no room (`trainer.memory.is_out_of_memory`).
    """
    made = _OF_BACKEND[keras.backend.backend()]
    return made(images)  # type: ignore[call-arg]
