"""How each block halves its height and width: the table of poolings, and their layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trainer.registry import Registry


@dataclass(frozen=True)
class Pooling:
    """How a block halves its height and width, as an entry of `POOLINGS`.

    Attributes:
        words: what it is called before the word "pooling".
        drawn: what the box of its layer says in the picture of a model, at most 24 characters.
        build: makes the layer, from the number of channels, its `name` and its `dtype`. Input shape: (batch, height,
            width, channels). Output shape: (batch, height // 2, width // 2, channels).
        cost: time of a training step beside the same model's with max-pooling.
        commutes_with_relu: whether a ReLU before it and one after it give the same; after it there is less work.
    """

    words: str
    drawn: str
    build: Callable[..., Any]
    cost: float = 1.0
    commutes_with_relu: bool = False


def _max(channels: int, **settings: Any) -> Any:
    from trainer.backend import keras

    return keras.layers.MaxPooling2D(2, **settings)


def _average(channels: int, **settings: Any) -> Any:
    from trainer.backend import keras

    return keras.layers.AveragePooling2D(2, **settings)


def _strided(channels: int, **settings: Any) -> Any:
    """Springenberg et al., "Striving for Simplicity: The All Convolutional Net", ICLR 2015 workshop."""
    from trainer.model.layers import Conv2D

    return Conv2D(channels, 2, strides=2, **settings)


def _blur(channels: int, **settings: Any) -> Any:
    from trainer.model.layers import BlurPooling2D

    return BlurPooling2D(**settings)


# Costs were measured at 60x80 pixels, grayscale, one thread, on 2 cores of an AMD EPYC at 2.6 GHz.
POOLINGS = Registry[Pooling]("pooling")
POOLINGS.register("max", Pooling("max", "max-pooling 2×2", _max, commutes_with_relu=True))
POOLINGS.register("average", Pooling("average", "average-pooling 2×2", _average, cost=1.05))
POOLINGS.register("strided", Pooling("strided", "convolution 2×2, stride 2", _strided, cost=1.4))
POOLINGS.register("blur", Pooling("blur", "max and blur, stride 2", _blur, cost=1.9))
