"""The clock of a training: when it has started to learn, and when it ends.

A training stands at chance for a time that differs from seed to seed, then learns; some never start. Measured after a
fixed number of epochs, trainings differ by when they started. So `epochs_after_start` counts from the start. What this
module says follows from the losses of the epochs alone; it imports without Keras, and old journals are read by it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from trainer.config import TrainConfig

# Of the entropy of the labels, by how much the training loss has to be below it: 0.09 of ln(4). Measured on 2,000 real
# images at 60x80 (LOG.md): trainings that never leave chance stay within 0.0002 of the entropy. Of those that learn, a
# few creep down first, to 0.055 of it, by memorizing: their validation loss rises. Then they break through: any share
# from 0.05 to 0.1 gives the same start within 4 epochs; 0.03 is up to 6 epochs earlier.
START_SHARE = 0.065


def chance_loss(images: Sequence[float]) -> float:
    """The cross-entropy of always answering the shares of the classes: the entropy of the labels, ln(classes) where
    they are equal. No answer that does not depend on the image has a smaller one (Gibbs' inequality).

    Args:
        images: of each class, in training.

    Returns:
        In nats; NaN without images.
    """
    total = math.fsum(images)
    if not total:
        return math.nan
    return -math.fsum(n / total * math.log(n / total) for n in images if n)


def start_epoch(losses: Sequence[float], images: Sequence[float]) -> int | None:
    """The first epoch, counted from 1, whose training loss is below `chance_loss` by `START_SHARE` of it; None where
    there is none. (1 - loss / chance_loss is McFadden's R squared, 1974, "Conditional Logit Analysis of Qualitative
    Choice Behavior", equation 30.)

    A share and no difference, so that it holds for unequal classes: of 1000 images of a class and 10 of another, the
    loss at chance is 0.055.

    Args:
        losses: the mean cross-entropy of each epoch, in nats, as training reports it.
        images: of each class, in training.
    """
    return first_below(losses, chance_loss(images))


def first_below(losses: Sequence[float], chance: float) -> int | None:
    """`start_epoch`, where the loss at chance is known and the images are not.

    Args:
        losses: the mean cross-entropy of each epoch, in nats.
        chance: `chance_loss`, in nats.
    """
    limit = (1 - START_SHARE) * chance
    return next((number for number, loss in enumerate(losses, 1) if loss < limit), None)


def last_start(config: TrainConfig) -> int:
    """The last epoch in which a training may start. One that starts later could not have its `epochs_after_start`
    within `epochs`, so it ends here as one that never started, and nothing is measured too early.
    """
    return config.epochs - (config.epochs_after_start or 0)


class Clock:
    """Of one training. `tick` once an epoch.

    Args:
        config: of the training.
        images: of each class, in training; times the weight of the class, where classes are weighted in the loss.

    Attributes:
        start: the epoch in which the training left chance, early enough to count; None where it has not so far.
    """

    def __init__(self, config: TrainConfig, images: Sequence[float]) -> None:
        self._config, self._images = config, images
        self._epoch = 0
        self.start: int | None = None

    def tick(self, loss: float) -> None:
        """An epoch is over, with this training loss."""
        self._epoch += 1
        in_time = self.start is None and self._epoch <= last_start(self._config)
        if in_time and start_epoch([loss], self._images):
            self.start = self._epoch

    @property
    def end(self) -> int:
        """The last epoch, as far as it is known."""
        after = self._config.epochs_after_start
        return last_start(self._config) if self.start is None or after is None else self.start + after
