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

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # one page of C++ notices at every start
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # memory on demand: several slots may share a card
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the same for JAX
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # PyTorch refuses deterministic matrix products without it

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

__all__ = ["device", "jit_compile", "keras", "set_up", "versions"]


def set_up(threads: int | None = None) -> None:
    """Deterministic operations, memory on demand, and at most `threads` threads a process (None: the backend's choice).

    Must be called once, before the first tensor is made.
    """
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
