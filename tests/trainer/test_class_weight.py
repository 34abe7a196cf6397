"""Class weights: what they are, which losses have them, and that warm models keep their graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.trainer.conftest import Slot, numbers
from trainer.errors import ConfigError
from trainer.events import Epoch, Finished, Started
from trainer.measure import cross_entropy
from trainer.scores import decode
from trainer.vocabulary.class_weight import class_weights


def test_balanced_weights_give_every_class_its_share() -> None:
    assert class_weights("none", [30, 10]) is None
    weights = class_weights("balanced", [30, 10, 0])
    assert weights == pytest.approx([40 / 60, 2.0, 0.0])


def test_batches_carry_them(keras: Any) -> None:
    from trainer.batches import Batches

    images, labels = np.zeros((4, 1, 1, 1), "uint8"), np.array([0, 1, 1, 0], "int32")
    batches = Batches(images, labels, np.array([3, 1, 2]), 2, class_weight=[0.5, 2.0])
    assert [batch.tolist() for batch in batches[0][1:]] == [[0, 1], [0.5, 2.0]]
    assert batches[0][2].dtype == np.float32
    assert len(Batches(images, labels, np.array([3, 1, 2]), 2)[0]) == 2


def test_a_loss_is_the_mean_over_images_by_their_classes_weight() -> None:
    """Of probabilities 1/2 and 1/4: (2 ln 2 + 1/2 ln 4) / 2.5."""
    logits = np.log(np.array([[0.5, 0.5], [0.75, 0.25]]))
    assert cross_entropy(logits, np.array([0, 1]), [2.0, 0.5]) == pytest.approx((2 * np.log(2) + 0.5 * np.log(4)) / 2.5)
    assert cross_entropy(logits, np.array([0, 0]), [0.0, 1.0]) == cross_entropy(logits, np.array([0, 0]))


def test_a_name_that_nobody_knows_is_refused(slot: Slot) -> None:
    with pytest.raises(ConfigError, match="class_weight: Input should be 'none' or 'balanced' \\(found 'heavy'\\)"):
        slot.train(class_weight="heavy")


@pytest.mark.parametrize("augmentation", ["none", "mixup"])
def test_equal_classes_train_alike_with_and_without(slot: Slot, augmentation: str) -> None:
    """The tiny images are as many of each class, so that every weight is 1."""
    plain, weighted = (
        slot.train(class_weight=name, augmentation=augmentation, epochs=2) for name in ("none", "balanced")
    )
    assert isinstance(weighted[-1], Finished)
    for one, other in zip(plain[1:-1], weighted[1:-1], strict=True):
        assert isinstance(one, Epoch)
        assert isinstance(other, Epoch)
        assert other.train_loss == pytest.approx(one.train_loss, rel=1e-3)
        assert other.val_loss == pytest.approx(one.val_loss, rel=1e-3)


def test_a_warm_model_is_not_traced_again(slot: Slot) -> None:
    first, second = (slot.train(class_weight="balanced", seed=seed, epochs=1) for seed in (1, 2))
    again = slot.train(class_weight="balanced", seed=1, epochs=1)
    assert isinstance(second[0], Started)
    assert isinstance(again[0], Started)
    assert (second[0].traced, again[0].traced) == (False, False)
    assert numbers(again) == numbers(first)


def test_the_test_images_keep_their_probabilities(slot: Slot) -> None:
    """In the order of the photographs, and only those of the test images."""
    end = slot.train(epochs=1)[-1]
    assert isinstance(end, Finished)
    assert [end.splits[name].log_probabilities for name in ("train", "val")] == [None, None]
    split = end.splits["test"]
    assert split.log_probabilities is not None
    logs = decode(split.log_probabilities, 3)
    assert np.exp(logs).sum(axis=1) == pytest.approx(np.ones(18), abs=2e-3)
    labels = np.repeat([photo.label for photo in split.photos], [sum(photo.predicted) for photo in split.photos])
    loss = -logs[np.arange(18), labels].mean()
    assert loss == pytest.approx(split.loss, rel=1e-2)
