"""The model of a `TrainConfig`: build it, compile it, give it new weights, save it, load it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer.backend import device, jit_compile, keras
from trainer.config import TrainConfig
from trainer.model.augmentation import Mixup
from trainer.model.layers import ClassNames, Conv2D
from trainer.own.build import ToPixels, own_augmentation, own_model
from trainer.own.names import is_own
from trainer.own.travelling import embed, load_with_code
from trainer.vocabulary import AUGMENTATIONS, HEADS, NORMALIZATIONS, OPTIMIZERS, POOLINGS
from trainer.whole_file import whole_file

ops = keras.ops

FILTERS = (16, 16, 8, 8, 8, 8)  # of the blocks at width 1; the reference model has the first four
DENSE = (32, 8)
STEPS_PER_EXECUTION = 20  # batches that one call into the backend trains: 2.3 times the speed of 1 on two cores


def graph_key(config: TrainConfig, class_names: Sequence[str], steps_per_execution: int) -> tuple[Any, ...]:
    """Equal for two configs that can use one traced model, after `reset`."""
    return (*config.graph(), tuple(class_names), steps_per_execution)


def filters(config: TrainConfig) -> list[int]:
    """The number of filters of each block."""
    return [max(1, round(n * config.width)) for n in FILTERS[: config.depth]]


def build(config: TrainConfig, class_names: Sequence[str], code: Path | None = None) -> Any:
    """The Keras model, not compiled.

    Input shape: (batch, image_height, image_width, 1 or 3), uint8. Output shape: (batch, classes), float32 logits.

    Args:
        config: of the training.
        class_names: in the order of the logits.
        code: the folder of code of one's own; None: the working directory.

    Raises:
        OwnCodeError: that code cannot be used.
    """
    policy = _dtype_policy(config)
    inputs = keras.Input(
        (config.image_height, config.image_width, 3 if config.color else 1), dtype="uint8", name="image"
    )
    changes = _augmentation(config, policy, code)
    x = inputs
    if changes or not is_own(config.model):
        x = keras.layers.Rescaling(1 / 255, name="rescale", dtype=policy)(x)
    for layer in changes:
        x = layer(x)
    if is_own(config.model):
        x = ToPixels(name="pixels")(x) if changes else x
        x = own_model(config, class_names, policy, code)(x)
    else:
        x = _reference(x, config, len(class_names), policy)
    outputs = ClassNames(list(class_names), name="class_names")(x)
    kind = MixupModel if any(isinstance(layer, Mixup) for layer in changes) else keras.Model
    return kind(inputs, outputs, name="blood_cells")


def _augmentation(config: TrainConfig, policy: str, code: Path | None) -> list[Any]:
    """The layers that change training images, in their order."""
    if is_own(config.augmentation):
        return [own_augmentation(config, policy, code)]
    return [
        layer(config.augmentation_strength, name=layer.__name__.removeprefix("Random").lower(), dtype=policy)
        for layer in AUGMENTATIONS[config.augmentation].layers()
    ]


def _reference(x: Any, config: TrainConfig, n_classes: int, policy: str) -> Any:
    """The reference model and what lies around it, on images of 0-1."""
    pooling, normalization = POOLINGS[config.pooling], NORMALIZATIONS[config.normalization]
    for block, n in enumerate(filters(config), start=1):
        # A maximum and a ReLU change places without changing the result, and a ReLU after it has a quarter of the work.
        late = pooling.commutes_with_relu
        activation = None if late else "relu"
        x = Conv2D(n, 3, padding="same", activation=activation, name=f"conv_{block}", dtype=policy)(x)
        x = pooling.build(n, name=f"pool_{block}", dtype=policy)(x)
        if late:
            x = keras.layers.ReLU(name=f"relu_{block}", dtype=policy)(x)
        if normalization.build is not None:
            x = normalization.build(name=f"{normalization.layer}_{block}", dtype=policy)(x)
    x = HEADS[config.head].build(name=config.head, dtype=policy)(x)
    x = keras.layers.Dense(DENSE[0], activation="relu", name="dense_1", dtype=policy)(x)
    if config.dropout_rate:
        x = keras.layers.Dropout(config.dropout_rate, seed=0, name="dropout", dtype=policy)(x)
    x = keras.layers.Dense(DENSE[1], activation="relu", name="dense_2", dtype=policy)(x)
    return keras.layers.Dense(n_classes, name="logits", dtype="float32")(x)


def _dtype_policy(config: TrainConfig) -> str:
    if not config.mixed_precision:
        return "float32"
    return "mixed_float16" if device()[0] == "gpu" else "mixed_bfloat16"  # CPUs have no fast float16


class MixupModel(keras.Model):
    """A model whose loss mixes the labels as its `Mixup` layer mixed the images."""

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        own = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not training:
            return own
        share = next(layer for layer in self.layers if isinstance(layer, Mixup)).share
        neighbour = keras.losses.sparse_categorical_crossentropy(ops.roll(y, 1, axis=0), y_pred, from_logits=True)
        if sample_weight is not None:
            neighbour = neighbour * ops.roll(sample_weight, 1, axis=0)
        return share * own + (1 - share) * ops.mean(neighbour)


def compile_model(model: Any, config: TrainConfig, steps_per_execution: int) -> None:
    """Compiles for training: cross-entropy on logits, accuracy, the config's optimizer."""
    optimizer = OPTIMIZERS[config.optimizer].build(config.learning_rate)
    if config.mixed_precision and _dtype_policy(config) == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        steps_per_execution=1 if keras.backend.backend() == "torch" else steps_per_execution,
        jit_compile=jit_compile(),
    )
    model.optimizer.build(model.trainable_variables)


def reset(model: Any, config: TrainConfig) -> None:
    """New weights, a new optimizer state and new random states, from the config's seed alone.

    A fresh model and one that has trained before are the same afterwards, to the last bit.
    Of code of one's own only the optimizer is known: a model of it that has trained before is given the state of one
    that was just built (`trainer.own.build.take_state`).
    """
    seeds = np.random.SeedSequence(config.seed)
    for layer in model.layers:
        for name in ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"):
            variable, initializer = getattr(layer, name, None), getattr(layer, f"{name}_initializer", None)
            if variable is None or initializer is None:
                continue
            if "seed" in initializer.get_config():
                settings = {**initializer.get_config(), "seed": _seed(seeds)}
                initializer = type(initializer).from_config(settings)
            variable.assign(initializer(variable.shape, dtype=variable.dtype))
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign(np.array([_seed(seeds), 0], "uint32"))
        if isinstance(layer, Mixup):
            layer.share.assign(1.0)
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    for variable in optimizer.variables:
        variable.assign(ops.zeros(variable.shape, variable.dtype))
    optimizer.learning_rate = config.learning_rate
    if optimizer is not model.optimizer:
        model.optimizer.step_counter.assign(0)
        model.optimizer.dynamic_scale.assign(model.optimizer.initial_scale)
    model.stop_training = False


def _seed(seeds: np.random.SeedSequence) -> int:
    return int(seeds.spawn(1)[0].generate_state(1)[0] >> 1)  # Keras takes 31 bits


def parameters(model: Any) -> int:
    """Weights of the model. The share that mixup drew last is kept as one by Keras, and is none."""
    return sum(layer_parameters(layer) for layer in model.layers)


def layer_parameters(layer: Any) -> int:
    """The share of one layer in `parameters`."""
    return 0 if isinstance(layer, Mixup) else int(layer.count_params())


def flops_per_image(model: Any) -> int:
    """Floating-point operations of one image's inference: 2 a multiply-add, convolutions and dense layers.

    Those of layers that a subclass of `keras.Model` calls in code of its own cannot be known, and are left out.
    """
    return sum(layer_flops(layer) for layer in all_layers(model))


def all_layers(model: Any) -> list[Any]:
    """The layers of a model and of the models in it, in their order."""
    found = []
    for layer in model.layers:
        found += all_layers(layer) if isinstance(layer, keras.Model) else [layer]
    return found


def layer_flops(layer: Any) -> int:
    """The share of one layer in `flops_per_image`."""
    kernels = [getattr(layer, name, None) for name in ("kernel", "depthwise_kernel", "pointwise_kernel")]
    sizes = [int(np.prod(kernel.shape)) for kernel in kernels if kernel is not None]
    if not sizes or (shape := _output_shape(layer)) is None:
        return 0
    positions = int(np.prod(shape[1:-1])) if len(shape) == 4 else 1
    return 2 * positions * sum(sizes)


def _output_shape(layer: Any) -> tuple[int, ...] | None:
    """Of the layer in its functional model; None where it is called in none, or more than once."""
    try:
        return tuple(layer.output.shape)
    except (AttributeError, ValueError):
        return None


def save_model(
    model: Any,
    path: Path,
    reading: dict[str, Any] | None = None,
    code: Sequence[Path] = (),
    familiar: dict[str, Any] | None = None,
) -> None:
    """Writes the model for inference, in Keras's own format, without the optimizer. It appears by atomic rename.

    Args:
        model: its last layer is `ClassNames`, where there is something to say of the reading.
        path: of the file.
        reading: how image files became the pixels that it was trained on; see `ClassNames`.
        code: files of code of one's own that it was built by, which are put into the file.
        familiar: what images it was trained on; see `ClassNames`.
    """
    if reading is not None:
        model.layers[-1].reading = reading
    if familiar is not None:
        model.layers[-1].familiar = familiar
    plain = keras.Model(model.inputs, model.outputs, name=model.name)
    with whole_file(path) as partial:
        plain.save(partial)
        embed(code, partial)


def load_model(path: Path) -> Any:
    """A saved model. Its last layer, `class_names`, has the names in `.names` and how files are read in `.reading`.

    A model of code of one's own has that code in its file, and it is run: load no file that you would not run.
    """
    return load_with_code(path)
