"""Crossed parameters whose combinations have learning rates of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from benchmarks.tuned import CROSSED, WORLDS, claimed_of_effects
from search.answer import Answer, answer_of
from search.answer.tuned import cross_fitted, level_words
from search.answer.words.facts import facts
from search.figures.gallery import gallery
from search.folder.record import TrialRecord
from search.study import Study
from tests.search.answer.crossed import DROPOUTS, POOLINGS, SIZES, crossed, recorded
from tests.search.answer.made import trial

LOW, MIDDLE, HIGH = RATES = (0.000167, 0.0005, 0.0015)
SEEDS = 6
BEST = {("max", 0.0): MIDDLE, ("max", 0.5): MIDDLE, ("average", 0.0): HIGH, ("average", 0.5): LOW}


def study() -> Study:
    return crossed(SEEDS, tune=True)


def trained(tests: Mapping[tuple[str, float], float]) -> list[TrialRecord]:
    """On validation each combination does best at its rate in `BEST`; elsewhere it is worse on test images too."""
    found: list[TrialRecord] = []
    for seed in range(SEEDS):
        for pooling in POOLINGS:
            for dropout in DROPOUTS:
                for rate in RATES:
                    params = {"pooling": pooling, "dropout_rate": dropout, "learning_rate": rate, "seed": seed}
                    best = rate == BEST[pooling, dropout]
                    shares = (0.9, 0.8 if best else 0.4, tests[pooling, dropout] if best else 0.35)
                    made = trial(len(found), params, seed, shares, spread=0.03, sizes=SIZES)
                    found.append(made)
    return found


def answered(tests: Mapping[tuple[str, float], float]) -> Answer:
    return answer_of(replace(recorded({}, SEEDS, study(), trained(tests)), study=study()))


def test_each_combination_is_measured_at_its_own_rate() -> None:
    found = cross_fitted(study(), trained(dict.fromkeys(BEST, 0.6)))
    assert found.rates == {
        "max x 0": (MIDDLE, MIDDLE),
        "max x 0.5": (MIDDLE, MIDDLE),
        "average x 0": (HIGH, HIGH),
        "average x 0.5": (LOW, LOW),
    }
    assert len(found.records) == 4 * SEEDS
    assert {(r.params["pooling"], r.params["dropout_rate"]): r.params["learning_rate"] for r in found.records} == BEST
    assert level_words(study())["average x 0.5"] == "average pooling and dropout 0.5"


def test_effects_are_of_the_trainings_that_measure() -> None:
    tests = {("max", 0.0): 0.7, ("max", 0.5): 0.7, ("average", 0.0): 0.5, ("average", 0.5): 0.5}
    answer = answered(tests)
    assert answer.factorial is not None
    (pooling,), (dropout,) = answer.factorial.main("pooling"), answer.factorial.main("dropout_rate")
    assert pooling.differences["test"].estimate.value == pytest.approx(-0.2, abs=0.03)
    assert pooling.differences["test"].verdict == "lower"
    assert dropout.differences["test"].estimate.value == pytest.approx(0.0, abs=0.03)
    text = (
        "The learning rate, 0.000167, 0.0005 or 0.0015, was chosen for each combination by validation accuracy in one "
        "half of the replicates and measured in the other, then the other way round: max pooling and no dropout 0.0005 "
        "in both halves; max pooling and dropout 0.5 0.0005 in both halves; average pooling and no dropout 0.0015 in "
        "both halves; average pooling and dropout 0.5 0.000167 in both halves."
    )
    assert text in answer.sentence
    assert dict(facts(answer))["Tuned for each level"] == text
    assert "with the learning rate tuned for each combination" in answer.sentence.lower()
    assert "at learning rate 0.0005" not in answer.sentence.lower()
    assert answer.recorded.total == 4 * 3 * SEEDS
    (picture,) = [picture for picture in gallery(answer) if picture.key == "rates"]
    assert "average pooling and dropout 0.5" in picture.svg


def test_an_effect_is_as_doubtful_as_its_luck() -> None:
    """The same figures, as those of one rate that nobody chose."""
    tuned = answered(dict.fromkeys(BEST, 0.6))
    kept = [
        replace(record, params={name: value for name, value in record.params.items() if name != "learning_rate"})
        for record in cross_fitted(study(), trained(dict.fromkeys(BEST, 0.6))).records
    ]
    plain = answer_of(recorded({}, SEEDS, crossed(SEEDS), kept))
    assert tuned.factorial is not None
    assert plain.factorial is not None
    for wide, narrow in zip(tuned.factorial.effects, plain.factorial.effects, strict=True):
        assert wide.differences["test"].estimate.value == narrow.differences["test"].estimate.value
        assert wide.differences["test"].estimate.variance.total > narrow.differences["test"].estimate.variance.total


@pytest.mark.parametrize("shape", CROSSED)
def test_effects_are_claimed_rarely_where_there_are_none(shape: tuple[int, int]) -> None:
    assert claimed_of_effects(WORLDS["equal rates, seeds of sd 1.0"], shape, 300) < 0.06
