"""`tune = true`: the grid, the trials, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from search.errors import StudyFileError
from search.study import Study
from search.study.cost import relative_cost
from search.study.design import config_of, distributions, plan, trial_count
from search.study.diff import meaning_diff
from search.study.space import Range
from search.study.toml_file import load_study
from search.study.tune import rates_around
from tests.search.study.reading import refused

POOLING = """\
question = "What does the pooling do?"
seeds = 4
tune = true

[scientific.pooling]
levels = ["max", "average"]
reference = "max"
"""
GRID = (0.000167, 0.0005, 0.0015)


def test_the_grid_is_a_third_of_the_references_rate_it_and_three_times_it(load: Callable[[str], Study]) -> None:
    assert load(POOLING).rates == GRID
    assert load(POOLING + "[fixed]\nlearning_rate = 0.01\n").rates == rates_around(0.01) == (0.00333, 0.01, 0.03)
    assert load(POOLING.replace("tune = true", "tune = false")).rates == ()


def test_every_level_with_every_seed_at_every_rate(load: Callable[[str], Study]) -> None:
    study = load(POOLING)
    planned = plan(study)
    assert [(t.params["seed"], t.params["pooling"], t.params["learning_rate"]) for t in planned] == [
        (seed, level, rate) for seed in range(4) for level in ("max", "average") for rate in GRID
    ]
    assert {trial.role for trial in planned} == {"replicate"}
    assert trial_count(study) == len(planned) == 24
    config = config_of(study, planned[-1].params, "x")
    assert (config.learning_rate, config.seed, config.fold) == (0.0015, 3, 3)
    assert relative_cost(config) > 0


def test_optuna_is_told_of_the_rates(load: Callable[[str], Study]) -> None:
    assert distributions(load(POOLING))["learning_rate"] == Range(low=GRID[0], high=GRID[-1], log=True)
    assert "learning_rate" not in distributions(load(POOLING.replace("tune = true\n", "")))


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            'pooling]\nlevels = ["max", "average"]\nreference = "max"',
            "learning_rate]\nlevels = [0.001, 0.01]\nreference = 0.001",
            "3: tune: the question is about the learning rate itself, which cannot be tuned for its levels too",
        ),
        ("seeds = 4", 'seeds = "5 to 20"', "3: tune: a level would go on after a look at another rate than it was"),
        (
            "seeds = 4",
            "seeds = 1",
            "3: tune: one half of the replicates chooses and the other measures; allowed: seeds",
        ),
        (
            "[scientific",
            "[nuisance.dropout_rate]\nlow = 0.0\nhigh = 0.5\n[tuning]\ntrials_per_level = 2\n[scientific",
            "3: tune: the study tunes its [nuisance.NAME] already; allowed: one of the two",
        ),
        (
            POOLING.partition("[")[2],
            "fixed]\nepochs = 3\n",
            "3: tune: there are no levels to tune the learning rate for",
        ),
        ('reference = "max"', "[search]\nn_trials = 3", "3: tune: a search proposes learning rates itself: add"),
        ("[sci", "[fixed]\nlearning_rate = 50.0\n[sci", "found 50.0; allowed with tune: up to 33.3, as "),
        ("tune = true", "tune = 1", "3: tune: found 1; allowed: true or false"),
    ],
)
def test_what_cannot_be_tuned_is_refused_in_words(load: Callable[[str], Study], old: str, new: str, text: str) -> None:
    assert text in refused(load, POOLING.replace(old, new))


def test_the_flag(load: Callable[[str], Study]) -> None:
    plain = load(POOLING.replace("tune = true\n", ""))
    assert plain.override(tune=True).tune
    assert load(POOLING).override(seeds=6).tune
    rates = load_study("learning_rate")
    with pytest.raises(StudyFileError, match="--tune: the question is about the learning rate itself, which cannot be"):
        rates.override(tune=True)


def test_a_study_that_is_tuned_is_another_one(load: Callable[[str], Study]) -> None:
    plain, tuned = (load(text).canonical() for text in (POOLING.replace("tune = true\n", ""), POOLING))
    assert meaning_diff(plain, tuned) == ["tune: none -> true"]
    assert Study.model_validate(load(POOLING).model_dump()) == load(POOLING)
