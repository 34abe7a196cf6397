"""Designs: which trials, in which order, what they train, and that a later plan changes none of an earlier one's."""

from __future__ import annotations

import itertools
import math
import random
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.study.design import (
    TUNING_SEED,
    PlannedTrial,
    Result,
    config_of,
    derived_seed,
    distributions,
    missing,
    plan,
    trial_count,
)
from search.study.space import Levels, ParamValue, Range
from search.study.toml_file import Study, load_study, study_names
from trainer.config import TrainConfig
from trainer.errors import ConfigError

QUESTION = """\
question = "Does it?"
seeds = 2
[scientific.pooling]
levels = ["max", "average"]
reference = "max"
"""
TUNED = (
    QUESTION
    + """\
[nuisance.learning_rate]
low = 1e-4
high = 1e-2
log = true
[tuning]
trials_per_level = 3
"""
)
SEARCH = """\
question = "Which?"
[search]
n_trials = 60
[scientific.depth]
low = 1
high = 6
[scientific.pooling]
levels = ["max", "average"]
"""
REFERENCE = 'question = "How well?"\nseeds = 3\n'

GOLDEN_RATES = [0.0005, 0.000162771, 0.00162771]  # SciPy 1.17, NumPy 2
GOLDEN_SEEDS = [1179322211, 785705207, 1579449224]

quiet = settings(max_examples=100, deadline=None)


def study(text: str, name: str = "s") -> Study:
    return Study.model_validate({**tomllib.loads(text), "name": name})


def results_of(trials: list[PlannedTrial], accuracies: Mapping[int, float | None] | None = None) -> list[Result]:
    """A result a trial: the accuracy of its place in the list, or 0.5."""
    given_ = accuracies or {}
    return [(trial.params, trial.role, given_.get(place, 0.5)) for place, trial in enumerate(trials)]


class TestQuestion:
    def test_is_every_level_with_every_seed_seed_by_seed(self) -> None:
        assert plan(study(QUESTION)) == [
            PlannedTrial({"pooling": "max", "seed": 0}, "replicate"),
            PlannedTrial({"pooling": "average", "seed": 0}, "replicate"),
            PlannedTrial({"pooling": "max", "seed": 1}, "replicate"),
            PlannedTrial({"pooling": "average", "seed": 1}, "replicate"),
        ]

    def test_results_change_nothing(self) -> None:
        planned = plan(study(QUESTION))
        assert plan(study(QUESTION), results_of(planned, {0: None})) == planned

    def test_without_a_parameter_it_is_every_seed(self) -> None:
        assert [trial.params for trial in plan(study(REFERENCE))] == [{"seed": 0}, {"seed": 1}, {"seed": 2}]

    def test_a_level_and_a_seed_added_later_stand_behind(self) -> None:
        before = plan(study(QUESTION))
        larger = study(QUESTION.replace('"average"]', '"average", "blur"]').replace("seeds = 2", "seeds = 3"))
        added = missing(plan(larger), [trial.params for trial in before])
        assert [(trial.params["pooling"], trial.params["seed"]) for trial in added] == [
            ("blur", 0),
            ("blur", 1),
            ("max", 2),
            ("average", 2),
            ("blur", 2),
        ]


class TestMissing:
    def test_of_nothing_is_the_plan(self) -> None:
        assert missing(plan(study(QUESTION)), []) == plan(study(QUESTION))

    def test_of_the_plan_is_nothing_whatever_the_order_of_the_params(self) -> None:
        planned = plan(study(QUESTION))
        assert missing(planned, [dict(reversed(trial.params.items())) for trial in reversed(planned)]) == []

    def test_a_whole_number_is_the_real_number_that_it_equals(self) -> None:
        rates = study(QUESTION.replace("pooling", "learning_rate").replace('"max"', "1").replace('"average"', "0.1"))
        assert missing(plan(rates), [{"learning_rate": 1, "seed": 0}])[0].params == {"learning_rate": 0.1, "seed": 0}

    @quiet
    @given(st.integers(1, 4), st.integers(1, 4), st.integers(2, 4), st.integers(2, 4))
    def test_a_grown_study_is_complete_and_counts_nothing_twice(self, s1: int, s2: int, n1: int, n2: int) -> None:
        def sized(seeds: int, levels: int) -> Study:
            names = str(["max", "average", "strided", "blur"][:levels]).replace("'", '"')
            return study(QUESTION.replace('["max", "average"]', names).replace("seeds = 2", f"seeds = {seeds}"))

        small, large = sized(min(s1, s2), min(n1, n2)), sized(max(s1, s2), max(n1, n2))
        queue = plan(small)
        queue += missing(plan(large), [trial.params for trial in queue])
        assert len(queue) == trial_count(large)
        assert Counter(map(str, queue)) == Counter(map(str, plan(large)))


class TestTuned:
    def test_first_tunes_every_level_at_the_same_points(self) -> None:
        trials = plan(study(TUNED))
        assert [(trial.role, trial.params["seed"]) for trial in trials] == [("tuning", TUNING_SEED)] * 6
        assert [trial.params["pooling"] for trial in trials] == ["max", "average"] * 3
        rates = [trial.params["learning_rate"] for trial in trials]
        assert rates[0::2] == rates[1::2]
        assert len(set(rates)) == 3

    def test_begins_at_the_reference_model(self) -> None:
        assert plan(study(TUNED))[0].params["learning_rate"] == TrainConfig().learning_rate

    def test_begins_in_the_range_where_the_reference_model_is_outside(self) -> None:
        high = study(TUNED.replace("low = 1e-4", "low = 1e-3"))
        assert all(1e-3 <= float(trial.params["learning_rate"]) <= 1e-2 for trial in plan(high))
        assert len(plan(high)) == 6

    def test_points_stay_the_same_from_one_process_to_the_next(self) -> None:
        # They change with SciPy's or NumPy's generators: then a study half tuned before would be tuned anew.
        rates = [trial.params["learning_rate"] for trial in plan(study(TUNED))[0::2]]
        code = (
            "import tomllib; from search.study.design import plan; from search.study.study import Study; "
            f"s = Study.model_validate(dict(tomllib.loads({TUNED!r}), name='s')); "
            "print([trial.params['learning_rate'] for trial in plan(s)[0::2]])"
        )
        printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        assert printed.strip() == str(rates)
        assert rates == GOLDEN_RATES

    def test_points_depend_on_the_studys_name(self) -> None:
        assert plan(study(TUNED, "s")) != plan(study(TUNED, "t"))

    def test_a_larger_budget_begins_with_the_smaller_ones_points(self) -> None:
        larger = plan(study(TUNED.replace("trials_per_level = 3", "trials_per_level = 70")))
        assert larger[:6] == plan(study(TUNED))
        assert len(larger) == 140

    def test_points_spread_over_the_logarithmic_range(self) -> None:
        trials = plan(study(TUNED.replace("trials_per_level = 3", "trials_per_level = 33")))[2::2]
        shares = [(math.log10(float(trial.params["learning_rate"])) + 4) / 2 for trial in trials]
        assert Counter(int(share * 4) for share in shares) == {0: 8, 1: 8, 2: 8, 3: 8}

    def test_replicates_wait_for_every_tuning_trial(self) -> None:
        tuning = plan(study(TUNED))
        for left_out in range(6):
            results = results_of(tuning)
            del results[left_out]
            assert plan(study(TUNED), results) == tuning

    def test_replicates_stand_at_each_levels_best_by_validation(self) -> None:
        tuning = plan(study(TUNED))
        best_max, best_average = tuning[4], tuning[3]
        trials = plan(study(TUNED), results_of(tuning, {4: 0.9, 3: 0.8}))
        assert trials[:6] == tuning
        assert trials[6:] == [
            PlannedTrial({**best.params, "seed": seed}, "replicate")
            for seed in (0, 1)
            for best in (best_max, best_average)
        ]

    def test_a_failed_trial_is_a_result_and_never_the_best(self) -> None:
        tuning = plan(study(TUNED))
        for failed in (None, math.nan, math.inf):
            trials = plan(study(TUNED), results_of(tuning, {0: failed, 2: 0.1, 4: 0.2}))
            assert trials[6].params == {**tuning[4].params, "seed": 0}

    def test_of_equals_the_earlier(self) -> None:
        tuning = plan(study(TUNED))
        trials = plan(study(TUNED), results_of(tuning, {0: 0.1, 2: 0.7, 4: 0.7}))
        assert trials[6].params == {**tuning[2].params, "seed": 0}

    def test_where_all_failed_the_reference_models_value(self) -> None:
        tuning = plan(study(TUNED))
        trials = plan(study(TUNED), results_of(tuning, dict.fromkeys(range(0, 6, 2))))
        assert trials[6].params == {"pooling": "max", "learning_rate": 0.0005, "seed": 0}

    def test_a_failed_attempt_does_not_hide_the_one_that_succeeded(self) -> None:
        tuning = plan(study(TUNED))
        results = results_of(tuning, {4: 0.9})
        for failure in ([(tuning[4].params, "tuning", None), *results], [*results, (tuning[4].params, "tuning", None)]):
            assert plan(study(TUNED), failure)[6].params["learning_rate"] == tuning[4].params["learning_rate"]

    def test_replicates_steer_nothing(self) -> None:
        tuning = plan(study(TUNED))
        results = results_of(tuning, {4: 0.9})
        replicates = [({**tuning[0].params, "seed": seed}, "replicate", 1.0) for seed in (0, 1, TUNING_SEED)]
        assert plan(study(TUNED), [*replicates, *results]) == plan(study(TUNED), results)  # type: ignore[list-item]

    def test_a_level_added_later_is_tuned_with_the_same_points(self) -> None:
        first = plan(study(TUNED))
        results = results_of(first, {4: 0.9})
        first = plan(study(TUNED), results)
        larger = study(TUNED.replace('"average"]', '"average", "blur"]'))
        there = [trial.params for trial in first]
        tuning = missing(plan(larger, results), there)
        assert [trial.params["pooling"] for trial in tuning] == ["blur"] * 3
        assert [trial.params["learning_rate"] for trial in tuning] == [t.params["learning_rate"] for t in first[:6:2]]
        last = missing(plan(larger, results + results_of(tuning)), there + [trial.params for trial in tuning])
        assert [(trial.params["pooling"], trial.role) for trial in last] == [("blur", "replicate")] * 2

    @quiet
    @given(st.permutations(range(6)), st.lists(st.none() | st.floats(0, 1), min_size=6, max_size=6), st.integers(0, 6))
    def test_more_results_in_any_order_only_add_to_the_end(
        self, order: list[int], accuracies: list[float | None], known: int
    ) -> None:
        tuning = plan(study(TUNED))
        results = [results_of(tuning, dict(enumerate(accuracies)))[place] for place in order]
        earlier, complete = plan(study(TUNED), results[:known]), plan(study(TUNED), results)
        assert complete[: len(earlier)] == earlier
        assert len(complete) == trial_count(study(TUNED)) == 10
        assert len({str(sorted(trial.params.items())) for trial in complete}) == 10

    SPACES = st.dictionaries(
        st.sampled_from(["depth", "learning_rate", "optimizer", "early_stopping_patience"]), st.just(None), min_size=1
    )

    @quiet
    @given(SPACES, st.integers(1, 100), st.booleans(), st.text("abc", min_size=1, max_size=3))
    def test_any_space_gives_exactly_the_budget(
        self, names: dict[str, None], trials: int, log: bool, name: str
    ) -> None:
        specs: dict[str, Levels | Range] = {
            "depth": Range(low=1, high=5, log=log),
            "learning_rate": Range(low=0.001, high=0.001002, log=log),
            "optimizer": Levels(levels=("sgd", "rmsprop")),
            "early_stopping_patience": Range(low=1, high=100, log=log),
        }
        nuisance = {key: specs[key] for key in names}
        size = min(math.prod(spec.size() for spec in nuisance.values()), 100)
        data = {
            **tomllib.loads(QUESTION),
            "name": name,
            "nuisance": nuisance,
            "tuning": {"trials_per_level": min(trials, int(size))},
        }
        tuned = Study.model_validate(data)
        planned = plan(tuned)
        assert len(planned) == 2 * min(trials, size)
        assert len({str(trial) for trial in planned}) == len(planned)
        for trial in planned:
            config_of(tuned, trial.params, "x")
            assert all(spec.contains(trial.params[key]) for key, spec in nuisance.items())


class TestSearch:
    def test_begins_with_the_reference_model(self) -> None:
        assert plan(study(SEARCH)) == [PlannedTrial({"depth": 4, "pooling": "max"}, "search")]

    def test_leaves_all_to_the_sampler_where_the_reference_model_is_outside(self) -> None:
        assert plan(study(SEARCH.replace("low = 1", "low = 5"))) == []
        assert plan(study(SEARCH.replace('"max"', '"blur"'))) == []

    def test_results_add_nothing(self) -> None:
        planned = plan(study(SEARCH))
        assert plan(study(SEARCH), results_of(planned)) == planned


@pytest.mark.parametrize(
    ("text", "count"),
    [(QUESTION, 4), (TUNED, 10), (SEARCH, 60), (REFERENCE, 3), (TUNED.replace("seeds = 2", "seeds = 5"), 16)],
)
def test_trial_count(text: str, count: int) -> None:
    assert trial_count(study(text)) == count


@pytest.mark.parametrize("name", study_names())
@pytest.mark.parametrize("quick", [False, True])
def test_every_planned_trial_of_a_shipped_study_is_a_valid_training(name: str, quick: bool) -> None:
    loaded = load_study(name).quick() if quick else load_study(name)
    planned = plan(loaded)
    assert len(planned) == (1 if loaded.search else trial_count(loaded))
    spaces = distributions(loaded)
    configs = set()
    for number, trial in enumerate(planned):
        config = config_of(loaded, trial.params, f"{name}-{number}", number)
        configs.add(config)
        assert config.trial == f"{name}-{number}"
        assert set(trial.params) - {"seed"} == set(spaces) - {"seed"}
        assert all(spec.contains(trial.params[key]) for key, spec in spaces.items())
    assert len(configs) == len(planned)


class TestConfig:
    def test_is_params_over_fixed_over_the_reference_model(self) -> None:
        changed = study(QUESTION).override(fixed={"depth": 3, "color": True})
        config = config_of(changed, {"pooling": "average", "color": False, "seed": 0}, "s-7", 7)
        assert config == TrainConfig(trial="s-7", pooling="average", depth=3, seed=0)

    def test_of_a_search_has_a_seed_of_its_own(self) -> None:
        params: dict[str, ParamValue] = {"depth": 2, "pooling": "max"}
        seeds = {config_of(study(SEARCH), params, "x", number).seed for number in range(50)}
        assert len(seeds) == 50
        assert config_of(study(SEARCH), {**params, "seed": 3}, "x", 1).seed == 3

    def test_without_a_seed_and_a_number_it_is_refused(self) -> None:
        with pytest.raises(ValueError, match="trial s-7 has no seed among its params, and no number"):
            config_of(study(SEARCH), {"depth": 2}, "s-7")

    def test_what_breaks_a_rule_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="depth: Input should be less than or equal to 6"):
            config_of(study(SEARCH), {"depth": 9}, "s-7", 7)

    def test_derived_seeds_are_the_same_everywhere(self) -> None:
        assert [derived_seed("joint", index) for index in range(3)] == GOLDEN_SEEDS

    @given(st.text(max_size=64), st.integers(0, 10**6))
    def test_derived_seeds_are_seeds(self, name: str, index: int) -> None:
        TrainConfig(seed=derived_seed(name, index))


class TestDistributions:
    def test_of_a_question_may_get_more_levels_without_other_categories(self) -> None:
        before = distributions(study(QUESTION))
        after = distributions(study(QUESTION.replace('"average"]', '"blur"]')))
        assert before == after
        assert before["pooling"] == Levels(levels=("max", "average", "strided", "blur"))

    def test_have_no_seed_so_that_the_reference_study_has_none(self) -> None:
        assert "seed" not in distributions(study(QUESTION))
        assert distributions(load_study("reference")) == {}

    def test_of_numbers_keep_their_type(self) -> None:
        rates, depths = distributions(load_study("learning_rate")), distributions(load_study("depth"))
        assert rates["learning_rate"] == Range(low=0.0001, high=1.0, log=True)
        assert depths["depth"] == Range(low=1, high=6)
        assert isinstance(depths["depth"].low, int)
        assert isinstance(rates["learning_rate"].low, float)

    def test_of_a_switch(self) -> None:
        text = QUESTION.replace("pooling", "color").replace('"max"', "false").replace('"average"', "true")
        assert distributions(study(text))["color"] == Levels(levels=(False, True))

    def test_of_a_tuned_question_hold_the_range(self) -> None:
        assert distributions(study(TUNED))["learning_rate"] == Range(low=1e-4, high=1e-2, log=True)

    def test_of_a_search_are_the_files(self) -> None:
        assert distributions(study(SEARCH)) == {
            "depth": Range(low=1, high=6),
            "pooling": Levels(levels=("max", "average")),
        }


class TestLevels:
    @quiet
    @given(st.integers(1, 50), st.integers(1, 50), st.booleans(), st.floats(0, 1))
    def test_a_whole_range_gives_whole_numbers_in_it(self, low: int, more: int, log: bool, share: float) -> None:
        value = Range(low=low, high=low + more, log=log).at(share)
        assert isinstance(value, int)
        assert low <= value <= low + more

    def test_a_whole_range_gives_all_of_its_numbers_alike(self) -> None:
        assert Counter(Range(low=1, high=4).at((i + 0.5) / 400) for i in range(400)) == dict.fromkeys(range(1, 5), 100)

    def test_levels_are_given_alike(self) -> None:
        assert Counter(Levels(levels=("a", "b")).at(i / 10) for i in range(10)) == {"a": 5, "b": 5}
        assert Levels(levels=("a", "b")).at(1.0) == "b"

    def test_a_drawn_number_is_short_and_within_the_ends(self) -> None:
        draws = [Range(low=1e-4, high=1e-2, log=True).at(random.Random(i).random()) for i in range(100)]
        assert all(
            len(f"{float(draw):.6g}") == len(f"{float(draw):g}") and draw == float(f"{draw:.6g}") for draw in draws
        )
        assert Range(low=0.12345678, high=0.87654321).at(0) == 0.123457
        assert Range(low=0.1234564, high=0.8765438).at(0) == 0.1234564
        assert Range(low=0.1234564, high=0.8765438).at(1) == 0.8765438

    @pytest.mark.parametrize(
        ("spec", "default", "anchor"),
        [
            (Range(low=1, high=3), 4, 3),
            (Range(low=1, high=3), 0, 1),
            (Range(low=1, high=3), 2, 2),
            (Range(low=5, high=9), None, 5),
            (Levels(levels=("a", "b")), "b", "b"),
            (Levels(levels=("a", "b")), "c", "a"),
            (Levels(levels=("a", "b"), reference="b"), "a", "b"),
            (Levels(levels=(5, 9)), None, 5),
        ],
    )
    def test_anchor(self, spec: Levels | Range, default: ParamValue | None, anchor: ParamValue) -> None:
        assert spec.anchor(default) == anchor


def test_two_nuisance_parameters_are_tuned_together() -> None:
    two = study(
        TUNED.replace("[tuning]", '[nuisance.optimizer]\nlevels = ["adam", "sgd"]\n[tuning]').replace("= 3", "= 20")
    )
    points = {(trial.params["learning_rate"], trial.params["optimizer"]) for trial in plan(two)}
    assert len(points) == 20
    assert (0.0005, "adam") in points
    assert all(count >= 8 for count in Counter(optimizer for _, optimizer in points).values())
    assert all(a != b for a, b in itertools.combinations([rate for rate, _ in points], 2))
