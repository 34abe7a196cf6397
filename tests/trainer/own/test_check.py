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


POOLINGS = ("max", "blur")


def reading(*lines: str) -> str:
    """A model's file whose function begins with these lines."""
    head = HEAD.replace("    units = config.model.units\n", "".join(f"    {line}\n" for line in lines))
    return PREFIX + head + "    return keras.Model(images, keras.layers.Dense(3)(x))\n"


def compared(folder: Path, text: str, name: str, *values: Any) -> list[str]:
    """Of a study that varies one setting, and trains a file of this text."""
    (folder / "mine.py").write_text(text)
    return check(folder, *({"model": "mine.py:build", name: value} for value in values)).problems


COPIES = (
    "mine.py, line 5: build never reads config.pooling, which the study varies (max, blur): its trials would compare "
    'copies of one model; allowed: to read it, to vary a parameter of its own ("model.NAME")'
)
APPLIED = ", or a setting that the trainer applies itself, as learning_rate, batch_size or optimizer"


def test_a_study_would_compare_copies_of_a_model(keras: Any, tmp_path: Path) -> None:
    assert compared(tmp_path, reading(), "pooling", "max", "blur") == [COPIES + APPLIED]


def test_what_the_function_reads_is_allowed_and_told(keras: Any, tmp_path: Path) -> None:
    text = reading("config.dropout_rate, config.learning_rate, config.depth")
    told = " or a setting that it reads (depth, dropout_rate)"
    assert compared(tmp_path, text, "pooling", "max", "blur") == [COPIES + told + APPLIED]


@pytest.mark.parametrize("name", ["learning_rate", "augmentation", "color", "class_weight", "optimizer"])
def test_what_the_trainer_applies_needs_no_reading(keras: Any, tmp_path: Path, name: str) -> None:
    values = {
        "learning_rate": (0.1, 0.2), "augmentation": ("none", "flip"), "color": (False, True),
        "class_weight": ("none", "balanced"), "optimizer": ("adam", "sgd"),
    }  # fmt: skip
    assert compared(tmp_path, reading(), name, *values[name]) == []


@pytest.mark.parametrize(
    "line",
    [
        "config.pooling",
        'getattr(config, "pooling")',
        "dict(config.model_dump())",
        "vars(config)",
        "from trainer.vocabulary import POOLINGS; (lambda whole: POOLINGS[whole.pooling])(config)",
    ],
)
def test_however_a_setting_is_read(keras: Any, tmp_path: Path, line: str) -> None:
    assert compared(tmp_path, reading(line), "pooling", "max", "blur") == []


def test_of_two_models_each_reads_for_itself(keras: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(reading())
    (tmp_path / "other.py").write_text(reading("config.pooling"))
    models = [{"model": f"{stem}.py:build", "pooling": pooling} for stem in ("mine", "other") for pooling in POOLINGS]
    assert check(tmp_path, *models).problems == [COPIES + APPLIED]
    assert check(tmp_path, *models[1:]).problems == [], "one pooling alone is no comparison"


def test_a_study_would_compare_copies_of_an_augmentation(keras: Any, tmp_path: Path) -> None:
    configs = [{**AUGMENTED, "augmentation_strength": strength} for strength in (0.5, 1.0)]
    assert check(write(tmp_path), *configs).problems == [
        "my_augmentation.py, line 20: build never reads config.augmentation_strength, which the study varies (0.5, "
        "1.0): its trials would compare copies of one augmentation; allowed: to read it, to vary a parameter of its "
        'own ("augmentation.NAME")' + APPLIED
    ]


def test_the_trainers_own_model_reads_what_a_function_in_its_place_must(keras: Any) -> None:
    """Settings of layers that `trainer.model.build` learns of later belong to the table as well."""
    from trainer.model.build import _reference
    from trainer.own.parameters import OF_THE_BUILT_IN, OwnConfig, reads_noted

    config = TrainConfig.of({**SMALL, "model": "mine.py:build", "normalization": "lrn", "dropout_rate": 0.1})
    with reads_noted() as read:
        _reference(keras.Input((12, 16, 1)), OwnConfig(config, "model", Path()), 3, "float32")  # type: ignore[arg-type]
    assert read == {("mine.py:build", name) for name in OF_THE_BUILT_IN["model"]}
