"""What follows the gradient: the table of optimizers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trainer.registry import Registry


@dataclass(frozen=True)
class Optimizer:
    """An optimizer, at Keras's defaults but for the learning rate.

    Attributes:
        words: what it is called before the word "optimizer".
        build: makes it, from the learning rate.
        cost: time of a training step beside Adam's; 1 where nobody has measured it.
    """

    words: str
    build: Callable[[float], Any]
    cost: float = 1.0


def _adam(rate: float) -> Any:
    from trainer.backend import keras

    return keras.optimizers.Adam(rate)


def _adamw(rate: float) -> Any:
    from trainer.backend import keras

    return keras.optimizers.AdamW(rate)


def _sgd(rate: float) -> Any:
    from trainer.backend import keras

    return keras.optimizers.SGD(rate, momentum=0.9)  # Keras's default is none, with which hardly anybody trains


def _rmsprop(rate: float) -> Any:
    from trainer.backend import keras

    return keras.optimizers.RMSprop(rate)


OPTIMIZERS = Registry[Optimizer]("optimizer")
OPTIMIZERS.register("adam", Optimizer("Adam", _adam))
OPTIMIZERS.register("adamw", Optimizer("AdamW", _adamw))
OPTIMIZERS.register("sgd", Optimizer("SGD", _sgd))
OPTIMIZERS.register("rmsprop", Optimizer("RMSprop", _rmsprop))
