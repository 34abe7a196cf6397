"""What this machine reaches in a large float32 product, on all cores: the better of TensorFlow and NumPy, in GFLOP/s.

python -m benchmarks.matrix_product [--size 4096] [--seconds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import tensorflow as tf


def rate(product: Callable[[], object], size: int, seconds: float) -> float:
    """The best of several products: what the machine can do, not what else it was doing."""
    product()
    best_s, end = float("inf"), time.perf_counter() + seconds
    while best_s == float("inf") or time.perf_counter() < end:
        begun = time.perf_counter()
        product()
        best_s = min(best_s, time.perf_counter() - begun)
    return 2 * size**3 / best_s / 1e9


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--seconds", type=float, default=3.0)
    args = parser.parse_args()
    a, b = (np.random.default_rng(n).standard_normal((args.size, args.size), np.float32) for n in (0, 1))
    ta, tb = tf.constant(a), tf.constant(b)
    found = {
        "numpy": rate(lambda: a @ b, args.size, args.seconds),
        "tensorflow": rate(lambda: tf.matmul(ta, tb).numpy(), args.size, args.seconds),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
