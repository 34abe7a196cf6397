"""Looks in a study file: where they stand, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from search.answer.statistics.simultaneous import SEEDS_TO_CLAIM, SIGNIFICANT
from search.errors import StudyFileError
from search.study import Study
from search.study.design import is_at_most, plan, trial_count
from search.study.diff import meaning_diff
from search.study.looks import ALPHA, FIRST, looks_between

POOLING = """\
question = "What does the pooling do?"
seeds = "5 to 20"

[scientific.pooling]
levels = ["max", "average", "blur"]
reference = "max"
"""


def test_nothing_is_claimed_before_the_first_look_nor_at_another_level() -> None:
    assert (FIRST, ALPHA) == (SEEDS_TO_CLAIM, SIGNIFICANT)


@pytest.mark.parametrize(
    ("first", "last", "looks"),
    [
        (5, 20, (5, 8, 12, 20)),
        (5, 6, (5, 6)),
        (5, 10, (5, 8, 10)),
        (8, 20, (8, 12, 20)),
        (5, 30, (5, 8, 12, 19, 30)),
        (10, 100, (10, 16, 25, 40, 64, 100)),
        (19, 20, (19, 20)),
    ],
)
def test_looks_stand_in_about_equal_ratios(first: int, last: int, looks: tuple[int, ...]) -> None:
    assert looks_between(first, last) == looks


def test_a_range_of_seeds_means_looks(load: Callable[[str], Study]) -> None:
    study = load(POOLING)
    assert (study.seeds, study.looks) == (20, (5, 8, 12, 20))
    assert trial_count(study) == 60
    assert is_at_most(study)
    assert Study.model_validate(study.model_dump()) == study


def test_the_first_looks_trials_are_planned_and_then_what_is_due(load: Callable[[str], Study]) -> None:
    study = load(POOLING)
    first = plan(study)
    assert [trial.params["seed"] for trial in first] == [seed for seed in range(5) for _ in range(3)]
    later = plan(study, due={"max": 8, "average": 5, "blur": 8})
    assert later[:15] == first
    assert [(trial.params["seed"], trial.params["pooling"]) for trial in later[15:]] == [
        (seed, level) for seed in (5, 6, 7) for level in ("max", "blur")
    ]


def test_levels_that_have_left_are_not_counted_on(load: Callable[[str], Study]) -> None:
    study = load(POOLING)
    assert trial_count(study, {"average": 5}) == 45
    assert is_at_most(study, {"average": 5})
    left = {"average": 5, "blur": 8, "max": 8}
    assert (trial_count(study, left), is_at_most(study, left)) == (21, False)


@pytest.mark.parametrize("text", ["3 to 20", "5 to 5", "20 to 5", "5 to 2000"])
def test_a_range_that_cannot_be_is_refused(load: Callable[[str], Study], text: str) -> None:
    with pytest.raises(StudyFileError) as raised:
        load(POOLING.replace("5 to 20", text))
    assert (
        str(raised.value)
        .splitlines()[1]
        .strip()
        .endswith(
            f'pooling.toml:2: seeds: found "{text}"; allowed: a first look after 5 replicates or more, and a last one '
            "after more, up to 1000"
        )
    )


def test_a_text_that_is_no_range_is_refused(load: Callable[[str], Study]) -> None:
    with pytest.raises(StudyFileError, match='seeds: found "many"; allowed: 1 to 1000, or "5 to 20" for looks in'):
        load(POOLING.replace("5 to 20", "many"))


def test_looks_may_be_named(load: Callable[[str], Study]) -> None:
    assert load(POOLING.replace('"5 to 20"', "10\nlooks = [6, 10]")).looks == (6, 10)


@pytest.mark.parametrize("looks", ["[4, 20]", "[8, 5, 20]", "[5, 12]"])
def test_named_looks_that_cannot_be_are_refused(load: Callable[[str], Study], looks: str) -> None:
    with pytest.raises(StudyFileError) as raised:
        load(POOLING.replace('"5 to 20"', f"20\nlooks = {looks}"))
    assert (
        f"3: looks: found {looks} with seeds = 20; allowed: a list of rising numbers from 5, the last of them as many "
        "as seeds" in str(raised.value)
    )


def test_without_levels_there_is_nothing_to_look_for(load: Callable[[str], Study]) -> None:
    with pytest.raises(
        StudyFileError, match="2: seeds: looks decide between levels, and there are none; allowed: 1 to"
    ):
        load(POOLING.partition("[")[0])


def test_a_search_has_no_looks(load: Callable[[str], Study]) -> None:
    text = POOLING.replace('reference = "max"\n', "[search]\nn_trials = 4\n")
    with pytest.raises(StudyFileError, match="2: seeds: a search has no looks: every trial has a seed of its own"):
        load(text)


def test_the_flag_takes_a_range_and_a_number(load: Callable[[str], Study]) -> None:
    study = load(POOLING.replace('"5 to 20"', "3"))
    assert study.override(seeds="6 to 10").looks == (6, 9, 10) or study.override(seeds="6 to 10").looks == (6, 10)
    plain = load(POOLING).override(seeds=7)
    assert (plain.seeds, plain.looks) == (7, ())
    with pytest.raises(StudyFileError, match='--seeds: found "3 to 20"; allowed: a first look after 5'):
        study.override(seeds="3 to 20")


def test_a_quick_study_has_no_looks(load: Callable[[str], Study]) -> None:
    quick = load(POOLING).quick()
    assert (quick.seeds, quick.looks) == (5, ())


def test_what_decides_is_agreed_before_the_first_trial(load: Callable[[str], Study]) -> None:
    study = load(POOLING)
    agreed = study.canonical()["looks"]
    assert agreed == {
        "after": [5, 8, 12, 20],
        "levels": ["average", "blur", "max"],
        "reference": "max",
        "outcome": "test accuracy",
        "margin": 0.05,
        "alpha": 0.05,
        "spending": "alpha (replicates / most)^1.5 on differences, ^3 on equivalence",
    }


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ('"5 to 20"', None),
        ('"5 to 30"', "looks.after: [5, 8, 12, 20] -> [5, 8, 12, 19, 30]"),
        ("20", "looks.after: [5, 8, 12, 20] -> none"),
        ('"5 to 20"\nmargin = 0.1', "looks.margin: 0.05 -> 0.1"),
    ],
)
def test_what_was_agreed_may_not_change(load: Callable[[str], Study], change: str, line: str | None) -> None:
    before, after = load(POOLING).canonical(), load(POOLING.replace('"5 to 20"', change)).canonical()
    changes = meaning_diff(before, after)
    assert (line in changes) if line else not changes


def test_levels_may_not_join_a_study_with_looks(load: Callable[[str], Study]) -> None:
    more = load(POOLING.replace('"blur"]', '"blur", "strided"]'))
    changes = meaning_diff(load(POOLING).canonical(), more.canonical())
    assert changes == ['looks.levels: ["average", "blur", "max"] -> ["average", "blur", "max", "strided"]']
    reordered = load(POOLING.replace('"average", "blur"', '"blur", "average"'))
    assert meaning_diff(load(POOLING).canonical(), reordered.canonical()) == []
