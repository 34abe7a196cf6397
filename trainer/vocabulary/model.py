"""What is trained: the table of models. Any other is code of one's own (`trainer.own`)."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.registry import Registry


@dataclass(frozen=True)
class Model:
    """A model, as an entry of `MODELS`.

    Attributes:
        words: what it is called before the word "model".
    """

    words: str


MODELS = Registry[Model]("model")
MODELS.register("reference", Model("the reference"))
