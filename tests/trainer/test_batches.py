"""The order in which a training sees its images."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

IMAGES = np.arange(30, dtype="uint8").reshape(30, 1, 1, 1)
LABELS = np.arange(30, dtype="int32") * 10
ROWS = np.array([3, 5, 7, 11, 13, 17, 19, 23, 29, 2])


def epoch(batches: Any) -> list[list[int]]:
    return [batches[n][1].tolist() for n in range(len(batches))]


def test_without_a_seed_the_rows_come_as_they_are(keras: Any) -> None:
    from trainer.batches import Batches

    batches = Batches(IMAGES, LABELS, ROWS, 4)
    assert epoch(batches) == [[30, 50, 70, 110], [130, 170, 190, 230], [290, 20]]
    batches.begin(1)
    images, labels = batches[2]
    assert (images.dtype, images.shape, images.ravel().tolist()) == (np.uint8, (2, 1, 1, 1), [29, 2])
    assert (labels.dtype, labels.tolist()) == (np.int32, [290, 20])


def test_each_epoch_and_each_seed_has_an_order_of_its_own(keras: Any) -> None:
    from trainer.batches import Batches

    orders = {}
    for seed in (1, 2):
        batches = Batches(IMAGES, LABELS, ROWS, 4, seed)
        for number in (0, 1, 2):
            batches.begin(number)
            orders[seed, number] = tuple(itertools.chain(*epoch(batches)))
    assert len(set(orders.values())) == 6
    assert all(sorted(order) == sorted(LABELS[ROWS]) for order in orders.values())
    again = Batches(IMAGES, LABELS, ROWS, 4, 1)
    again.begin(2)
    assert tuple(itertools.chain(*epoch(again))) == orders[1, 2]


@pytest.mark.parametrize("used", [False, True])
def test_keras_trains_on_every_row_once_an_epoch(keras: Any, used: bool) -> None:
    """Whatever Keras reads ahead or throws away, and whether or not the model has trained before."""
    from keras.src.backend.common.stateless_scope import in_stateless_scope

    from trainer.batches import Batches

    seen: list[int] = []

    class Recorder(keras.layers.Layer):
        def call(self, inputs: Any, training: bool = False) -> Any:
            if training and not in_stateless_scope():
                seen.extend(keras.ops.convert_to_numpy(inputs).ravel().astype(int).tolist())
            return inputs

    if keras.backend.backend() == "jax":
        pytest.skip("records in the model: JAX trains without state")
    inputs = keras.Input((1, 1, 1), dtype="uint8")
    x = keras.layers.Rescaling(1.0)(Recorder()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(300)(keras.layers.Flatten()(x)))
    model.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"], run_eagerly=True
    )
    batches = Batches(IMAGES, LABELS, ROWS, 4, seed=7)
    begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda number, logs: batches.begin(number))
    for _ in range(1 + used):
        seen.clear()
        model.fit(batches, epochs=3, shuffle=False, verbose=0, callbacks=[begin])
    expected = []
    for number in range(3):
        batches.begin(number)
        expected += [label // 10 for label in itertools.chain(*epoch(batches))]
    assert seen == expected
