"""What Keras is set up to, and what a slot says about itself."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.conftest import SMALL, Slot
from tests.trainer.test_protocol import Process
from trainer.events import Epoch, Finished, Ready


def test_operations_are_deterministic(keras: Any) -> None:
    if keras.backend.backend() == "tensorflow":
        from tensorflow.python.framework import config

        assert config.is_op_determinism_enabled()
    if keras.backend.backend() == "torch":
        import torch

        assert torch.are_deterministic_algorithms_enabled()


def test_memory_grows_on_demand(keras: Any) -> None:
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="only x86 processors have the choice")
def test_onednn_is_on_whatever_x86_processor_it_is(keras: Any) -> None:
    if keras.backend.backend() == "tensorflow":
        from tensorflow.python.util import _pywrap_util_port

        assert _pywrap_util_port.IsMklEnabled()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"


def test_the_device_is_named(keras: Any) -> None:
    from trainer.backend import device

    kind, name = device()
    assert kind == "cpu"
    assert name


def test_versions_are_those_of_the_backend_in_use(keras: Any) -> None:
    from trainer.backend import versions

    found = versions()
    name = keras.backend.backend()
    assert found["python"] == platform.python_version()
    assert found[name] == metadata.version(name)
    assert found.keys() == {"python", "keras", "numpy", name}


def test_no_xla_on_tensorflows_cpu(keras: Any) -> None:
    from trainer.backend import jit_compile

    assert jit_compile() is (False if keras.backend.backend() == "tensorflow" else "auto") or jit_compile() == "auto"


@pytest.mark.parametrize("name", ["jax", "torch"])
def test_the_other_backends_train_alike_and_repeat(
    name: str, slot: Slot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install {name}")
    monkeypatch.setenv("KERAS_BACKEND", name)
    arguments = ["-m", "trainer", "--data", str(slot.data), "--cache", str(slot.cache), "--output", str(tmp_path)]
    process = Process(arguments, tmp_path / "stderr")
    try:
        ready = process.next()
        assert isinstance(ready, Ready)
        assert ready.backend == name
        rounds = []
        for _ in range(2):  # the second one uses the graph of the first
            process.send({**SMALL, "dropout_rate": 0.3, "augmentation": "mixup", "trial": name})
            events = process.until(Finished)
            rounds.append(
                [event.model_dump(exclude={"epoch_s", "images_per_s"}) for event in events if isinstance(event, Epoch)]
            )
            *_, last, finished = events
            assert last.val_loss == finished.splits["val"].loss
        assert rounds[0] == rounds[1]
        assert (tmp_path / f"{name}.keras").is_file()
        assert process.close()[0] == 0
    finally:
        process.popen.kill()
        process.popen.wait()
        process.popen.stdout.close()


def test_keras_comes_without_packages_that_a_trainer_has_no_use_for() -> None:
    program = """
import sys
from trainer.backend import keras
print([name for name in ("matplotlib", "pandas", "sklearn") if name in sys.modules])
import matplotlib.pyplot, pandas, sklearn
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_epochs_do_not_wait_for_autotuning(keras: Any) -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("tf.data belongs to TensorFlow")
    import numpy as np
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

    from trainer.batches import Batches

    images, labels = np.zeros((4, 2, 2, 1), np.uint8), np.zeros(4, np.int32)
    dataset = PyDatasetAdapter(Batches(images, labels, np.arange(4), 2)).get_tf_dataset()
    assert dataset.options().autotune.enabled is False
