"""How much the images of each class count in the training loss: the table of class weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trainer.registry import Registry


@dataclass(frozen=True)
class ClassWeight:
    """How much an image of each class counts in the training loss, as an entry of `CLASS_WEIGHTS`.

    Attributes:
        words: what it is called before the words "class weights".
        of: makes the weights, one a class, from the numbers of training images by class; their mean over the training
            images is 1. None where every image counts alike.
        cost: time of a training step beside one without weights; 1 where nobody has measured it.
    """

    words: str
    of: Callable[[Sequence[int]], list[float]] | None = None
    cost: float = 1.0


def _balanced(counts: Sequence[int]) -> list[float]:
    """Images / (classes * images of the class), so that every class has the same share of the loss (King and Zeng 2001,
    "Logistic Regression in Rare Events Data", Political Analysis 9, 137-163). A class without images weighs 0.
    """
    there = sum(count > 0 for count in counts)
    return [sum(counts) / (there * count) if count else 0.0 for count in counts]


CLASS_WEIGHTS = Registry[ClassWeight]("class weight")
CLASS_WEIGHTS.register("none", ClassWeight("no"))
CLASS_WEIGHTS.register("balanced", ClassWeight("balanced", _balanced))


def class_weights(name: str, counts: Sequence[int]) -> list[float] | None:
    """The weights of an entry, from the numbers of training images by class; None where every image counts alike."""
    of = CLASS_WEIGHTS[name].of
    return None if of is None else of(counts)
