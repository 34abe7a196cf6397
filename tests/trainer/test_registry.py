"""The table behind every vocabulary: what it takes, in which order, and how it says no."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from trainer.config import TrainConfig, vocabulary_of
from trainer.errors import ConfigError
from trainer.registry import OneOf, Registry, UnknownNameError
from trainer.vocabulary import AUGMENTATIONS, HEADS, MODELS, NORMALIZATIONS, OPTIMIZERS, POOLINGS

README = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")


@pytest.fixture
def colours() -> Registry[int]:
    registry = Registry[int]("colour")
    for number, name in enumerate(("red", "blue", "green")):
        registry.register(name, number)
    return registry


def test_names_stand_in_the_order_in_which_they_came(colours: Registry[int]) -> None:
    assert list(colours.items()) == [("red", 0), ("blue", 1), ("green", 2)]
    assert colours.listed() == '"red", "blue" or "green"'
    assert colours.listed("'", "and") == "'red', 'blue' and 'green'"


def test_an_unknown_name_is_refused_with_the_list(colours: Registry[int]) -> None:
    with pytest.raises(UnknownNameError) as raised:
        colours["pink"]
    assert str(raised.value) == "'pink' is no colour; allowed: red, blue, green"
    assert "pink" not in colours
    assert colours.get("pink") is None


def test_a_name_is_taken_once(colours: Registry[int]) -> None:
    with pytest.raises(ValueError, match="the colour 'red' is registered already"):
        colours.register("red", 9)
    assert colours["red"] == 0


def test_an_entry_for_a_while(colours: Registry[int]) -> None:
    while_there = []

    def fail() -> None:
        with colours.registered("pink", 3):
            while_there.extend(colours)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert while_there == ["red", "blue", "green", "pink"]
    assert list(colours) == ["red", "blue", "green"]


@pytest.mark.parametrize("strict", [False, True])
def test_a_field_takes_what_is_registered_when_it_is_validated(colours: Registry[int], strict: bool) -> None:
    class Car(BaseModel):
        model_config = ConfigDict(strict=strict)
        colour: Annotated[str, OneOf(colours)]

    for wrong in ("pink", 3, None, ["red"], {"red": 1}):
        with pytest.raises(ValidationError) as raised:
            Car.model_validate({"colour": wrong})
        (error,) = raised.value.errors()
        assert error["msg"] == "Input should be 'red', 'blue' or 'green'"
    with colours.registered("pink", 3):
        assert Car.model_validate_json('{"colour": "pink"}').model_dump() == {"colour": "pink"}


@pytest.mark.parametrize(
    ("name", "registry"),
    [
        ("pooling", POOLINGS),
        ("normalization", NORMALIZATIONS),
        ("head", HEADS),
        ("augmentation", AUGMENTATIONS),
        ("optimizer", OPTIMIZERS),
        ("model", MODELS),
    ],
)
def test_the_settings_that_take_names(name: str, registry: Registry[Any]) -> None:
    assert vocabulary_of(name) is registry
    for allowed in registry:
        assert getattr(TrainConfig.of({name: allowed}), name) == allowed
    with pytest.raises(ConfigError) as raised:
        TrainConfig.of({name: "l2"})
    names = registry.listed("'")
    if name in ("augmentation", "model"):  # which may be code of one's own
        names = ", ".join(f"'{allowed}'" for allowed in registry) + " or 'FILE.py:FUNCTION'"
        assert getattr(TrainConfig.of({name: "mine.py:build"}), name) == "mine.py:build"
    assert str(raised.value) == f"{name}: Input should be {names} (found 'l2')"
    assert all(getattr(entry, "cost", 1) >= 1 and entry.words for entry in registry.values())


def test_numbers_have_no_vocabulary() -> None:
    assert vocabulary_of("depth") is None
    assert vocabulary_of("no such setting") is None


@pytest.mark.parametrize(("study", "registry"), [("pooling", POOLINGS), ("augmentation", AUGMENTATIONS)])
def test_the_readme_lists_every_name(study: str, registry: Registry[Any]) -> None:
    row = re.search(rf"^\| `{study}` \|[^|]*\|([^|]*)\|$", README, re.MULTILINE)
    assert row is not None
    assert row[1].replace("*", "").strip().split(", ") == list(registry)
