"""Training the reference model with TensorFlow's oneDNN operations on and off, in turn, on one thread of the CPU.

    python -m benchmarks.onednn [--repeat 3] [--height 120 --width 160] [--color] [--batch-size 100]

TensorFlow turns them on by itself where an x86 processor has AVX-512 VNNI; trainers turn them on on all x86 processors
(`trainer.environment`). Images are noise; what is counted is processor time, so that what else runs disturbs little.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from benchmarks.processes import PYTHON, run
from benchmarks.results import Measured, ratios, show
from trainer.environment import BACKEND_FIXED, FIXED, THREADS

STEPS = 20
SWITCH = "TF_ENABLE_ONEDNN_OPTS"


def measure(repeat: int, shape: Sequence[str] = ()) -> Measured:
    """Both, `repeat` times in turn.

    Args:
        repeat: times.
        shape: further arguments of a process: the size of the images and of the batches.

    Raises:
        BenchmarkError: a process failed.
    """
    rates: dict[str, list[float]] = {"1": [], "0": []}
    for _ in range(repeat):
        for on, found in rates.items():
            command = [PYTHON, "-m", "benchmarks.onednn", "--process", on, *shape]
            environment = {
                **dict.fromkeys(THREADS, "1"),
                "CUDA_VISIBLE_DEVICES": "-1",
                "KERAS_BACKEND": "tensorflow",
                **FIXED,
            }
            found.append(json.loads(run(command, environment).stdout)["images_per_cpu_s"])
    measured = Measured("onednn", "images a second of processor time, reference model in training, one thread")
    measured.add("oneDNN on", rates["1"], "images/s")
    measured.add("oneDNN off", rates["0"], "images/s")
    measured.add("times as fast with it", ratios(rates["1"], rates["0"]), "x")
    return measured


def trained(on: str, height: int, width: int, color: bool, batch_size: int) -> float:
    """Images that this process trains in a second of its processor time. Nothing of Keras may be imported before."""
    BACKEND_FIXED[SWITCH] = on
    import numpy as np

    from trainer.backend import keras, set_up
    from trainer.config import TrainConfig
    from trainer.model import build, compile_model

    set_up(1)
    config = TrainConfig(image_height=height, image_width=width, color=color, batch_size=batch_size)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch_size, height, width, 3 if color else 1), "uint8")
    labels = rng.integers(0, 4, batch_size)

    class Same(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return STEPS

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            return images, labels

    model = build(config, ["a", "b", "c", "d"])
    compile_model(model, config, STEPS)
    model.fit(Same(), verbose=0)  # traced here
    begun = time.process_time()
    model.fit(Same(), epochs=2, verbose=0)
    return 2 * STEPS * batch_size / (time.process_time() - begun)


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--height", type=int, default=120)
    parser.add_argument("--width", type=int, default=160)
    parser.add_argument("--color", action="store_true")
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--process", choices=["0", "1"], help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.process:
        rate = trained(args.process, args.height, args.width, args.color, args.batch_size)
        print(json.dumps({"images_per_cpu_s": rate}))
        return 0
    shape = [f"--height={args.height}", f"--width={args.width}", f"--batch-size={args.batch_size}"]
    show(measure(args.repeat, [*shape, *(["--color"] if args.color else [])]), Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
