"""How fast a device moves memory, and how much of it a training step of the reference model must move at the least.

python -m benchmarks.gpu_bandwidth --mib 1024      copies so much on the device, several times; prints a JSON line
"""

from __future__ import annotations

import argparse
import json
import sys
import time

COMMAND = (sys.executable, "-m", "benchmarks.gpu_bandwidth")
FILTERS = (16, 16, 8, 8)  # of the reference model's blocks
FLOAT_BYTES = 4
REPEATS = 20


def step_bytes(height: int, width: int, channels: int = 1) -> int:
    """Bytes that a training step moves for an image, at the least: the weights are few, the activations are not.

    A block is counted as one operation, as if convolution, pooling and normalization were fused. Forward it reads its
    input and writes the convolution's output, which the gradient needs; backward it reads both again, and writes the
    gradient of its input.
    """
    total, inputs = 0, height * width * channels
    for filters in FILTERS:
        convolved = height * width * filters
        total += 3 * inputs + 2 * convolved
        height, width = height // 2, width // 2
        inputs = height * width * filters
    return FLOAT_BYTES * total


def copied_gb_per_s(mib: int) -> float:
    """Gigabytes a second that are read and written together, where each number of a large array gets one more."""
    from trainer.backend import keras, set_up

    set_up()
    numbers = mib * 2**20 // FLOAT_BYTES
    if keras.backend.backend() == "jax":
        import jax

        step = jax.jit(lambda x: x + 1.0)
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        step = tf.function(lambda x: x + 1.0)
    else:

        def step(x):  # type: ignore[no-untyped-def]
            return x + 1.0

    x = keras.ops.zeros((numbers,), "float32")
    best = 0.0
    for _ in range(REPEATS):
        begun = time.perf_counter()
        x = step(x)
        keras.ops.convert_to_numpy(x[:1])  # which waits for it
        best = max(best, 2 * FLOAT_BYTES * numbers / (time.perf_counter() - begun) / 1e9)
    return best


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, required=True)
    print(json.dumps({"gb_per_s": round(copied_gb_per_s(parser.parse_args().mib), 2)}))


if __name__ == "__main__":
    main()
