"""The reference model trained the plain way; prints a JSON line an epoch.

The model is shared/peers/diy_study.py's: TensorFlow's own normalization, JPEG decoded at every epoch, Keras's defaults.

python -m benchmarks.plain_training --data DIR --epochs N [--threads N]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf


class Normalization(keras.layers.Layer):
    """TensorFlow's kernel."""

    def call(self, x: Any) -> Any:
        return tf.nn.local_response_normalization(x)


def build(height: int, width: int, classes: int) -> Any:
    """The reference model, compiled."""
    model = keras.Sequential([keras.Input((height, width, 1)), keras.layers.Rescaling(1 / 255)])
    for filters in (16, 16, 8, 8):
        model.add(keras.layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(keras.layers.MaxPooling2D(2))
        model.add(Normalization())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(32, activation="relu"))
    model.add(keras.layers.Dense(8, activation="relu"))
    model.add(keras.layers.Dense(classes))
    model.compile(
        keras.optimizers.Adam(5e-4), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    return model


class Clock(keras.callbacks.Callback):
    """Prints each epoch's duration."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begun = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        print(json.dumps({"epoch": epoch + 1, "epoch_s": time.perf_counter() - self.begun}), flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--threads", type=int, help="default: TensorFlow's choice, all cores")
    parser.add_argument("--height", type=int, default=120)
    parser.add_argument("--width", type=int, default=160)
    args = parser.parse_args()
    if args.threads:
        tf.config.threading.set_intra_op_parallelism_threads(args.threads)
        tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    keras.utils.set_random_seed(0)
    images = keras.utils.image_dataset_from_directory(
        f"{args.data}/TRAIN",
        color_mode="grayscale",
        image_size=(args.height, args.width),
        batch_size=100,
        seed=1,
        verbose=False,
        validation_split=0.2,
        subset="training",
    )
    model = build(args.height, args.width, len(images.class_names))
    print(json.dumps({"images": len(images.file_paths)}), flush=True)
    model.fit(images.prefetch(tf.data.AUTOTUNE), epochs=args.epochs, verbose=0, callbacks=[Clock()])


if __name__ == "__main__":
    sys.exit(main())
