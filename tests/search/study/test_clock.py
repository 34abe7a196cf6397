"""`epochs_after_start` and `evaluate_last` in a study: its file, its changes, its estimate and its meaning."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from search.errors import StudyFileError
from search.study import Study
from search.study.cost import estimate
from search.study.design import config_of, plan
from search.study.diff import meaning_diff
from search.study.toml_file import load_study

TEXT = """
question = "What does the pooling do?"
seeds = 2
[scientific.pooling]
levels = ["max", "average"]
reference = "max"
[fixed]
epochs = 120
epochs_after_start = 20
evaluate_last = 5
"""


def study(folder: Path, text: str = TEXT) -> Study:
    path = folder / "pooling.toml"
    path.write_text(text)
    return load_study(str(path))


def clock(found: Study) -> tuple[Any, Any, Any]:
    config = found.base_config()
    return config.epochs, config.epochs_after_start, config.evaluate_last


def test_every_trial_has_it(tmp_path: Path) -> None:
    found = study(tmp_path)
    configs = [config_of(found, trial.params, "t") for trial in plan(found)]
    assert {(c.epochs, c.epochs_after_start, c.evaluate_last) for c in configs} == {(120, 20, 5)}


def test_epochs_of_the_command_line_are_the_most_that_there_may_be(tmp_path: Path) -> None:
    assert clock(study(tmp_path).override(epochs=60)) == (60, 20, 5)
    assert clock(study(tmp_path).override(fixed={"epochs_after_start": "10"})) == (120, 10, 5)


def test_the_clock_can_be_taken_off_and_put_on(tmp_path: Path) -> None:
    off = study(tmp_path).override(epochs=9, fixed={"epochs_after_start": "none"})
    assert clock(off) == (9, None, 5)
    assert "epochs_after_start" not in off.fixed
    assert clock(off.override(fixed={"epochs_after_start": "none"})) == (9, None, 5), "it was off"
    plain = study(tmp_path, TEXT.replace("epochs_after_start = 20\nevaluate_last = 5\n", ""))
    assert clock(plain) == (120, None, 1)
    assert clock(plain.override(fixed={"epochs_after_start": "20"})) == (120, 20, 1)


def test_none_is_no_value_of_a_setting_that_is_always_on(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match=r'--set evaluate_last: found "none"; allowed: a whole number'):
        study(tmp_path).override(fixed={"evaluate_last": "none"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 20}, "epochs_after_start 20 leaves none of 20 epochs to start in; allowed: below epochs"),
        (
            {"fixed": {"early_stopping_patience": "3"}},
            "epochs_after_start and early_stopping_patience both say when a training ends; allowed: one of the two",
        ),
        (
            {"fixed": {"epochs_after_start": "4"}},
            "evaluate_last 5 is more than epochs_after_start; allowed: 1 to 4",
        ),
    ],
)
def test_what_contradicts_it_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyFileError) as raised:
        study(tmp_path).override(**changes)
    assert str(raised.value).endswith(f"fixed: {message}")


def test_the_quick_form_is_shorter_on_both_sides_of_the_start(tmp_path: Path) -> None:
    assert clock(study(tmp_path).quick()) == (40, 10, 5)
    small = TEXT.replace("120", "8").replace("= 20", "= 3").replace("evaluate_last = 5", "evaluate_last = 2")
    assert clock(study(tmp_path, small).quick()) == (8, 3, 2)
    assert clock(study(tmp_path, TEXT.replace("evaluate_last = 5", "evaluate_last = 20")).quick()) == (40, 10, 10)
    plain = TEXT.replace("epochs_after_start = 20\nevaluate_last = 5\n", "")
    assert {"epochs_after_start", "evaluate_last"}.isdisjoint(study(tmp_path, plain).quick().fixed)


def test_the_estimate_is_of_the_most_that_it_can_take(tmp_path: Path) -> None:
    index: Any = SimpleNamespace(sides=["TRAIN"] * 2000 + ["TEST"] * 400, files=["f"] * 2400)
    plain = TEXT.replace("epochs_after_start = 20\nevaluate_last = 5\n", "")
    fixed, clocked = (estimate(study(tmp_path, text), index, 2, on_gpu=False) for text in (plain, TEXT))
    assert fixed.startswith("about ")
    assert clocked.startswith("at most about ")


def test_evaluating_several_epochs_takes_its_time(tmp_path: Path) -> None:
    index: Any = SimpleNamespace(sides=["TRAIN"] * 2000 + ["TEST"] * 400, files=["f"] * 2400)
    often = TEXT.replace("epochs = 120\nepochs_after_start = 20\nevaluate_last = 5", "epochs = 5\nevaluate_last = 5")
    once = often.replace("evaluate_last = 5", "")
    assert len({estimate(study(tmp_path, text), index, 2, on_gpu=False) for text in (once, often)}) == 2


def test_it_changes_what_trials_mean(tmp_path: Path) -> None:
    plain = study(tmp_path, TEXT.replace("epochs_after_start = 20\nevaluate_last = 5\n", "")).canonical()
    old = {
        **plain,
        "fixed": {k: v for k, v in plain["fixed"].items() if k not in ("epochs_after_start", "evaluate_last")},
    }
    assert meaning_diff(old, plain) == [], "a study of an earlier version goes on"
    assert meaning_diff(old, study(tmp_path).canonical()) == [
        "fixed.epochs_after_start: none -> 20",
        "fixed.evaluate_last: none -> 5",
    ]
    assert meaning_diff(study(tmp_path).canonical(), plain) == [
        "fixed.epochs_after_start: 20 -> none",
        "fixed.evaluate_last: 5 -> 1",
    ]
