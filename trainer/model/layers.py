"""The layers that Keras lacks, in `keras.ops` alone, so that every backend runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from trainer.backend import jit_compile, keras

ops = keras.ops
register = keras.saving.register_keras_serializable(package="trainer")


def _own_gradients() -> bool:
    """Whether layers compute gradients in another way than the backend would: TensorFlow on a CPU, memory-bound."""
    return jit_compile() is False


@register
class Conv2D(keras.layers.Conv2D):
    """Keras's own, whose bias takes its gradient by a product with ones where TensorFlow trains on a CPU.

    There oneDNN sums a bias's gradient in a loop that is not vectorized, as long as all else of the first convolution's
    backward pass takes: 11 of 21 ms a batch of 100 images of 120x160 pixels. A whole step takes 5 % less without it.

    Input shape: (batch, height, width, channels). Output shape: (batch, height, width, filters) with padding "same".
    """

    def call(self, inputs: Any) -> Any:
        if not _own_gradients() or not self.use_bias or self.data_format != "channels_last":
            return super().call(inputs)
        bias = ops.reshape(self.bias, (-1,))  # a tensor: TensorFlow wants no variable there
        x = ops.custom_gradient(_add_bias)(self.convolution_op(inputs, self.kernel), bias)
        return x if self.activation is None else self.activation(x)


def _add_bias(x: Any, bias: Any) -> tuple[Any, Callable[..., Any]]:
    def gradient(upstream: Any) -> tuple[Any, Any]:
        rows = ops.reshape(upstream, (-1, upstream.shape[-1]))
        ones = ops.ones((1, ops.shape(rows)[0]), rows.dtype)
        return upstream, ops.reshape(ops.matmul(ones, rows), (-1,))

    return ops.add(x, bias), gradient


@register
class LocalResponseNormalization(keras.layers.Layer):
    """Each channel divided by the energy of its neighbours (Krizhevsky et al. 2012, section 3.3).

    `y = x / (bias + alpha * sum of x**2 over the channels within radius) ** beta`, with the defaults of
    `tf.nn.local_response_normalization`. The sum is a product with a band matrix, so that the gradient is two matrix
    products as well: training is twice as fast on a CPU as with TensorFlow's own kernel (benchmarks/).

    Input shape: (batch, height, width, channels). Output shape: the same.
    """

    def __init__(
        self, radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.radius, self.bias, self.alpha, self.beta = radius, bias, alpha, beta

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channel = np.arange(input_shape[-1] or 0)
        near = np.abs(channel[:, None] - channel[None, :]) <= self.radius
        self._band = near.astype("float32") * self.alpha  # symmetric
        self.built = True

    def call(self, inputs: Any) -> Any:
        x = ops.cast(inputs, "float32")  # squares of 16-bit activations overflow
        energy = (ops.custom_gradient(self._energy)(x) if _own_gradients() else self._energy(x)[0]) + self.bias
        scale = ops.rsqrt(energy) if self.beta == 0.5 else ops.power(energy, -self.beta)
        return ops.cast(x * scale, inputs.dtype)

    def _energy(self, x: Any) -> tuple[Any, Callable[..., Any]]:
        def gradient(upstream: Any) -> Any:
            return x * ops.matmul(upstream, ops.convert_to_tensor(2 * self._band))  # the 2 takes no pass over memory

        return ops.matmul(ops.square(x), ops.convert_to_tensor(self._band)), gradient

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        own = {"radius": self.radius, "bias": self.bias, "alpha": self.alpha, "beta": self.beta}
        return {**super().get_config(), **own}


@register
class BlurPooling2D(keras.layers.Layer):
    """Max-pooling without aliasing: a dense 2x2 maximum, then a 3x3 binomial blur of stride 2.

    R. Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019 (MaxBlurPool, Tri-3). The binomial blur
    is two 2x2 averages in a row, of stride 1 and 2. Edges are mirrored.

    Input shape: (batch, height, width, channels). Output shape: (batch, height // 2, width // 2, channels).
    """

    def call(self, inputs: Any) -> Any:
        x = ops.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="symmetric")
        x = ops.max_pool(x, 2, strides=1, padding="valid")
        x = ops.average_pool(x, 2, strides=1, padding="valid")
        return ops.average_pool(x, 2, strides=2, padding="valid")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, channels = input_shape
        return (batch, height and height // 2, width and width // 2, channels)


@register
class ClassNames(keras.layers.Layer):
    """The identity on the logits. It carries what a saved model has to know beside its weights.

    Args:
        names: of the classes, in the order of the logits.
        reading: how image files became pixels: `fit` and `ranges`, as in `trainer.predict`; empty where nobody said.
        familiar: what images it was trained on, as `trainer.familiar` keeps it; None where nobody said.

    Input shape: (batch, classes). Output shape: the same, float32.
    """

    def __init__(
        self,
        names: list[str] | tuple[str, ...],
        reading: dict[str, Any] | None = None,
        familiar: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.names = tuple(names)
        self.reading = dict(reading or {})
        self.familiar = familiar

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        kept = {"names": list(self.names), "reading": dict(self.reading), "familiar": self.familiar}
        return {**super().get_config(), **kept}
