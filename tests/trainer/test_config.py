"""What a TrainConfig takes, and how it says no."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.config import TrainConfig
from trainer.errors import ConfigError


def refusal(values: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as raised:
        TrainConfig.of(values)
    return str(raised.value)


def test_the_defaults_are_the_reference_model() -> None:
    config = TrainConfig()
    assert (config.image_height, config.image_width, config.color, config.depth, config.width) == (
        120,
        160,
        False,
        4,
        1,
    )
    assert (config.pooling, config.normalization, config.head) == ("max", "lrn", "flatten")
    assert (config.optimizer, config.learning_rate, config.batch_size) == ("adam", 0.0005, 100)
    assert (config.dropout_rate, config.augmentation, config.mixed_precision) == (0, "none", False)
    assert (config.early_stopping_patience, config.epochs_after_start, config.evaluate_last) == (None, None, 1)


def test_a_config_survives_its_line() -> None:
    config = TrainConfig(trial="pooling-3@s1", learning_rate=1e-4, depth=6, early_stopping_patience=5)
    assert TrainConfig.parse(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"depth": 0}, "depth: Input should be greater than or equal to 1 (found 0)"),
        ({"width": 4.1}, "width: Input should be less than or equal to 4 (found 4.1)"),
        ({"dropout_rate": 0.95}, "dropout_rate: Input should be less than or equal to 0.9 (found 0.95)"),
        ({"learning_rate": 0}, "learning_rate: Input should be greater than 0 (found 0)"),
        ({"learning_rate": float("nan")}, "learning_rate: Input should be a finite number (found nan)"),
        ({"pooling": "mean"}, "pooling: Input should be 'max', 'average', 'strided' or 'blur' (found 'mean')"),
        ({"lr": 0.1}, "lr: Extra inputs are not permitted (found 0.1)"),
        ({"trial": "../x"}, r"trial: String should match pattern '^[\w.@-]*$' (found '../x')"),
        (
            {"depth": 4, "image_height": 8},
            "the whole: depth 4 halves an image of 8x160 pixels to nothing; at most 3 for this size",
        ),
        (
            {"train_on_validation": True, "early_stopping_patience": 3},
            "the whole: early_stopping_patience needs photographs that are not trained on; train_on_validation leaves "
            "none",
        ),
        (
            {"epochs_after_start": 5, "early_stopping_patience": 3},
            "the whole: epochs_after_start and early_stopping_patience both say when a training ends; allowed: one of "
            "the two",
        ),
        (
            {"epochs_after_start": 20, "epochs": 20},
            "the whole: epochs_after_start 20 leaves none of 20 epochs to start in; allowed: below epochs",
        ),
        (
            {"evaluate_last": 5, "early_stopping_patience": 3},
            "the whole: evaluate_last 5 with early_stopping_patience, which measures the weights of the best epoch "
            "alone; allowed: 1",
        ),
        ({"evaluate_last": 5, "epochs": 4}, "the whole: evaluate_last 5 is more than epochs; allowed: 1 to 4"),
        (
            {"evaluate_last": 5, "epochs_after_start": 3},
            "the whole: evaluate_last 5 is more than epochs_after_start; allowed: 1 to 3",
        ),
    ],
)
def test_each_rule_says_what_it_found(values: dict[str, object], message: str) -> None:
    assert refusal(values) == message


def test_all_mistakes_at_once() -> None:
    assert refusal({"depth": 9, "epochs": 0, "colour": 1}).splitlines() == [
        "epochs: Input should be greater than or equal to 1 (found 0)",
        "depth: Input should be less than or equal to 6 (found 9)",
        "colour: Extra inputs are not permitted (found 1)",
    ]


def test_long_values_are_cut() -> None:
    assert len(refusal({"pooling": "x" * 10_000})) < 200


def test_the_depth_that_just_fits_is_taken() -> None:
    assert TrainConfig(depth=3, image_height=8, image_width=15).depth == 3
    assert TrainConfig(depth=6, image_height=64, image_width=64).depth == 6


@given(st.one_of(st.text(), st.binary(), st.recursive(st.none() | st.text() | st.floats(), st.lists).map(json.dumps)))
def test_no_text_does_more_than_refuse(text: str | bytes) -> None:
    with pytest.raises(ConfigError):
        TrainConfig.parse(text)


def test_the_ways_to_resize() -> None:
    assert TrainConfig().resize == "stretch"
    assert [TrainConfig.of({"resize": way}).resize for way in ("stretch", "crop", "pad")] == ["stretch", "crop", "pad"]
    with pytest.raises(ConfigError, match=r"resize: Input should be 'stretch', 'crop' or 'pad' \(found 'squeeze'\)"):
        TrainConfig.of({"resize": "squeeze"})


def test_parameters_of_ones_own_are_settings() -> None:
    own = {
        "model": "mine.py:build",
        "model.units": 8,
        "augmentation.amount": 0.5,
        "model.name": "wide",
        "model.on": True,
    }
    config = TrainConfig.of(own)
    assert config.model_dump(exclude_defaults=True) == own
    assert TrainConfig.parse(config.model_dump_json()) == config
    assert getattr(config, "model.units") == 8
    assert config.graph() != TrainConfig.of({**own, "model.units": 9}).graph()
    assert config.uses_own_code
    assert not TrainConfig().uses_own_code
    assert TrainConfig.of({"model": "mine.py:build", "image_height": 8, "image_width": 8}).depth == 4  # says nothing


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"model.units": [1]}, "model.units: Input should be a text, a number, true or false"),
        ({"model.units": math.inf}, "model.units: Input should be a text, a number, true or false"),
        ({"model.two words": 1}, "model.two words: Extra inputs are not permitted (found 1)"),
        ({"pooling.size": 3}, "pooling.size: Extra inputs are not permitted (found 3)"),
        ({"model": "mine.py"}, "model: Input should be 'reference' or 'FILE.py:FUNCTION' (found 'mine.py')"),
        (
            {"model": "../mine.py:build"},
            "model: Input should be 'reference' or 'FILE.py:FUNCTION' (found '../mine.py:build')",
        ),
    ],
)
def test_what_is_no_parameter_of_ones_own(changes: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ConfigError) as raised:
        TrainConfig.of(changes)
    assert str(raised.value) == mistake
