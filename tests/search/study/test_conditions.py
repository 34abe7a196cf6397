"""Conditional parameters of a search: what is proposed, what a training has elsewhere, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from search.controller.images import image_sizes
from search.errors import StudyFileError
from search.study import Study
from search.study.conditions import active, condition_text, holds, in_order, is_whole
from search.study.design import config_of, plan, reference_params
from search.study.diff import meaning_diff
from search.study.space import Levels, Range

SEARCH = """\
question = "Which model is the best?"

[search]
n_trials = 20

[scientific.width]
low = 2
high = 4
when = {depth = [3, 4, 5, 6]}

[scientific.depth]
low = 1
high = 6

[scientific.pooling]
levels = ["max", "average"]
"""


def mistakes(load: Callable[[str], Study], text: str) -> list[str]:
    with pytest.raises(StudyFileError) as raised:
        load(text)
    return [re.sub(r"^.*?\.toml:", "", line) for line in raised.value.mistakes]


def test_what_is_proposed_beside_what(load: Callable[[str], Study]) -> None:
    specs = load(SEARCH).scientific
    assert in_order(specs) == ["depth", "width", "pooling"]
    assert holds(specs["width"], {"depth": 3}) and not holds(specs["width"], {"depth": 2})
    assert not holds(specs["width"], {}), "a parameter that is not proposed meets no condition"
    assert active(specs, {"width": 2, "depth": 2, "pooling": "max"}) == {"depth": 2, "pooling": "max"}
    assert is_whole(specs, {"depth": 2, "pooling": "max"})
    assert not is_whole(specs, {"depth": 3, "pooling": "max"}), "width is missing"
    assert condition_text(specs["width"]) == "where depth is 3, 4, 5 or 6"
    assert condition_text(specs["depth"]) == ""


def test_conditions_in_a_row() -> None:
    specs = {
        "c": Levels(levels=(1, 2), when={"b": (2,)}),
        "b": Levels(levels=(1, 2), when={"a": (2,)}),
        "a": Levels(levels=(1, 2)),
    }
    assert in_order(specs) == ["a", "b", "c"]
    assert active(specs, {"a": 1, "b": 2, "c": 2}) == {"a": 1}
    assert active(specs, {"a": 2, "b": 2, "c": 2}) == {"a": 2, "b": 2, "c": 2}
    both = Range(low=1, high=4, when={"a": (1,), "b": (2,)})
    assert holds(both, {"a": 1, "b": 2}) and not holds(both, {"a": 1, "b": 1})
    assert condition_text(both) == "where a is 1 and b is 2"


def test_elsewhere_it_has_its_fixed_value_or_the_reference_models(load: Callable[[str], Study]) -> None:
    params = {"depth": 2, "pooling": "max", "seed": 1}
    base = load(SEARCH).base_config()
    assert config_of(load(SEARCH), params, "t-0").width == base.width == 2  # next to the reference model's, which is 1
    assert config_of(load(SEARCH), {**params, "depth": 3, "width": 3}, "t-0").width == 3
    fixed = load(SEARCH + "\n[fixed]\nwidth = 1\n")
    assert config_of(fixed, params, "t-0").width == fixed.base_config().width == 1
    assert config_of(fixed, {**params, "depth": 3, "width": 3}, "t-0").width == 3
    assert fixed.canonical()["fixed"]["width"] == 1
    other = load(SEARCH + "\n[fixed]\nwidth = 3\n")
    assert meaning_diff(fixed.canonical(), other.canonical()) == ["fixed.width: 1.0 -> 3.0"]


def test_a_parameter_of_ones_own_model_may_be_conditional(load: Callable[[str], Study], tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text("def build(config, input_shape, class_names): ...\n")
    head = 'question = "?"\n[search]\nn_trials = 9\n[scientific.learning_rate]\nlevels = [0.001, 0.01]\n'
    own = '[scientific."model.units"]\nlow = 8\nhigh = 64\nwhen = {learning_rate = 0.001}\n'
    study = load(f'{head}{own}[fixed]\nmodel = "my_model.py:build"\n')
    assert config_of(study, {"learning_rate": 0.01}, "t-0", 0).model_extra == {"model.units": 8}
    told = load(f'{head}{own}[fixed]\nmodel = "my_model.py:build"\n"model.units" = 4\n')
    assert config_of(told, {"learning_rate": 0.01}, "t-0", 0).model_extra == {"model.units": 4}
    assert config_of(told, {"learning_rate": 0.001, "model.units": 16}, "t-0", 0).model_extra == {"model.units": 16}


def test_the_reference_model_is_asked_about_without_what_is_not_proposed(load: Callable[[str], Study]) -> None:
    beyond = SEARCH.replace("[3, 4, 5, 6]", "[5, 6]")
    assert reference_params(load(beyond)) == {"depth": 4, "pooling": "max"}
    assert [trial.params for trial in plan(load(beyond))] == [{"depth": 4, "pooling": "max"}]
    assert reference_params(load(SEARCH)) is None, "with 4 blocks a width is proposed, and never the reference model's"


def test_a_condition_is_part_of_what_trials_mean_and_old_searches_have_none(load: Callable[[str], Study]) -> None:
    before, after = load(SEARCH).canonical(), load(SEARCH.replace("[3, 4, 5, 6]", "[3, 4]")).canonical()
    assert meaning_diff(before, after) == ["scientific.width.when.depth: [3, 4, 5, 6] -> [3, 4]"]
    plain = load(SEARCH.replace("when = {depth = [3, 4, 5, 6]}\n", "")).canonical()
    assert "when" not in plain["scientific"]["width"] and "width" not in plain["fixed"]


def test_image_sizes_of_both_are_decoded(load: Callable[[str], Study]) -> None:
    text = (
        SEARCH
        + "\n[scientific.image_height]\nlevels = [64, 96]\nwhen = {pooling = 'max'}\n[fixed]\nimage_height = 128\n"
    )
    assert {size.height for size in image_sizes(load(text))} == {64, 96, 128}


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (
            "{depth = [3, 7]}",
            ["9: scientific.width.when.depth[1]: found 7; allowed: whole numbers from 1 to 6, as depth has"],
        ),
        (
            "{depth = [3.5]}",
            ["9: scientific.width.when.depth[0]: found 3.5; allowed: whole numbers from 1 to 6, as depth has"],
        ),
        (
            '{pooling = ["max", "blur"]}',
            ['9: scientific.width.when.pooling[1]: found "blur"; allowed: ["max", "average"], the levels of pooling'],
        ),
        (
            "{dropout_rate = [0.5]}",
            [
                '9: scientific.width.when.dropout_rate: "dropout_rate" is none that this search proposes; allowed: one '
                "of the other parameters of the search: depth, pooling"
            ],
        ),
        (
            "{width = [2]}",
            [
                '9: scientific.width.when.width: "width" is the parameter itself; allowed: one of the other parameters '
                "of the search: depth, pooling"
            ],
        ),
        (
            "3",
            [
                "9: scientific.width.when: found 3; allowed: a table of parameters with the values at which this one "
                "is proposed: {depth = [3, 4]}"
            ],
        ),
        (
            "{depth = []}",
            [
                '9: scientific.width.when: found {"depth": []}; allowed: a table of parameters with the values at '
                "which this one is proposed: {depth = [3, 4]}"
            ],
        ),
        (
            '{depth = [0], pooling = "blur"}',
            [
                "9: scientific.width.when.depth[0]: found 0; allowed: whole numbers from 1 to 6, as depth has",
                '9: scientific.width.when.pooling[0]: found "blur"; allowed: ["max", "average"], the levels of pooling',
            ],
        ),
    ],
)
def test_what_no_condition_can_be(load: Callable[[str], Study], when: str, expected: list[str]) -> None:
    assert mistakes(load, SEARCH.replace("{depth = [3, 4, 5, 6]}", when)) == expected


def test_circles_are_refused_once_each(load: Callable[[str], Study]) -> None:
    text = SEARCH.replace("low = 1\nhigh = 6", "low = 1\nhigh = 6\nwhen = {pooling = 'max'}")
    text = text.replace('levels = ["max", "average"]', 'levels = ["max", "average"]\nwhen = {width = 2}')
    text = text.replace("low = 2\nhigh = 4", "levels = [2, 4]")
    assert mistakes(load, text) == [
        "8: scientific.width.when: a circle: width -> depth -> pooling -> width; allowed: conditions that end at a "
        "parameter without one"
    ]


def test_real_numbers_meet_no_condition(load: Callable[[str], Study]) -> None:
    text = SEARCH.replace("{depth = [3, 4, 5, 6]}", "{learning_rate = [0.001]}")
    text += "\n[scientific.learning_rate]\nlow = 1e-4\nhigh = 1e-2\nlog = true\n"
    assert mistakes(load, text) == [
        "9: scientific.width.when.learning_rate: learning_rate has real numbers, of which none is met; allowed: "
        "levels, or whole numbers"
    ]


def test_a_question_has_no_conditions(load: Callable[[str], Study]) -> None:
    question = 'question = "?"\nseeds = 5\n[scientific.pooling]\nlevels = ["max", "average"]\nreference = "max"\n'
    assert mistakes(load, question + "when = {depth = [3]}\n") == [
        "6: scientific.pooling.when: a parameter of a question is trained at each of its values; when = {...} needs a "
        "[search]"
    ]


def test_pairs_that_no_trial_has_are_not_checked(load: Callable[[str], Study]) -> None:
    """Six blocks halve 32 pixels to nothing; where images are small only with few blocks, no trial is so."""
    text = SEARCH + "\n[scientific.image_height]\nlevels = [32, 128]\n"
    assert any(line.startswith("13: scientific.depth.high") for line in mistakes(load, text))
    only = text.replace("levels = [32, 128]", "levels = [32, 128]\nwhen = {depth = [1, 2]}")
    only += "[fixed]\nimage_height = 128\n"
    assert load(only).scientific["image_height"].when == {"depth": (1, 2)}
