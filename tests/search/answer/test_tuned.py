"""Levels at learning rates of their own: which trainings choose, which measure, and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.tuned import WORLDS, measured
from search.answer import Answer, StoredStudy, answer_of
from search.answer.checklist import ITEMS
from search.answer.statistics.luck import LUCK, of_both, widened
from search.answer.statistics.variance import variance_of
from search.answer.tuned import cross_fitted, tuned_text
from search.answer.words.facts import facts
from search.answer.words.method import method
from search.figures.gallery import gallery
from search.folder.record import TrialRecord
from search.study import Study
from tests.search.answer.made import COMMAND, pooling, trial
from tests.search.fabricate import data_info
from trainer.events import Failed

LOW, MIDDLE, HIGH = RATES = (0.000167, 0.0005, 0.0015)
SIZES: Any = {"train": (3,) * 4, "val": (5,) * 4, "test": (5,) * 4}
Shares = Mapping[tuple[str, float], tuple[float, float]]  # of validation in even and in odd replicates


def tuned(seeds: int = 6) -> Study:
    return pooling(("max", "average"), seeds=seeds, tune=True)


def trained(val: Shares, seeds: int = 6, test: Mapping[tuple[str, float], float] | None = None) -> list[TrialRecord]:
    """Test accuracy is 0.6 where nothing is said."""
    found: list[TrialRecord] = []
    for seed in range(seeds):
        for level in ("max", "average"):
            for rate in RATES:
                params = {"pooling": level, "learning_rate": rate, "seed": seed}
                shares = (0.9, val.get((level, rate), (0.5, 0.5))[seed % 2], (test or {}).get((level, rate), 0.6))
                record = trial(len(found), params, seed, shares, sizes=SIZES, spread=0.02)
                config = record.config.model_copy(update={"learning_rate": rate})
                found.append(replace(record, config=config))
    return found


def answered(study: Study, records: Sequence[TrialRecord]) -> Answer:
    return answer_of(StoredStudy("pooling", study, data_info(), COMMAND, tuple(records)))


def failed(record: TrialRecord) -> TrialRecord:
    end = Failed(trial=record.config.trial, kind="not_finite", message="made up")
    return replace(record, events=(*record.events[:-1], end))


def test_each_half_is_measured_at_the_rate_that_the_other_chose() -> None:
    records = trained({("average", HIGH): (0.9, 0.2), ("average", LOW): (0.2, 0.9), ("max", HIGH): (0.9, 0.9)})
    found = cross_fitted(tuned(), records)
    assert found.rates == {"max": (HIGH, HIGH), "average": (LOW, HIGH)}  # even replicates chose HIGH
    at = {(r.params["pooling"], r.config.seed): r.params["learning_rate"] for r in found.records}
    assert len(at) == len(found.records) == 12
    assert {at["average", seed] for seed in (0, 2, 4)} == {LOW}
    assert {at["average", seed] for seed in (1, 3, 5)} == {HIGH}


def test_no_training_chooses_the_rate_that_it_is_measured_at() -> None:
    """Whatever a replicate's validation says, its own half's rate for measuring stays."""
    before = cross_fitted(tuned(), trained({("average", HIGH): (0.5, 0.9)}))
    after = cross_fitted(tuned(), trained({("average", HIGH): (0.9, 0.9), ("average", LOW): (0.99, 0.1)}))
    assert before.rates["average"][0] == after.rates["average"][0] == HIGH
    assert after.rates["average"][1] == LOW


def test_of_equal_rates_the_references_is_taken() -> None:
    flat = {(level, rate): (0.5, 0.5) for level in ("max", "average") for rate in RATES}
    records = trained(flat)
    shown = records[0].finished
    assert shown is not None
    same = [
        replace(r, events=(*r.events[:-1], r.finished.model_copy(update={"splits": shown.splits})))
        for r in records
        if r.finished
    ]
    assert cross_fitted(tuned(), same).rates == {"max": (MIDDLE, MIDDLE), "average": (MIDDLE, MIDDLE)}


def test_a_rate_at_which_trainings_fail_is_not_chosen() -> None:
    records = trained({("average", HIGH): (0.9, 0.9)})
    records = [failed(r) if r.params["learning_rate"] == HIGH else r for r in records]
    found = cross_fitted(tuned(), records)
    assert HIGH not in found.rates["average"]
    assert found.by_rate["average", HIGH] == ()


def test_until_a_replicate_is_over_at_all_rates_nothing_is_chosen() -> None:
    study, records = tuned(), trained({("average", HIGH): (0.9, 0.9)})
    begun = [r for r in records if r.config.seed == 0]
    found = cross_fitted(study, begun)
    assert found.rates["average"] == (None, HIGH)
    assert found.records == ()
    text = tuned_text(study, found)
    assert "average pooling not chosen yet in one half, 0.0015 in the other" in text
    assert answered(study, begun).words.headline == "No answer yet: no trial at the reference level has finished."


def test_the_answer_is_of_the_trainings_that_measure() -> None:
    test = {("average", HIGH): 0.3, ("average", LOW): 0.9}
    val = {("average", HIGH): (0.9, 0.9), ("average", LOW): (0.1, 0.1), ("max", MIDDLE): (0.9, 0.9)}
    answer = answered(tuned(), trained(val, test=test))
    level = next(level for level in answer.levels if level.level == "average")
    assert {trial.params["learning_rate"] for trial in level.trials} == {HIGH}
    assert level.accuracy["test"].value == pytest.approx(0.3, abs=0.05)
    assert level.differences["test"].verdict == "lower"
    assert answer.recorded.total == 36


def test_the_rates_are_named_in_each_half() -> None:
    val = {("average", HIGH): (0.9, 0.2), ("average", LOW): (0.2, 0.9), ("max", HIGH): (0.9, 0.9)}
    answer = answered(tuned(), trained(val))
    text = (
        "The learning rate, 0.000167, 0.0005 or 0.0015, was chosen for each level by validation accuracy in one half "
        "of the replicates and measured in the other, then the other way round: max pooling 0.0015 in both halves; "
        "average pooling 0.000167 in one half, 0.0015 in the other."
    )
    assert text in answer.sentence
    assert dict(facts(answer))["Tuned for each level"] == text
    assert "Learning rate" not in dict(facts(answer))
    assert any("cross-fitting" in paragraph for paragraph in method([answer]))
    assert "with the learning rate tuned for each level" in answer.sentence.lower()
    assert "at learning rate 0.0005" not in answer.sentence.lower()


def test_the_checklist_tells_how_rates_were_chosen() -> None:
    answer = answered(tuned(), trained({("average", HIGH): (0.9, 0.9)}))
    training, selection = (next(item.known for item in ITEMS if item.claim == claim) for claim in (25, 26))
    assert training is not None
    assert selection is not None
    each = "36 trainings finished, 6 seeds of each level, each at learning rates of 0.000167, 0.0005 and 0.0015."
    assert each in training(answer)
    assert selection(answer).startswith("The learning rate, 0.000167, 0.0005 or 0.0015, was chosen for each level by ")


def test_the_page_draws_accuracy_against_rate() -> None:
    answer = answered(tuned(), trained({("average", HIGH): (0.9, 0.9)}))
    (picture,) = [picture for picture in gallery(answer) if picture.key == "rates"]
    assert picture.title == "Accuracy against learning rate"
    assert "average pooling 0.0015 in both halves" in picture.svg
    assert re.search(r"<title>average pooling, learning rate 0.0015, validation, seed 3: \d", picture.svg)
    assert re.search(r"<title>max pooling, learning rate 0.0005, testing: [\d.]+ % on average", picture.svg)
    plain = answered(pooling(("max", "average"), seeds=6), [])
    assert not any(picture.key == "rates" for picture in gallery(plain))


def test_a_tuned_interval_is_wider() -> None:
    val = {("average", HIGH): (0.9, 0.9), ("max", MIDDLE): (0.9, 0.9)}
    records = trained(val)
    mine = [
        r for r in records if r.params["learning_rate"] == {"max": MIDDLE, "average": HIGH}[str(r.params["pooling"])]
    ]
    wide = answered(tuned(), records).levels[1].differences["test"].estimate
    plain = answered(pooling(("max", "average"), seeds=6), mine).levels[1].differences["test"].estimate
    assert wide.value == plain.value
    assert wide.variance.total > plain.variance.total


def test_luck_and_choice_widen_the_seeds_part() -> None:
    values = np.random.default_rng(0).normal(0.5, 0.1, (6, 1)) + np.random.default_rng(1).normal(0, 0.2, (6, 40))
    variance = variance_of(values / 40, np.full(40, 1 / 40), np.zeros(40, int))
    halves, by_seed = np.arange(6) % 2, values.mean(axis=1)
    assert widened(variance, by_seed, halves, "none") is variance
    agreed, differed = (widened(variance, by_seed, halves, choice) for choice in ("agreed", "differed"))
    assert agreed.seeds == pytest.approx(LUCK * variance.seeds)
    gap = by_seed[halves == 0].mean() - by_seed[halves == 1].mean()
    assert differed.total - agreed.total == pytest.approx(gap**2 / 4)
    assert differed.df <= agreed.df
    assert of_both("agreed", "differed") == of_both("differed", "none") == "differed"


def test_the_covariance_of_halves_is_what_the_formula_says() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 400_000, 3))
    rows = np.arange(len(x))
    covariance = (x[rows, y.argmax(axis=1)] * y[rows, x.argmax(axis=1)]).mean()
    assert covariance == pytest.approx(LUCK - 1, abs=0.01)


@pytest.mark.parametrize("name", ["equal rates, seeds of sd 1.0", "unequal rates"])
def test_cross_fitting_is_unbiased_where_the_same_trainings_are_not(name: str) -> None:
    found = measured(WORLDS[name], 500)
    assert abs(found["cross-fitted"].bias) < 0.006
    assert found["cross-fitted"].claimed < 0.07
    if name.startswith("equal"):
        assert found["the same"].bias > 0.03


@pytest.mark.parametrize("level", ["max", "average"])
def test_every_sentence_of_an_untuned_study_says_at_which_rate(level: str) -> None:
    """Those on accuracy, learning and failures; costs and plans hold at any."""
    records = [
        record
        for record in trained({("max", MIDDLE): (0.9, 0.9)}, test={("average", MIDDLE): 0.3})
        if record.params["learning_rate"] == MIDDLE
    ]
    records[0] = failed(records[0])
    records = [replace(r, params={k: v for k, v in r.params.items() if k != "learning_rate"}) for r in records]
    answer = answered(pooling(("max", "average"), seeds=6), records)
    sentences = [answer.words.headline, *answer.words.details]
    for text in sentences:
        if re.search(rf"{level} pooling|accurac|learns", text) and not text.startswith(
            ("Cost", "Parameters", "A study")
        ):
            assert re.match("(failed trainings )?at learning rate 0.0005", text.lower()), text
