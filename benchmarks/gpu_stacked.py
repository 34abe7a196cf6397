"""Seeds of the reference model that train in one program: what several trainers on a GPU are held against. JAX alone.

    KERAS_BACKEND=jax python -m benchmarks.gpu_stacked --data DIR --cache DIR --seeds 1 2 4 8

Prints a JSON line a number of seeds. An experiment: the search trains no seeds so, and would only if that at least
doubled what the same card trains in trainers beside each other (`verdict`).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

COMMAND = (sys.executable, "-m", "benchmarks.gpu_stacked")
NEEDED = 2.0  # times the images/s of trainers beside each other; less is not worth a second way to train
WARM = 2  # steps before the clock starts: the first is compiled
NOT_JAX = "it needs JAX: KERAS_BACKEND=jax make bench-gpu; this run trained with {}"


def verdict(stacked: Mapping[int, float], trainers: Mapping[int, float]) -> dict[str, Any]:
    """Whether stacked seeds are kept.

    Args:
        stacked: images/s of all seeds together, by their number.
        trainers: images/s of all trainers together, by their number.

    Returns:
        For each number that both have, how many times as fast stacked seeds are; the same of the best of both; and
        whether that is enough. None: nothing to compare.
    """
    times = {str(count): round(rate / trainers[count], 2) for count, rate in stacked.items() if trainers.get(count)}
    if not times:
        return {"times_of_trainers": {}, "times_of_best": None, "at_least_doubles": None}
    best = max(stacked.values()) / max(trainers.values())
    return {
        "times_of_trainers": times,
        "times_of_best": round(best, 2),
        "at_least_doubles": best >= NEEDED,
    }


def verdict_of(found: Mapping[str, Any], stacked: Mapping[int, str], trainers: Mapping[int, str]) -> dict[str, Any]:
    """The verdict on what a benchmark found.

    Args:
        found: its parts by name.
        stacked: the part of so many seeds.
        trainers: the part of so many trainers.
    """

    def rates(parts: Mapping[int, str]) -> dict[int, float]:
        told = {count: found.get(name, {}).get("images_per_s") for count, name in parts.items()}
        return {count: rate for count, rate in told.items() if rate}

    return verdict(rates(stacked), rates(trainers))


class Stack:
    """Models of several seeds, with one axis more in front of each weight.

    Args:
        model: compiled, as a trainer has it.
        configs: of the seeds.
    """

    def __init__(self, model: Any, configs: Sequence[Any]) -> None:
        import jax
        import jax.numpy as jnp

        from trainer.backend import keras
        from trainer.model import reset

        optimizer = model.optimizer

        def variables() -> tuple[list[Any], ...]:
            groups = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
            return tuple([jnp.array(variable.value) for variable in group] for group in groups)

        states = []
        for config in configs:
            reset(model, config)
            states.append(variables())
        self._state = jax.tree.map(lambda *each: jnp.stack(each), *states)
        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

        def loss_of(trained: Any, other: Any, images: Any, labels: Any) -> tuple[Any, Any]:
            logits, other = model.stateless_call(trained, other, images, training=True)
            return cross_entropy(labels, logits), other

        def step(state: Any, images: Any, labels: Any, rows: Any) -> tuple[Any, Any]:
            trained, other, slots = state
            batch = images[rows], labels[rows]
            (loss, other), gradients = jax.value_and_grad(loss_of, has_aux=True)(trained, other, *batch)
            trained, slots = optimizer.stateless_apply(slots, gradients, trained)
            return (trained, other, slots), loss

        self._step = jax.jit(jax.vmap(step, in_axes=(0, None, None, 0)), donate_argnums=0)

    def train(self, images: Any, labels: Any, rows: Any) -> Any:
        """One step of every seed.

        Args:
            images: uint8 (n, height, width, channels), on the device.
            labels: int32 (n,), on the device.
            rows: int32 (seeds, batch): each seed's own batch.

        Returns:
            The losses before the step, (seeds,).
        """
        self._state, losses = self._step(self._state, images, labels, rows)
        return losses


def measured(seeds: int, images: Any, labels: Any, batch: int, steps: int) -> dict[str, Any]:
    """Trains so many seeds at once for some steps.

    Args:
        seeds: how many.
        images: uint8 (n, height, width, channels), on the device.
        labels: int32 (n,), on the device.
        batch: images of a seed's batch.
        steps: that are timed.
    """
    import jax

    from trainer.backend import device
    from trainer.config import TrainConfig
    from trainer.memory import Meter
    from trainer.model import build, compile_model

    height, width = images.shape[1:3]
    configs = [
        TrainConfig(seed=seed, batch_size=batch, image_height=height, image_width=width) for seed in range(seeds)
    ]
    names = [f"class {number}" for number in range(int(labels.max()) + 1)]
    meter = Meter(device()[0] == "gpu")
    meter.reset()
    model = build(configs[0], names)
    compile_model(model, configs[0], 1)
    stack = Stack(model, configs)
    generators = [np.random.default_rng(seed) for seed in range(seeds)]
    taken = min(batch, len(images))
    orders = [  # beforehand: choosing is not what is measured
        np.stack([one.choice(len(images), taken, replace=False) for one in generators]).astype(np.int32)
        for _ in range(WARM + steps)
    ]
    begun, losses = 0.0, None
    for number, rows in enumerate(orders):
        if number == WARM:
            jax.block_until_ready(losses)
            begun = time.perf_counter()
        losses = stack.train(images, labels, rows)
    jax.block_until_ready(losses)
    rate = seeds * taken * steps / (time.perf_counter() - begun)
    return {"seeds": seeds, "images_per_s": round(rate), "vram_peak_mib": meter.peak_mib()}


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--data", type=Path, required=True)
    result.add_argument("--cache", type=Path, required=True)
    result.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 4, 8], help="rising")
    result.add_argument("--height", type=int, default=120)
    result.add_argument("--width", type=int, default=160)
    result.add_argument("--batch", type=int, default=100)
    result.add_argument("--steps", type=int, default=100, help="that are timed")
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """The command: a line a number of seeds, until one lacks memory."""
    args = parser().parse_args(argv)

    from trainer.backend import keras, set_up

    set_up()
    if keras.backend.backend() != "jax":
        sys.exit(NOT_JAX.format(keras.backend.backend()))
    import jax

    from trainer.data import ImageSize, open_dataset
    from trainer.memory import is_out_of_memory

    data = open_dataset(args.data, args.cache, ImageSize(args.height, args.width, False))
    rows = data.splits["train"]
    images, labels = jax.device_put(data.images[rows]), jax.device_put(data.labels[rows])
    for seeds in args.seeds:
        try:
            told = measured(seeds, images, labels, args.batch, args.steps)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            told = {"seeds": seeds, "images_per_s": None, "out_of_memory": True}
        print(json.dumps(told), flush=True)
        if told["images_per_s"] is None:
            return


if __name__ == "__main__":
    main()
