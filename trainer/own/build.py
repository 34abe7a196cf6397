"""The model and the augmentation of one's own, as parts of what is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainer.backend import keras
from trainer.config import TrainConfig
from trainer.errors import OwnCodeError
from trainer.own.loading import load_function, located, place_of
from trainer.own.names import file_and_function
from trainer.own.parameters import OwnConfig

ops = keras.ops

MODEL_ARGUMENTS = ("config", "input_shape", "class_names")
AUGMENTATION_ARGUMENTS = ("config", "input_shape")
HERE = Path()  # where code of one's own is looked for where nobody says


@keras.saving.register_keras_serializable(package="trainer")
class ToPixels(keras.layers.Layer):
    """From 0-1 back to the whole numbers 0-255 of image files, which a model of one's own takes.

    Input shape: (batch, height, width, channels), float. Output shape: the same, uint8.
    """

    def call(self, inputs: Any) -> Any:
        return ops.cast(ops.round(ops.clip(ops.cast(inputs, "float32"), 0.0, 1.0) * 255.0), "uint8")

    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.KerasTensor(inputs.shape, dtype="uint8")


def own_model(config: TrainConfig, class_names: Sequence[str], policy: str, code: Path | None) -> Any:
    """What the function of `config.model` builds: a Keras model from pixels to logits.

    Its weights and random states follow from the config's seed, unless the function takes them from elsewhere.

    Raises:
        OwnCodeError: the function raises, or returns something else.
    """
    shape = (config.image_height, config.image_width, 3 if config.color else 1)
    file, _ = file_and_function(config.model)
    folder = code or HERE
    function = load_function(folder, config.model, MODEL_ARGUMENTS)
    with _as_configured(config, policy), located(folder, file):
        model = function(OwnConfig(config, "model", folder), shape, list(class_names))
    if not isinstance(model, keras.Model):
        raise OwnCodeError(f"{place_of(function)}: a keras.Model is to be returned; found {_kind(model)}")
    images = keras.Input(shape, dtype="uint8")
    with located(folder, place_of(function)):
        outputs = model(images)
    wanted = (None, len(class_names))
    if not isinstance(outputs, keras.KerasTensor) or tuple(outputs.shape) != wanted:
        raise OwnCodeError(
            f"{place_of(function)}: for images of {'x'.join(map(str, shape))} the model gives {_shape(outputs)}; "
            f"allowed: one output of shape {wanted}, a logit for each class"
        )
    return model


def own_augmentation(config: TrainConfig, policy: str, code: Path | None) -> Any:
    """What the function of `config.augmentation` builds: a Keras layer on images of 0-1.

    Raises:
        OwnCodeError: the function raises, or returns something else.
    """
    shape = (config.image_height, config.image_width, 3 if config.color else 1)
    file, _ = file_and_function(config.augmentation)
    folder = code or HERE
    function = load_function(folder, config.augmentation, AUGMENTATION_ARGUMENTS)
    with _as_configured(config, policy), located(folder, file):
        layer = function(OwnConfig(config, "augmentation", folder), shape)
    if not isinstance(layer, keras.layers.Layer):
        raise OwnCodeError(f"{place_of(function)}: a keras.layers.Layer is to be returned; found {_kind(layer)}")
    with located(folder, place_of(function)):
        outputs = layer(keras.Input(shape))
    if not isinstance(outputs, keras.KerasTensor) or tuple(outputs.shape) != (None, *shape):
        raise OwnCodeError(
            f"{place_of(function)}: for images of {'x'.join(map(str, shape))} the augmentation gives "
            f"{_shape(outputs)}; allowed: images of the same shape"
        )
    return layer


def take_state(model: Any, fresh: Any) -> None:
    """Gives a model the weights and the random states of another one that the same config built.

    So a model whose graph is traced already is trained as a new one, to the last bit.
    """
    for variable, value in zip(model.variables, fresh.variables, strict=True):
        variable.assign(value)


@contextmanager
def _as_configured(config: TrainConfig, policy: str) -> Iterator[None]:
    """Layers that are built take their precision and their seeds from the config."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(config.seed)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _kind(value: Any) -> str:
    return "nothing (is `return` missing?)" if value is None else f"a {type(value).__name__}"


def _shape(outputs: Any) -> str:
    if isinstance(outputs, keras.KerasTensor):
        return f"an output of shape {tuple(outputs.shape)}"
    return f"{len(outputs)} outputs" if isinstance(outputs, list | tuple | dict) else _kind(outputs)
