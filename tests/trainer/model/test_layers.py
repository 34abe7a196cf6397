"""The layers of our own against what they are said to equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view


def noise(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def normalized(x: Any, radius: int, bias: float, alpha: float, beta: float) -> Any:
    """The formula, in the order in which Krizhevsky et al. write it."""
    result = np.empty_like(x)
    for channel in range(x.shape[-1]):
        near = x[..., max(0, channel - radius) : channel + radius + 1]
        result[..., channel] = x[..., channel] / (bias + alpha * (near**2).sum(-1)) ** beta
    return result


@pytest.mark.parametrize("channels", [1, 3, 8, 16])
@pytest.mark.parametrize("settings", [(5, 1.0, 1.0, 0.5), (2, 2.0, 0.3, 0.75)])
def test_normalization_is_the_formula(keras: Any, channels: int, settings: tuple[int, float, float, float]) -> None:
    from trainer.model import LocalResponseNormalization

    x = 3 * noise(2, 5, 6, channels)
    found = keras.ops.convert_to_numpy(LocalResponseNormalization(*settings)(x))
    np.testing.assert_allclose(found, normalized(x, *settings), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("channels", [3, 16])
def test_normalization_equals_tensorflows_in_value_and_gradient(keras: Any, channels: int) -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("compares with TensorFlow's own kernel: needs KERAS_BACKEND=tensorflow")
    import tensorflow as tf

    from trainer.model import LocalResponseNormalization

    layer = LocalResponseNormalization()
    x, weights = tf.constant(noise(2, 5, 6, channels)), noise(2, 5, 6, channels, seed=1)
    results = []
    for function in (layer, tf.nn.local_response_normalization):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
            total = tf.reduce_sum(value * weights)
        results.append((value.numpy(), tape.gradient(total, x).numpy()))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("channels", "activation"), [(1, None), (1, "relu"), (3, "relu")])
def test_convolution_equals_keras_own_in_value_and_gradients(keras: Any, channels: int, activation: str | None) -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("other backends have no gradient of their own: needs KERAS_BACKEND=tensorflow")
    import tensorflow as tf

    from trainer.model.layers import Conv2D

    x, weights = tf.constant(noise(4, 6, 8, channels)), noise(4, 6, 8, 16, seed=1)
    kernel, bias = noise(3, 3, channels, 16, seed=2), noise(16, seed=3)
    results = []
    for kind in (Conv2D, keras.layers.Conv2D):
        layer = kind(16, 3, padding="same", activation=activation)
        layer.build(x.shape)
        layer.set_weights([kernel, bias])

        @tf.function
        def step(layer: Any = layer) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = layer(x)
                total = tf.reduce_sum(value * weights)
            return [value, *tape.gradient(total, [x, *layer.trainable_variables])]

        results.append([tensor.numpy() for tensor in step()])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_normalization_of_16_bits_does_not_overflow(keras: Any) -> None:
    from trainer.model import LocalResponseNormalization

    x = np.full((1, 2, 2, 8), 1000.0, "float16")  # the squares are beyond 65504
    found = keras.ops.convert_to_numpy(LocalResponseNormalization(dtype="mixed_float16")(x))
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, normalized(x.astype("float64"), 5, 1, 1, 0.5), rtol=2e-3)


def blurred(x: Any) -> Any:
    """A maximum of 2x2 at every place, then the binomial [1, 2, 1] x [1, 2, 1] / 16 at every second one."""
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="symmetric")
    high = sliding_window_view(padded, (2, 2), axis=(1, 2)).max((-2, -1))
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    return np.sum(sliding_window_view(high, (3, 3), axis=(1, 2))[:, ::2, ::2] * kernel, axis=(-2, -1))


@pytest.mark.parametrize("size", [(8, 10), (7, 9), (2, 3), (15, 20)])
def test_blur_pooling_is_a_maximum_and_a_binomial_blur(keras: Any, size: tuple[int, int]) -> None:
    from trainer.model import BlurPooling2D

    x, layer = noise(2, *size, 3), BlurPooling2D()
    found = keras.ops.convert_to_numpy(layer(x))
    assert found.shape == (2, size[0] // 2, size[1] // 2, 3) == layer.compute_output_shape(x.shape)
    np.testing.assert_allclose(found, blurred(x), rtol=1e-5, atol=1e-6)


def test_blur_pooling_bears_a_shift_better_than_max_pooling(keras: Any) -> None:
    from trainer.model import BlurPooling2D

    wide = noise(8, 41, 41, 4)
    here, shifted = wide[:, :-1, :-1], wide[:, :-1, 1:]
    change = {}
    for layer in (BlurPooling2D(), keras.layers.MaxPooling2D(2)):
        first, second = (keras.ops.convert_to_numpy(layer(x)) for x in (here, shifted))
        change[type(layer).__name__] = np.std(second - first) / np.std(first)
    assert change["BlurPooling2D"] < 0.7 * change["MaxPooling2D"], change


def test_layers_come_back_from_a_file(keras: Any, tmp_path: Path) -> None:
    from trainer.model import BlurPooling2D, ClassNames, LocalResponseNormalization, load_model, save_model

    inputs = keras.Input((6, 6, 4))
    x = LocalResponseNormalization(2, 2.0, 0.5, 0.75)(BlurPooling2D()(inputs))
    outputs = ClassNames(["round", "lobed, two"])(keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    model, file, images = keras.Model(inputs, outputs), tmp_path / "cells.keras", noise(3, 6, 6, 4)
    save_model(model, file)
    again = load_model(file)
    assert again.layers[-1].names == ("round", "lobed, two")
    assert again.layers[2].get_config()["beta"] == 0.75
    np.testing.assert_array_equal(model.predict(images, verbose=0), again.predict(images, verbose=0))
    assert [path.name for path in tmp_path.iterdir()] == ["cells.keras"]


def test_a_model_that_cannot_be_saved_leaves_nothing(
    keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer.model import save_model

    def full(self: Any, path: Path) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", full)
    inputs = keras.Input((2,))
    with pytest.raises(OSError, match="No space left"):
        save_model(keras.Model(inputs, inputs * 2), tmp_path / "cells.keras")
    assert list(tmp_path.iterdir()) == []
