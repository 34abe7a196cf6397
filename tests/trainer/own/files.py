"""Files of one's own, for tests: a model with a layer of its own in a module that it imports, and an augmentation."""

from __future__ import annotations

from pathlib import Path

MODEL = """\
import keras
from my_layers import Scale


def build(config, input_shape, class_names):
    images = keras.Input(input_shape, dtype="uint8")
    x = Scale(1 / 255)(images)
    x = keras.layers.Conv2D(config.model.units, 3, activation="relu")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.3)(x)
    return keras.Model(images, keras.layers.Dense(len(class_names))(x))
"""

LAYERS = """\
import keras


class Scale(keras.layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return keras.ops.cast(inputs, "float32") * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}
"""

AUGMENTATION = """\
import keras


class Noise(keras.layers.Layer):
    def __init__(self, amount, **kwargs):
        super().__init__(**kwargs)
        self.amount = amount
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, inputs, training=False):
        if not training:
            return inputs
        noise = keras.random.normal(keras.ops.shape(inputs), 0.0, self.amount, seed=self.seed_generator)
        return inputs + keras.ops.cast(noise, inputs.dtype)

    def get_config(self):
        return {**super().get_config(), "amount": self.amount}


def build(config, input_shape):
    return Noise(config.augmentation.amount)
"""

OWN = {"model": "my_model.py:build", "model.units": 4}
AUGMENTED = {"augmentation": "my_augmentation.py:build", "augmentation.amount": 0.1}


def write(folder: Path) -> Path:
    """Writes the files into a folder, and gives it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("my_model", MODEL), ("my_layers", LAYERS), ("my_augmentation", AUGMENTATION)):
        (folder / f"{name}.py").write_text(text)
    return folder
