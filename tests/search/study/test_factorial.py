"""Two scientific parameters in a question: every combination, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from search.errors import StudyFileError
from search.study import Study
from search.study.design import config_of, distributions, plan, trial_count
from search.study.diff import meaning_diff
from search.study.factorial import cell_name, cells, reference_cell
from search.study.space import Levels, Range
from search.study.toml_file import STUDIES, load_study
from tests.search.study.reading import refused
from trainer.config import default_of

CROSSED = """\
question = "Do pooling and dropout interact?"
seeds = 5

[scientific.pooling]
levels = ["max", "average"]
reference = "max"

[scientific.dropout_rate]
levels = [0.0, 0.25, 0.5]
reference = 0
"""


def test_every_combination_is_trained_with_every_replicate(load: Callable[[str], Study]) -> None:
    study = load(CROSSED)
    assert (study.kind, study.factors, study.factor, study.levels) == (
        "factorial", ("pooling", "dropout_rate"), None, (),
    )  # fmt: skip
    planned = plan(study)
    assert [(t.params["seed"], t.params["pooling"], t.params["dropout_rate"]) for t in planned] == [
        (seed, pooling, rate) for seed in range(5) for pooling in ("max", "average") for rate in (0.0, 0.25, 0.5)
    ]
    assert {trial.role for trial in planned} == {"replicate"}
    assert trial_count(study) == len(planned) == 30
    config = config_of(study, planned[-1].params, "crossed-00029")
    assert (config.pooling, config.dropout_rate, config.seed, config.fold) == ("average", 0.5, 4, 4)


def test_the_example_is_planned_and_says_how_many_trials_it_takes() -> None:
    path = STUDIES / "examples" / "factorial" / "pooling_dropout.toml"
    study = load_study(str(path))
    assert (study.kind, study.factors) == ("factorial", ("pooling", "dropout_rate"))
    assert reference_cell(study) == {"pooling": "max", "dropout_rate": 0.0} == reference_params_of_the_model()
    planned = plan(study)
    assert len(planned) == len({tuple(trial.params.values()) for trial in planned}) == 20
    assert {config_of(study, trial.params, "x").epochs for trial in planned} == {60}
    head = path.read_text().partition("\nquestion")[0]
    assert f"# {study.question} " in head
    assert f"python -m search.run --study {path.relative_to(STUDIES.parent)}\n" in head
    assert f"Takes: {trial_count(study)} trials (2 x 2 levels x {study.seeds} seeds)" in head
    assert "# Answer: " in head
    assert str(path.relative_to(STUDIES.parent)) in (STUDIES.parent / "README.md").read_text()


def reference_params_of_the_model() -> dict[str, object]:
    return {name: default_of(name) for name in ("pooling", "dropout_rate")}


def test_combinations_have_names_and_one_is_the_reference(load: Callable[[str], Study]) -> None:
    study = load(CROSSED)
    assert [cell_name(cell) for cell in cells(study)][:2] == ["max x 0", "max x 0.25"]
    assert reference_cell(study) == {"pooling": "max", "dropout_rate": 0.0}
    assert study.base_config().pooling == "max" and study.base_config().dropout_rate == 0.0


def test_one_parameter_and_none_are_cells_too(load: Callable[[str], Study]) -> None:
    one = load(CROSSED.partition("\n[scientific.dropout_rate]")[0])
    assert (one.kind, cells(one), reference_cell(one)) == (
        "levels", [{"pooling": "max"}, {"pooling": "average"}], {"pooling": "max"},
    )  # fmt: skip
    none = load('question = "How well does it do?"\nseeds = 2\n')
    assert (none.kind, cells(none), cell_name({})) == ("reference", [{}], None)
    assert cell_name({"dropout_rate": 0.0}) == 0.0


def test_optuna_is_told_of_both_parameters(load: Callable[[str], Study]) -> None:
    space = distributions(load(CROSSED))
    assert space["dropout_rate"] == Range(low=0.0, high=0.5)
    pooling = space["pooling"]
    assert isinstance(pooling, Levels) and {"max", "average", "blur"} <= set(pooling.levels)  # they may grow
    assert set(space) == {"pooling", "dropout_rate"}


def test_levels_and_seeds_may_be_added_and_a_parameter_may_not(load: Callable[[str], Study]) -> None:
    before = load(CROSSED).canonical()
    more = CROSSED.replace('"average"]', '"average", "blur"]').replace("seeds = 5", "seeds = 8")
    assert meaning_diff(before, load(more).canonical()) == []
    assert meaning_diff(before, load(CROSSED.replace("0.25, ", "")).canonical()) == [
        "scientific.dropout_rate.levels: [0.0, 0.25, 0.5] -> [0.0, 0.5]"
    ]
    one = load(CROSSED.partition("\n[scientific.dropout_rate]")[0])
    assert 'kind: "factorial" -> "levels"' in meaning_diff(before, one.canonical())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "seeds = 5",
            'seeds = "5 to 20"',
            ":2: seeds: looks let levels of one parameter leave; of two that are crossed, each effect rests on several "
            "combinations, so that none can leave by itself; allowed: 1 to 1000",
        ),
        (
            '[scientific.pooling]\nlevels = ["max", "average"]\nreference = "max"',
            "tune = true\n[scientific.learning_rate]\nlevels = [0.001, 0.01]\nreference = 0.001",
            ":4: tune: the question is about the learning rate itself, which cannot be tuned for its levels too",
        ),
        (
            "reference = 0\n",
            "reference = 0\n[scientific.depth]\nlevels = [2, 3]\nreference = 2\n",
            ":11: scientific.depth: a question has one scientific parameter, or two of which every combination is "
            "trained, and those are pooling and dropout_rate; more need a [search]",
        ),
        (
            "reference = 0\n",
            "reference = 0\n[nuisance.learning_rate]\nlow = 1e-4\nhigh = 1e-3\n[tuning]\ntrials_per_level = 2\n",
            ":11: nuisance: pooling and dropout_rate are crossed, and their combinations can have learning rates of "
            "their own alone; allowed: tune = true, or one [scientific.NAME] with [nuisance.NAME]",
        ),
        ("reference = 0\n", "", ":8: scientific.dropout_rate: reference is missing; allowed: one of the levels"),
        (
            "levels = [0.0, 0.25, 0.5]\nreference = 0",
            f"levels = {[round(0.01 * i, 2) for i in range(51)]}\nreference = 0",
            ":9: scientific.dropout_rate.levels: found 2 x 51 levels; allowed: at most 100 combinations",
        ),
        (
            "levels = [0.0, 0.25, 0.5]\nreference = 0",
            "low = 0.0\nhigh = 0.5",
            ":8: scientific.dropout_rate: a question compares levels = [...]; low and high need a [search]",
        ),
    ],
)
def test_what_cannot_be_crossed_is_refused(load: Callable[[str], Study], old: str, new: str, expected: str) -> None:
    assert old in CROSSED
    text = refused(load, CROSSED.replace(old, new))
    assert "1 mistake:" in text and expected in text


def test_a_flag_for_looks_is_refused_by_name(load: Callable[[str], Study]) -> None:
    study = load(CROSSED)
    with pytest.raises(StudyFileError, match="--seeds: looks let levels of one parameter leave"):
        study.override(seeds="5 to 20")


def test_every_combination_is_tuned(load: Callable[[str], Study]) -> None:
    study = load(CROSSED).override(tune=True)
    planned = plan(study)
    assert trial_count(study) == len(planned) == 5 * 6 * 3
    assert [trial.params["learning_rate"] for trial in planned[:3]] == list(study.rates)
    assert len({(t.params["pooling"], t.params["dropout_rate"], t.params["learning_rate"]) for t in planned}) == 18
    assert distributions(study)["learning_rate"] == Range(low=study.rates[0], high=study.rates[-1], log=True)


def test_its_quick_form_has_every_combination(load: Callable[[str], Study]) -> None:
    quick = load(CROSSED.replace("seeds = 5", "seeds = 9")).quick()
    assert (quick.seeds, quick.factors, len(cells(quick))) == (5, ("pooling", "dropout_rate"), 6)
