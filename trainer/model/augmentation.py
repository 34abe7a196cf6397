"""Random changes to the training images, on the device, inside the model, in training only.

Amplitudes are for `strength` 1 and scale with it. A blood cell has no up or down, so both flips are used.
"""

from __future__ import annotations

import math
from typing import Any

from trainer.backend import keras
from trainer.model.layers import register

ops = keras.ops

ROTATION = math.radians(30)
SHIFT = 0.1  # of the height and of the width
ZOOM = 0.15
BRIGHTNESS = 0.2  # of the range 0-1
CONTRAST = 0.3
NOISE = 0.05  # standard deviation, of the range 0-1
MIXUP_ALPHA = 0.2  # H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018: 0.1-0.4


class _Augmentation(keras.layers.Layer):
    """Base: a strength and a random state of its own. Input and output shape: (batch, height, width, channels), 0-1."""

    def __init__(self, strength: float = 1.0, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strength, self.seed = strength, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.augment(inputs) if training else inputs

    def augment(self, inputs: Any) -> Any:
        raise NotImplementedError

    def _uniform(self, shape: tuple[Any, ...], low: float, high: float) -> Any:
        return keras.random.uniform(shape, low, high, dtype="float32", seed=self.seed_generator)

    def _flags(self, n: Any) -> Any:
        """-1 or 1, each with probability one half. Shape (n,)."""
        return ops.where(self._uniform((n,), 0.0, 1.0) < 0.5, -1.0, 1.0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "strength": self.strength, "seed": self.seed}


@register
class RandomFlip(_Augmentation):
    """Left-right and top-bottom, each for half of the images. `strength` has no effect."""

    def augment(self, inputs: Any) -> Any:
        n = ops.shape(inputs)[0]
        across = ops.reshape(self._flags(n), (-1, 1, 1, 1)) < 0
        down = ops.reshape(self._flags(n), (-1, 1, 1, 1)) < 0
        x = ops.where(across, ops.flip(inputs, axis=2), inputs)
        return ops.where(down, ops.flip(x, axis=1), x)


@register
class RandomGeometric(_Augmentation):
    """Flip, rotation, shift and zoom in one resampling (bilinear, edges mirrored)."""

    def augment(self, inputs: Any) -> Any:
        n = ops.shape(inputs)[0]
        height, width = inputs.shape[1], inputs.shape[2]
        s = self.strength
        angle = self._uniform((n,), -ROTATION * s, ROTATION * s)
        zoom = ops.exp(self._uniform((n,), -ZOOM * s, ZOOM * s))
        shift_x = self._uniform((n,), -SHIFT * s, SHIFT * s) * width
        shift_y = self._uniform((n,), -SHIFT * s, SHIFT * s) * height
        flip_x, flip_y = self._flags(n), self._flags(n)
        # Output pixel (x, y) is read at (a x + b y + c, d x + e y + f); the centre stays unless shifted.
        a, b = ops.cos(angle) * zoom * flip_x, -ops.sin(angle) * zoom
        d, e = ops.sin(angle) * zoom * flip_x, ops.cos(angle) * zoom * flip_y
        b = b * flip_y
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        c = middle_x - a * middle_x - b * middle_y + shift_x
        f = middle_y - d * middle_x - e * middle_y + shift_y
        zero = ops.zeros_like(a)
        transform = ops.stack([a, b, c, d, e, f, zero, zero], axis=1)
        x = ops.cast(inputs, "float32")
        moved = ops.image.affine_transform(
            x, transform, interpolation="bilinear", fill_mode="reflect", data_format="channels_last"
        )
        return ops.cast(moved, inputs.dtype)


@register
class RandomPhotometric(_Augmentation):
    """Contrast about the image's mean, brightness, and Gaussian noise a pixel."""

    def augment(self, inputs: Any) -> Any:
        n = ops.shape(inputs)[0]
        s = self.strength
        x = ops.cast(inputs, "float32")
        contrast = ops.exp(self._uniform((n, 1, 1, 1), -CONTRAST * s, CONTRAST * s))
        brightness = self._uniform((n, 1, 1, 1), -BRIGHTNESS * s, BRIGHTNESS * s)
        mean = ops.mean(x, axis=(1, 2, 3), keepdims=True)
        noise = keras.random.normal(ops.shape(x), 0.0, NOISE * s, dtype="float32", seed=self.seed_generator)
        return ops.cast(ops.clip((x - mean) * contrast + mean + brightness + noise, 0.0, 1.0), inputs.dtype)


@register
class Mixup(_Augmentation):
    """Each image mixed with its neighbour in the (shuffled) batch, at one share a batch drawn from Beta(alpha, alpha).

    The share stands in `share` for the loss, which mixes the labels alike: see `trainer.model.build.MixupModel`.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.share = self.add_weight(shape=(), initializer="ones", trainable=False, name="share", dtype="float32")
        self.built = True

    def augment(self, inputs: Any) -> Any:
        alpha = MIXUP_ALPHA * self.strength
        share = keras.random.beta((), alpha, alpha, dtype="float32", seed=self.seed_generator)
        self.share.assign(share)
        share = ops.cast(share, inputs.dtype)
        return share * inputs + (1 - share) * ops.roll(inputs, 1, axis=0)
