"""Random changes to the training images: the table of augmentations, and their layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trainer.registry import Registry


def _nothing() -> tuple[Any, ...]:
    return ()


@dataclass(frozen=True)
class Augmentation:
    """Random changes to the training images, as an entry of `AUGMENTATIONS`.

    Attributes:
        words: what it is called before the word "augmentation".
        drawn: what the box of each of its layers says in the picture of a model, at most 24 characters each.
        layers: gives the classes of its layers, in their order; each is made from a strength, a `name` and a `dtype`.
            Input and output shape: (batch, height, width, channels), values from 0 to 1.
        cost: time of a training step beside the same model's without augmentation.
    """

    words: str
    drawn: tuple[str, ...] = ()
    layers: Callable[[], tuple[Any, ...]] = _nothing
    cost: float = 1.0


def _flip() -> tuple[Any, ...]:
    from trainer.model.augmentation import RandomFlip

    return (RandomFlip,)


def _geometric() -> tuple[Any, ...]:
    from trainer.model.augmentation import RandomGeometric

    return (RandomGeometric,)


def _photometric() -> tuple[Any, ...]:
    from trainer.model.augmentation import RandomPhotometric

    return (RandomPhotometric,)


def _all() -> tuple[Any, ...]:
    return (*_geometric(), *_photometric())


def _mixup() -> tuple[Any, ...]:
    from trainer.model.augmentation import Mixup

    return (Mixup,)


_MOVED, _LIT = "flip, turn, shift, zoom", "contrast, light, noise"

# Costs were measured at 60x80 pixels, grayscale, one thread, on 2 cores of an AMD EPYC at 2.6 GHz.
AUGMENTATIONS = Registry[Augmentation]("augmentation")
AUGMENTATIONS.register("none", Augmentation("no"))
AUGMENTATIONS.register("flip", Augmentation("flip", ("flips, in training",), _flip))
AUGMENTATIONS.register("geometric", Augmentation("geometric", (_MOVED,), _geometric, cost=1.25))
AUGMENTATIONS.register("photometric", Augmentation("photometric", (_LIT,), _photometric, cost=1.3))
AUGMENTATIONS.register("all", Augmentation("all", (_MOVED, _LIT), _all, cost=1.35))
AUGMENTATIONS.register("mixup", Augmentation("mixup", ("mixup, in training",), _mixup, cost=1.1))
