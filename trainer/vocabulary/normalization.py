"""What follows each block's pooling: the table of normalizations, and their layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trainer.registry import Registry


@dataclass(frozen=True)
class Normalization:
    """What follows the pooling of each block, as an entry of `NORMALIZATIONS`.

    Attributes:
        words: what it is called before the word "normalization".
        drawn: what the box of its layer says in the picture of a model, at most 24 characters.
        layer: the name of its layers, before "_" and the block's number.
        build: makes the layer, from its `name` and its `dtype`; None: there is no layer. The output has the shape of
            the input: (batch, height, width, channels).
        cost: time of a training step beside the same model's with local response normalization; 1 where nobody has
            measured it.
    """

    words: str
    drawn: str = ""
    layer: str = "norm"
    build: Callable[..., Any] | None = None
    cost: float = 1.0


def _local_response(**settings: Any) -> Any:
    from trainer.model.layers import LocalResponseNormalization

    return LocalResponseNormalization(**settings)


def _batch(**settings: Any) -> Any:
    from trainer.backend import keras

    return keras.layers.BatchNormalization(**settings)


NORMALIZATIONS = Registry[Normalization]("normalization")
NORMALIZATIONS.register("lrn", Normalization("local response", "local response norm.", "lrn", _local_response))
NORMALIZATIONS.register("batch", Normalization("batch", "batch normalization", "batch_norm", _batch))
NORMALIZATIONS.register("none", Normalization("no"))
