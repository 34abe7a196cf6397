"""When a training starts to learn, and when it ends by that."""

from __future__ import annotations

import math
from typing import Any

import pytest

from trainer.clock import START_SHARE, Clock, chance_loss, last_start, start_epoch
from trainer.config import TrainConfig

EQUAL = [300, 300, 300, 300]


def clock(*losses: float, images: list[int] = EQUAL, **settings: Any) -> Clock:
    found = Clock(TrainConfig.of(settings), images)
    for loss in losses:
        found.tick(loss)
    return found


def test_the_loss_at_chance_is_the_entropy_of_the_labels() -> None:
    assert chance_loss(EQUAL) == pytest.approx(math.log(4))
    assert chance_loss([1000, 10]) == pytest.approx(-(1000 * math.log(1000 / 1010) + 10 * math.log(10 / 1010)) / 1010)
    assert chance_loss([5, 0, 5]) == pytest.approx(math.log(2)), "a class without images is no class"
    assert math.isnan(chance_loss([0, 0]))


def test_a_start_is_the_first_epoch_below_chance_by_its_share() -> None:
    assert pytest.approx(0.0901, abs=1e-4) == START_SHARE * math.log(4)
    assert start_epoch([1.40, 1.386, 1.30, 1.29, 1.5], EQUAL) == 4
    assert start_epoch([1.40, 1.386, 1.30], EQUAL) is None
    assert start_epoch([], EQUAL) is None
    assert start_epoch([math.nan, 1.0], EQUAL) == 2


def test_unequal_classes_start_below_their_own_chance() -> None:
    """Of 1000 and 10 images, 99 % are right by always naming the first; the loss then is 0.0555."""
    assert start_epoch([0.6, 0.0556, 0.0555, 0.0520, 0.0515], [1000, 10]) == 5


def test_a_training_ends_so_many_epochs_after_its_start() -> None:
    settings = {"epochs": 12, "epochs_after_start": 4}
    assert (clock(1.4, 1.38, **settings).start, clock(1.4, 1.38, **settings).end) == (None, 8)
    assert (clock(1.4, 1.38, 1.2, **settings).start, clock(1.4, 1.38, 1.2, **settings).end) == (3, 7)
    assert clock(1.4, 1.38, 1.2, 1.4, 1.1, **settings).end == 7, "the first start counts"


def test_a_start_that_is_too_late_for_its_epochs_is_none() -> None:
    settings = {"epochs": 12, "epochs_after_start": 4}
    assert last_start(TrainConfig.of(settings)) == 8
    in_time, late = clock(*[1.38] * 7, 1.2, **settings), clock(*[1.38] * 8, 1.2, **settings)
    assert (in_time.start, in_time.end) == (8, 12)
    assert (late.start, late.end) == (None, 8)


def test_without_the_clock_every_training_has_its_epochs() -> None:
    found = clock(1.4, 1.2, 1.1, epochs=12)
    assert (found.start, found.end) == (2, 12)
