"""Keras, loaded once, with the backend the environment asks for and settings that make runs repeat.

Import Keras from here and nowhere else: `from trainer.backend import keras`. The settings must stand before TensorFlow
or JAX is first imported.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Any

from trainer.environment import set_up_backend

# A person's own settings of Keras and of its backends would train something else. What they stood for is set below,
# too, as Keras may have been imported before this module.
set_up_backend()

_THREADS = os.environ.get("TRAINER_THREADS")
if _THREADS and os.environ["KERAS_BACKEND"] == "jax":
    _one = " --xla_cpu_multi_thread_eigen=false" if _THREADS == "1" else ""
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + _one


@contextmanager
def _without(*packages: str) -> Iterator[None]:
    """Lets imports do as if these were not installed."""
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # `import` raises ModuleNotFoundError then
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


# Keras imports these where they are installed, for wrappers and plots that a trainer has no use for, and does without
# where they are not: a third of the 5 s that every slot's start takes.
with _without("matplotlib", "pandas", "sklearn"):
    import keras

FLOAT, EPSILON, FORMAT = "float32", 1e-7, "channels_last"  # Keras's own defaults


def _set_defaults() -> None:
    """What a `keras.json`, or whoever imported Keras before, may have set otherwise."""
    keras.config.set_floatx(FLOAT)
    keras.config.set_epsilon(EPSILON)
    keras.config.set_image_data_format(FORMAT)
    keras.config.set_dtype_policy(FLOAT)
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)


_set_defaults()

__all__ = ["device", "forget_gradients", "jit_compile", "keras", "set_up", "versions"]


def set_up(threads: int | None = None) -> None:
    """Deterministic operations, memory on demand, and at most `threads` threads a process (None: the backend's choice).

    Must be called once, before the first tensor is made.
    """
    _set_defaults()
    keras.utils.set_random_seed(0)  # TensorFlow refuses random ops without a seed once determinism is on
    name = keras.backend.backend()
    if name == "tensorflow":
        import tensorflow as tf

        if threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        tf.config.experimental.enable_op_determinism()
        _end_epochs_at_once()
        tf.get_logger().setLevel("ERROR")
    elif name == "torch":
        import torch

        if threads:
            torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # which nothing reads


def _end_epochs_at_once() -> None:
    """Takes tf.data's autotuning from the datasets that Keras makes of a `PyDataset`.

    An iterator that is autotuned was seen to take up to two seconds to end, with an idle processor: as long as most of
    an epoch of 1,277 images. Keras has no setting for it.
    """
    import tensorflow as tf
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

    made = PyDatasetAdapter.get_tf_dataset

    def get_tf_dataset(self: Any) -> Any:
        options = tf.data.Options()
        options.autotune.enabled = False
        return made(self).with_options(options)

    PyDatasetAdapter.get_tf_dataset = get_tf_dataset


def forget_gradients() -> None:
    """Empties TensorFlow's registry of the gradients that its own operations and ours register for each graph.

    A gradient is looked up while a graph is traced, and stands in the graph from then on; TensorFlow keeps it, and with
    it the graph, for ever: a slot grew by 6.5 MiB and 9,000 objects with each new graph (0.9 MiB without; 40 graphs of
    32x32 on two cores). Call it after a training, in which its model was traced.
    """
    if keras.backend.backend() != "tensorflow":
        return
    from tensorflow.python.framework import ops

    registry = getattr(ops.gradient_registry, "_registry", {})  # TensorFlow 2.21 has no call for it
    for name in [name for name in registry if name.startswith("CustomGradient-")]:
        del registry[name]


def device() -> tuple[str, str]:
    """Where the backend computes, as `("gpu", "NVIDIA H200")` or `("cpu", "x86_64")`."""
    name = keras.backend.backend()
    if name == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        if gpus:
            details: dict[str, Any] = tf.config.experimental.get_device_details(gpus[0])
            return "gpu", str(details.get("device_name", "GPU"))
    elif name == "jax":
        import jax

        first = jax.devices()[0]
        if first.platform != "cpu":
            return "gpu", str(first.device_kind)
    elif name == "torch":
        import torch

        if torch.cuda.is_available():
            return "gpu", str(torch.cuda.get_device_name(0))
    return "cpu", _cpu_name()


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def jit_compile() -> bool | str:
    """Keras's `jit_compile`: off on TensorFlow's CPU, where XLA trains this model at a quarter of the speed."""
    if keras.backend.backend() == "tensorflow" and device()[0] == "cpu":
        return False
    return "auto"


def versions() -> dict[str, str]:
    """Versions of what a training's numbers depend on."""
    packages = {"keras": "keras", "numpy": "numpy"}
    packages |= {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
    found = {"python": platform.python_version()}
    for key, package in packages.items():
        if key in ("tensorflow", "jax", "torch") and key != keras.backend.backend():
            continue
        try:
            found[key] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[key] = getattr(keras, "__version__", "unknown") if key == "keras" else "unknown"
    return found
