"""What is wrong with code of one's own is said with file and line, before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.conftest import SMALL
from tests.trainer.own.files import AUGMENTED, OWN, write
from trainer.config import TrainConfig
from trainer.events import Checked

NAMES = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE")
PREFIX = "import keras\nimport numpy as np\n\n\n"
HEAD = """\
def build(config, input_shape, class_names):
    units = config.model.units
    images = keras.Input(input_shape, dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(images))
"""


def check(folder: Path, *changes: dict[str, Any]) -> Checked:
    from trainer.own.check import check

    return check([TrainConfig.of({**SMALL, **change}) for change in changes], NAMES, folder)


def problems(folder: Path, text: str, **change: Any) -> list[str]:
    """Of a file `wrong.py` of this text."""
    (folder / "wrong.py").write_text(text)
    return check(folder, {**OWN, "model": "wrong.py:build", **change}).problems


def test_code_that_is_right(keras: Any, tmp_path: Path) -> None:
    checked = check(write(tmp_path), {**OWN, **AUGMENTED}, {**OWN, "model.units": 8}, AUGMENTED)
    assert checked.problems == []
    (model,) = checked.models
    assert (model.name, model.parameters) == ("my_model.py:build", 4 * 10 + 4 * 4 + 5 * 3)
    kinds = [(layer.kind, layer.shape, layer.parameters) for layer in model.layers if layer.kind in ("Scale", "Conv2D")]
    assert kinds == [("Scale", "12 × 16 × 1", 0), ("Conv2D", "10 × 14 × 4", 40)]
    assert not list(tmp_path.glob("__pycache__"))


WRONG = {
    "raises on import": (PREFIX + "1 / 0\n", "wrong.py, line 5: ZeroDivisionError: division by zero"),
    "is no Python": (PREFIX + "def build(:\n", "wrong.py, line 5: SyntaxError: invalid syntax"),
    "imports what is not there": (
        "import nothing_of_this_name\n",
        "wrong.py, line 1: ModuleNotFoundError: No module named 'nothing_of_this_name'; if it is a file of your own "
        'beside the study\'s, list it there: files = ["nothing_of_this_name.py"]',
    ),
    "has no such function": (
        PREFIX + "def make(config):\n    pass\n",
        "wrong.py: there is no function build; there are: make",
    ),
    "forgets an argument": (
        PREFIX + "def build(config, input_shape):\n    pass\n",
        "wrong.py, line 5: build takes (config, input_shape); it is called with (config, input_shape, class_names)",
    ),
    "returns nothing": (
        PREFIX + HEAD + "    keras.Model(images, keras.layers.Dense(3)(x))\n",
        "wrong.py, line 5: a keras.Model is to be returned; found nothing (is `return` missing?)",
    ),
    "has too many outputs": (
        PREFIX + HEAD + "    return keras.Model(images, keras.layers.Dense(10)(x))\n",
        "wrong.py, line 5: for images of 12x16x1 the model gives an output of shape (None, 10); allowed: one output of "
        "shape (None, 3), a logit for each class",
    ),
    "has two outputs": (
        PREFIX + HEAD + "    return keras.Model(images, [keras.layers.Dense(3)(x), keras.layers.Dense(3)(x)])\n",
        "wrong.py, line 5: for images of 12x16x1 the model gives 2 outputs; allowed: one output of shape (None, 3), a "
        "logit for each class",
    ),
    "ends with a softmax": (
        PREFIX + HEAD + '    return keras.Model(images, keras.layers.Dense(3, activation="softmax")(x))\n',
        "wrong.py, line 5: the model gives probabilities, as after a softmax; leave the softmax out: logits are wanted",
    ),
    "is another model each time": (
        PREFIX
        + HEAD
        + "    start = keras.initializers.Constant(np.random.default_rng().normal())\n"
        + '    return keras.Model(images, keras.layers.Dense(3, name="end", kernel_initializer=start)(x))\n',
        "wrong.py, line 5: built twice with one seed, the model has other weights (first in end/kernel); take random "
        "numbers from Keras, or from config.seed",
    ),
    "has nothing to train": (
        PREFIX + HEAD + "    return keras.Model(images, x[:, :3])\n",
        "wrong.py, line 5: the model has no weights that can be trained",
    ),
    "reads what is not declared": (
        PREFIX + HEAD.replace("model.units", "model.width") + "    return None\n",
        "wrong.py, line 6: AttributeError: the study declares no parameter model.width; it declares: model.units",
    ),
    "reads what is no setting": (
        PREFIX + HEAD.replace("config.model.units", "config.momentum") + "    return None\n",
        "wrong.py, line 6: AttributeError: there is no setting momentum; there are: trial, model, learning_rate, ",
    ),
    "never reads its parameter": (
        PREFIX + HEAD.replace("config.model.units", "4") + "    return keras.Model(images, keras.layers.Dense(3)(x))\n",
        "wrong.py:build: config.model.units is never read, so that its value would change nothing",
    ),
    "takes another shape": (
        PREFIX + HEAD.replace("Input(input_shape", "Input((8, 8, 1)") + "    return keras.Model(images, x)\n",
        "wrong.py, line 5: ValueError: Input",
    ),
    "makes no numbers": (
        PREFIX + HEAD + "    return keras.Model(images, keras.ops.log(-keras.layers.Dense(3)(x) ** 2 - 1))\n",
        "wrong.py, line 5: of noise the model makes numbers that are not finite",
    ),
    "cannot be saved": (
        PREFIX
        + HEAD
        + "    x = keras.layers.Lambda(lambda x: x * 2)(x)\n"
        + "    return keras.Model(images, keras.layers.Dense(3)(x))\n",
        "wrong.py, line 5, saved and loaded: ValueError: ",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_model_that(keras: Any, tmp_path: Path, what: str) -> None:
    text, expected = WRONG[what]
    found = problems(tmp_path, text)
    assert found
    assert found[0].startswith(expected), found


def test_a_file_that_is_not_there(keras: Any, tmp_path: Path) -> None:
    assert check(tmp_path, OWN).problems == [f"my_model.py: there is no such file in {tmp_path}"]


def test_a_file_whose_name_is_a_modules(keras: Any, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("")
    expected = "json.py: Python has a module json already, or cannot name one so; rename the file"
    assert check(tmp_path, {"model": "json.py:build"}).problems == [expected]


AUGMENTATION = PREFIX + "def build(config, input_shape):\n    units = config.augmentation.amount\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "    return 3\n",
            "wrong.py, line 5: a keras.layers.Layer is to be returned; found a int",
        ),
        (
            "    return keras.layers.CenterCrop(8, 8)\n",
            "wrong.py, line 5: for images of 12x16x1 the augmentation gives an output of shape (None, 8, 8, 1); "
            "allowed: images of the same shape",
        ),
        (
            "    return keras.layers.Rescaling(0.5)\n",
            "wrong.py, line 5: the augmentation changes images in inference too; it must look at `training`",
        ),
    ],
)
def test_an_augmentation_that_is_none(keras: Any, tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "wrong.py").write_text(AUGMENTATION + text)
    assert check(tmp_path, {**AUGMENTED, "augmentation": "wrong.py:build"}).problems == [expected]


def test_a_slot_answers(keras: Any, tmp_path: Path) -> None:
    from trainer.own.check import answer

    config = TrainConfig.of({**SMALL, **OWN}).model_dump(mode="json")
    line = json.dumps({"check": {"configs": [config], "class_names": NAMES}})
    assert answer(line, write(tmp_path)).models[0].name == "my_model.py:build"
    assert answer('{"check": {}}', tmp_path).problems[0].startswith("the request to check code cannot be read: ")
