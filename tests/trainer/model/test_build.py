"""The reference model, the space around it, and models that are used again."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import numpy as np
import pytest

from trainer.config import TrainConfig
from trainer.errors import ConfigError
from trainer.vocabulary import AUGMENTATIONS, HEADS, NORMALIZATIONS, OPTIMIZERS, POOLINGS

CLASSES = ["EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL"]


def small(**changes: Any) -> TrainConfig:
    return TrainConfig.of({"depth": 1, "image_height": 12, "image_width": 16, "batch_size": 8, **changes})


def outputs(keras: Any, model: Any, images: Any, training: bool = False) -> Any:
    return keras.ops.convert_to_numpy(model(images, training=training))


def pixels(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, shape, "uint8")


# ---------------------------------------------------------------------------------------------------- the reference


def test_the_reference_model_is_the_one_of_the_design(keras: Any) -> None:
    from trainer.model import build, flops_per_image, parameters

    model = build(TrainConfig(), CLASSES)
    blocks = [[f"conv_{n}", f"pool_{n}", f"relu_{n}", f"lrn_{n}"] for n in (1, 2, 3, 4)]
    head = ["flatten", "dense_1", "dense_2", "logits", "class_names"]
    assert [layer.name for layer in model.layers] == ["image", "rescale", *itertools.chain(*blocks), *head]
    assert model.input_shape == (None, 120, 160, 1)
    for n, filters in enumerate((16, 16, 8, 8), start=1):
        conv, pool, relu, lrn = (model.get_layer(name) for name in blocks[n - 1])
        assert (conv.filters, conv.kernel_size, conv.padding, conv.strides) == (filters, (3, 3), "same", (1, 1))
        assert (pool.pool_size, pool.strides) == ((2, 2), (2, 2))
        assert isinstance(pool, keras.layers.MaxPooling2D)
        assert isinstance(relu, keras.layers.ReLU)
        assert (lrn.radius, lrn.bias, lrn.alpha, lrn.beta) == (5, 1.0, 1.0, 0.5)
    dense = [model.get_layer(name) for name in ("dense_1", "dense_2", "logits")]
    assert [(layer.units, layer.activation.__name__) for layer in dense] == [(32, "relu"), (8, "relu"), (4, "linear")]
    # Convolutions 3 * 3 * 1 * 16 + 16, 3 * 3 * 16 * 16 + 16, 3 * 3 * 16 * 8 + 8, 3 * 3 * 8 * 8 + 8; the last map is
    # 7 x 10 x 8 = 560; dense 560 * 32 + 32, 32 * 8 + 8, 8 * 4 + 4.
    assert parameters(model) == 160 + 2320 + 1160 + 584 + 17952 + 264 + 36 == 22_476
    # Two operations a multiply-add: pixels * kernel of each convolution (120x160, 60x80, 30x40, 15x20), dense layers.
    multiplications = [19200 * 144, 4800 * 2304, 1200 * 1152, 300 * 576, 560 * 32, 32 * 8, 8 * 4]
    assert flops_per_image(model) == 2 * sum(multiplications) == 30_794_816
    assert model.layers[-1].names == tuple(CLASSES)
    logits = outputs(keras, model, pixels(2, 120, 160, 1))
    assert (logits.shape, logits.dtype) == ((2, 4), np.float32)


def test_a_late_relu_changes_nothing(keras: Any) -> None:
    from trainer.model import LocalResponseNormalization, build

    model = build(small(depth=2), CLASSES)
    x = inputs = keras.Input((12, 16, 1), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(x)
    for filters in (16, 16):
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = LocalResponseNormalization()(keras.layers.MaxPooling2D(2)(x))
    x = keras.layers.Flatten()(x)
    for units, activation in ((32, "relu"), (8, "relu"), (4, None)):
        x = keras.layers.Dense(units, activation=activation)(x)
    usual = keras.Model(inputs, x)
    usual.set_weights(model.get_weights())
    images = pixels(5, 12, 16, 1)
    np.testing.assert_allclose(outputs(keras, model, images), outputs(keras, usual, images), rtol=1e-6, atol=1e-7)


# -------------------------------------------------------------------------------------------------------- the space

SPACE = {
    "pooling": tuple(POOLINGS),
    "normalization": tuple(NORMALIZATIONS),
    "head": tuple(HEADS),
    "augmentation": tuple(AUGMENTATIONS),
    "depth": (1, 2, 3, 4, 5, 6),
    "width": (0.25, 1.0, 4.0, 0.5),
    "color": (False, True),
    "dropout_rate": (0.0, 0.5, 0.9),
    "mixed_precision": (False, True),
}


def sample(count: int) -> list[dict[str, Any]]:
    """Values that cycle at different paces and from shuffled orders, so that each meets many others."""
    rng = np.random.default_rng(0)
    columns = {}
    for name, values in SPACE.items():
        rounds = [rng.permutation(len(values)) for _ in range(count)]
        columns[name] = [values[place] for place in itertools.chain(*rounds)][:count]
    return [{name: column[n] for name, column in columns.items()} for n in range(count)]


@pytest.mark.parametrize("values", sample(12), ids=lambda values: "-".join(map(str, values.values())))
def test_every_corner_of_the_space_gives_finite_logits(keras: Any, values: dict[str, Any]) -> None:
    from trainer.model import build, flops_per_image, parameters

    config = TrainConfig.of({"image_height": 64, "image_width": 71, **values})
    model = build(config, CLASSES)
    images = pixels(3, 64, 71, 3 if config.color else 1)
    for training in (False, True):
        logits = outputs(keras, model, images, training)
        assert (logits.shape, logits.dtype) == ((3, 4), np.float32)
        assert np.isfinite(logits).all()
    assert parameters(model) > 0
    assert flops_per_image(model) > 0


def test_the_sample_reaches_every_value() -> None:
    for name, values in SPACE.items():
        assert {row[name] for row in sample(12)} == set(values)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pooling_halves_and_drops_the_odd_row(keras: Any, pooling: str) -> None:
    from trainer.model import build

    model = build(small(pooling=pooling, depth=2, image_height=13, image_width=18), CLASSES)
    assert [model.get_layer(f"pool_{n}").output.shape[1:3] for n in (1, 2)] == [(6, 9), (3, 4)]


@pytest.mark.parametrize(("width", "expected"), [(0.25, [4, 4, 2, 2, 2, 2]), (4, [64, 64, 32, 32, 32, 32])])
def test_width_is_a_factor_on_every_block(width: float, expected: list[int], keras: Any) -> None:
    from trainer.model.build import filters

    assert filters(TrainConfig(depth=6, width=width)) == expected


def test_too_many_blocks_for_the_image_are_refused() -> None:
    message = "the whole: depth 5 halves an image of 16x31 pixels to nothing; at most 4 for this size"
    with pytest.raises(ConfigError) as raised:
        TrainConfig.of({"depth": 5, "image_height": 16, "image_width": 31})
    assert str(raised.value) == message


# ------------------------------------------------------------------------------------------------------- used again


def state(model: Any) -> list[Any]:
    """Everything that decides how a training goes: weights, optimizer, random states."""
    generators = [layer.seed_generator.state for layer in model.layers if getattr(layer, "seed_generator", None)]
    return [np.asarray(v.numpy()) for v in (*model.weights, *model.optimizer.variables, *generators)]


def train(model: Any, config: TrainConfig) -> list[float]:
    from trainer.batches import Batches

    images, labels = pixels(40, 12, 16, 1, seed=1), np.random.default_rng(2).integers(0, 4, 40).astype("int32")
    batches = Batches(images, labels, np.arange(40), config.batch_size, config.seed)
    history = model.fit(batches, epochs=2, shuffle=False, verbose=0)
    return [float(loss) for loss in history.history["loss"]]


def ready(config: TrainConfig) -> Any:
    from trainer.model import build, compile_model, reset

    model = build(config, CLASSES)
    compile_model(model, config, 5)
    reset(model, config)
    return model


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adam", "dropout_rate": 0.5, "augmentation": "all"},
        {"optimizer": "adamw", "augmentation": "mixup", "pooling": "strided"},
        {"optimizer": "sgd", "normalization": "batch", "pooling": "blur", "learning_rate": 0.01},
        {"optimizer": "rmsprop", "mixed_precision": True, "head": "global_average"},
    ],
    ids=lambda changes: changes["optimizer"],
)
def test_a_used_model_trains_as_a_fresh_one(keras: Any, changes: dict[str, Any]) -> None:
    from trainer.model import reset

    config = small(seed=3, **changes)
    model = ready(config)
    fresh, losses = state(model), train(model, config)
    trained = state(model)
    assert np.isfinite(losses).all()
    assert not all(np.array_equal(a, b) for a, b in zip(fresh, trained, strict=True))
    reset(model, config.model_copy(update={"seed": 4, "learning_rate": 0.3}))
    train(model, config)
    reset(model, config)
    for before, after in zip(fresh, state(model), strict=True):
        np.testing.assert_array_equal(before, after)
    assert train(model, config) == losses
    for before, after in zip(trained, state(model), strict=True):
        np.testing.assert_array_equal(before, after)


def test_another_model_of_the_same_config_has_the_same_state(keras: Any) -> None:
    config = small(seed=3, dropout_rate=0.5, augmentation="all")
    ready(small(seed=8, depth=2))  # what the process did before changes nothing
    for first, second in zip(state(ready(config)), state(ready(config)), strict=True):
        np.testing.assert_array_equal(first, second)


def test_seeds_differ_in_every_kernel_and_random_state(keras: Any) -> None:
    model = ready(small(seed=3, dropout_rate=0.5, augmentation="all", depth=2))
    first = state(model)
    from trainer.model import reset

    reset(model, small(seed=4))
    changed = [not np.array_equal(a, b) for a, b in zip(first, state(model), strict=True)]
    generators = 3  # flips and turns, light and noise, dropout
    assert sum(changed) == len([w for w in model.weights if w.name == "kernel"]) + generators
    kernels = [w.numpy().ravel()[:8].tolist() for w in model.weights if w.name == "kernel"]
    assert len({tuple(values) for values in kernels}) == len(kernels)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_optimizer_starts_again(keras: Any, optimizer: str) -> None:
    from trainer.model import reset

    model = ready(small(optimizer=optimizer))
    assert type(model.optimizer).__name__.lower() == optimizer
    for variable in model.optimizer.variables:
        variable.assign(variable.value * 0 + 7)
    reset(model, small(optimizer=optimizer, learning_rate=0.25))
    rest = [v for v in model.optimizer.variables if v.name != "learning_rate"]
    assert len(rest) >= 1 + len(model.trainable_variables)
    assert all((v.numpy() == 0).all() for v in rest)
    assert float(model.optimizer.learning_rate.numpy()) == 0.25
    if optimizer == "sgd":
        assert model.optimizer.momentum == 0.9


def test_the_loss_scale_of_16_bits_starts_again(keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from trainer.model import reset

    # By `sys.modules`, since the function `build` hides the module of its name.
    monkeypatch.setattr(sys.modules["trainer.model.build"], "device", lambda: ("gpu", "a card"))
    config = small(mixed_precision=True)
    model = ready(config)
    assert model.get_layer("conv_1").compute_dtype == "float16"
    assert model.get_layer("logits").compute_dtype == "float32"
    first = state(model)
    model.optimizer.dynamic_scale.assign(4.0)
    model.optimizer.step_counter.assign(9)
    reset(model, config)
    for before, after in zip(first, state(model), strict=True):
        np.testing.assert_array_equal(before, after)
    assert float(model.optimizer.dynamic_scale.numpy()) == 2.0**15


def test_what_may_share_a_graph(keras: Any) -> None:
    from trainer.model import graph_key

    config = TrainConfig()
    key = graph_key(config, CLASSES, 20)
    same = {
        "learning_rate": 0.1, "seed": 9, "epochs": 3, "trial": "a", "batch_size": 7, "split_seed": 4, "folds": 4,
        "fold": 2, "photographs": "0123456789abcdef", "resize": "crop", "early_stopping_patience": 3,
    }  # fmt: skip
    same_alone = {"train_on_validation": True, "epochs_after_start": 20, "evaluate_last": 5}  # they exclude it
    for values in (same, same_alone):
        assert graph_key(config.model_copy(update=values), CLASSES, 20) == key
    others = {
        "model": "mine.py:build", "depth": 3, "width": 2.0, "pooling": "blur", "dropout_rate": 0.1,
        "normalization": "none", "head": "global_average", "augmentation": "flip", "augmentation_strength": 0.5,
        "optimizer": "sgd", "class_weight": "balanced", "image_height": 60, "image_width": 60,
        "color": True, "mixed_precision": True,
        "model.units": 8,
    }  # fmt: skip
    keys = {graph_key(config.model_copy(update={name: value}), CLASSES, 20) for name, value in others.items()}
    assert len(keys - {key}) == len(others)
    assert {*same, *same_alone, *others} == {*TrainConfig.model_fields, "model.units"}, (
        "is the new setting part of the graph?"
    )
    assert graph_key(config, CLASSES[:3], 20) != key
    assert graph_key(config, CLASSES, 10) != key
