"""A model and an augmentation of one's own are trained, repeat to the last bit, and are loaded elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.conftest import SMALL, Slot, numbers
from tests.trainer.own.files import AUGMENTED, OWN, write
from trainer.config import TrainConfig
from trainer.events import Event, Failed, Finished, Started
from trainer.own.parameters import OwnConfig

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE")


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("own"))


@pytest.fixture
def new_slot(slot: Slot, code: Path, tmp_path: Path) -> Slot:
    """A slot that has trained nothing yet, with the code."""
    from trainer.fit import Session
    from trainer.source import Source

    session = Session(Source(slot.data, slot.cache, tmp_path / "models", code=code))
    return Slot(session, slot.data, slot.cache, tmp_path / "models")


def end(events: list[Event]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished), last
    return last


@pytest.mark.parametrize("own", [OWN, AUGMENTED, {**OWN, **AUGMENTED}, {**OWN, "augmentation": "mixup"}])
def test_a_warm_slot_gives_the_numbers_of_a_fresh_one(new_slot: Slot, own: Mapping[str, Any]) -> None:
    first = new_slot.train(**own, seed=3)
    new_slot.train(**own, seed=4)
    again = new_slot.train(**own, seed=3)
    started = again[0]
    assert isinstance(started, Started)
    assert not started.traced
    assert numbers(first) == numbers(again)
    assert numbers(first)[1:] != numbers(new_slot.trained[1])[1:]  # the seed is what it all follows from


def test_a_parameter_makes_another_model(new_slot: Slot) -> None:
    few, many = (end(new_slot.train(**{**OWN, "model.units": units})) for units in (2, 8))
    channels, classes = 1, len(NAMES)
    for units, finished in ((2, few), (8, many)):
        assert finished.parameters == units * (9 * channels + 1) + 4 * units + (units + 1) * classes
        assert finished.flops_per_image == 2 * (10 * 14 * 9 * channels * units + units * classes)


def test_a_saved_model_is_loaded_where_its_code_is_not(new_slot: Slot, tmp_path: Path, tiny_images: Path) -> None:
    finished = end(new_slot.train(**OWN, **AUGMENTED))
    file = new_slot.output / str(finished.model_file)
    with zipfile.ZipFile(file) as archive:
        assert {"code/my_model.py", "code/my_layers.py"} <= set(archive.namelist())
    alone = tmp_path / "alone" / "cells.keras"
    alone.parent.mkdir()
    file.rename(alone)
    image = next((tiny_images / "TEST" / "MONOCYTE").iterdir())
    command = [sys.executable, "-m", "trainer.predict", "--model", str(alone), "--json", str(image)]
    ran = subprocess.run(
        command,
        cwd=alone.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert all(name in ran.stdout for name in NAMES)


def test_two_models_whose_files_have_one_name_are_loaded_in_one_process(keras: Any, tmp_path: Path) -> None:
    from trainer.model import build, load_model, save_model
    from trainer.own.travelling import python_files

    config = TrainConfig.of({**SMALL, **OWN})
    pixels = np.full((1, 12, 16, 1), 100, np.uint8)
    logits, files = [], []
    for number, factor in enumerate(("1 / 255", "3 / 255")):
        folder = write(tmp_path / f"code {number}")
        layers = folder / "my_layers.py"
        layers.write_text(layers.read_text().replace("* self.factor", f"* self.factor * 255 * {factor}"))
        model = build(config, NAMES, folder)
        files.append(tmp_path / f"{number}.keras")
        save_model(model, files[-1], code=python_files(config, folder))
        logits.append(np.asarray(model.predict_on_batch(pixels)))
    assert not np.allclose(*logits)
    for file, expected in (*zip(files, logits, strict=True), (files[0], logits[0])):
        assert np.allclose(np.asarray(load_model(file).predict_on_batch(pixels)), expected)


def test_an_augmentation_before_a_model_of_ones_own_gives_it_pixels(keras: Any, code: Path) -> None:
    """Whole numbers 0-255, and in inference those of the file."""
    from trainer.model import build

    config = TrainConfig.of({**SMALL, **OWN, **AUGMENTED})
    model = build(config, NAMES, code)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 12, 16, 1), dtype=np.uint8)
    seen = keras.Model(model.inputs[0], model.get_layer("pixels").output)
    assert np.array_equal(np.asarray(seen(pixels, training=False)), pixels)
    changed = np.asarray(seen(pixels, training=True))
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, pixels)


def test_mixed_precision_reaches_the_layers(keras: Any, code: Path) -> None:
    from trainer.model import all_layers, build

    model = build(TrainConfig.of({**SMALL, **OWN, "mixed_precision": True}), NAMES, code)
    policies = {layer.name.rpartition("_")[0] or layer.name: layer.dtype_policy.name for layer in all_layers(model)}
    assert "mixed_bfloat16" in policies.values()
    assert keras.config.dtype_policy().name == "float32"
    assert model.output.dtype == "float32"


def test_a_file_of_weights_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "cells.h5").write_bytes(b"weights")
    config = OwnConfig(TrainConfig.of(OWN), "model", tmp_path)
    assert config.file("cells.h5").read_bytes() == b"weights"
    with pytest.raises(FileNotFoundError) as raised:
        config.file("other.h5")
    expected = "the study has no file other.h5; it has: cells.h5 (see `files` in the study file)"
    assert str(raised.value) == expected


def test_settings_and_parameters_are_read_and_not_written(tmp_path: Path) -> None:
    config = OwnConfig(TrainConfig.of({**OWN, "model.name": "wide", "depth": 3}), "model", tmp_path)
    assert (config.model.units, config.model.name, config.depth, dict(config.model)) == (
        4, "wide", 3, {"units": 4, "name": "wide"},
    )  # fmt: skip
    for change in (lambda: setattr(config, "depth", 4), lambda: setattr(config.model, "units", 8)):
        with pytest.raises(AttributeError, match="cannot be set: the study says what it is"):
            change()


def test_code_that_fails_in_a_training_fails_that_trial(new_slot: Slot) -> None:
    last = new_slot.train(model="my_model.py:build")[-1]  # without its parameter
    assert isinstance(last, Failed)
    expected = (
        "OwnCodeError: my_model.py, line 8: AttributeError: the study declares no parameter model.units; it declares: "
        "none"
    )
    assert (last.kind, last.message) == ("error", expected)
