"""What lies between the last block and the first dense layer: the table of heads, and their layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trainer.registry import Registry


@dataclass(frozen=True)
class Head:
    """What lies between the last block and the first dense layer, as an entry of `HEADS`.

    Attributes:
        words: what it is called before the word "head".
        drawn: what the box of its layer says in the picture of a model, at most 24 characters.
        build: makes the layer, from its `name` (the entry's) and its `dtype`. Input shape: (batch, height, width,
            channels). Output shape: (batch, features).
        cost: time of a training step beside the same model's with the flat head; 1 where nobody has measured it.
    """

    words: str
    drawn: str
    build: Callable[..., Any]
    cost: float = 1.0


def _flatten(**settings: Any) -> Any:
    from trainer.backend import keras

    return keras.layers.Flatten(**settings)


def _global_average(**settings: Any) -> Any:
    from trainer.backend import keras

    return keras.layers.GlobalAveragePooling2D(**settings)


HEADS = Registry[Head]("head")
HEADS.register("flatten", Head("flat", "flatten", _flatten))
HEADS.register("global_average", Head("global average", "mean of each channel", _global_average))
