"""What is said, and what is not."""

from __future__ import annotations

import pytest

from search.answer import Recorded, answer_of
from search.answer.levels import compare
from search.answer.wording import difference_text, named, named_all, p_text, percent, points
from search.study import Study
from tests.search.answer.made import COMMAND, pooling, question, trial
from tests.search.fabricate import data_info, trial_record


def test_a_clear_effect_is_said_with_its_interval() -> None:
    answer = answer_of(question({"max": 0.6, "average": 0.3, "blur": 0.61}, seeds=5))
    test = answer.levels[1].differences["test"]
    assert test.is_clear
    expected = (
        f"Against max pooling, test accuracy is lower with average pooling ({points(test.estimate.value)} points, "
    )
    assert answer.headline.startswith(expected)
    assert " It cannot be told apart from max pooling with blur pooling: the difference lies within " in answer.headline
    assert answer.words.ranks
    assert "With max pooling, the reference, accuracy is " in answer.words.details[0]


def test_better_levels_come_first() -> None:
    answer = answer_of(question({"max": 0.5, "average": 0.2, "blur": 0.8}, seeds=5))
    assert answer.headline.startswith("Against max pooling, test accuracy is higher with blur pooling (+29.6 points, ")
    assert "; it is lower with average pooling (−3" in answer.headline


def test_noise_is_called_noise_and_what_would_help_is_said() -> None:
    answer = answer_of(question({"max": 0.6, "average": 0.6}, seeds=5, spread=0.25))
    assert answer.headline.startswith("This study cannot tell average pooling from max pooling by test accuracy: ")
    assert "finds a difference of " in answer.words.details[-1]
    assert "in four cases of five" in answer.words.details[-1]


def test_a_reference_that_did_not_learn_ranks_nothing() -> None:
    answer = answer_of(question({"max": 0.25, "average": 0.6}, train={"max": 0.27, "average": 0.9}))
    assert answer.sentence.startswith("No answer: the reference model did not learn in 10 epochs (training accuracy 2")
    assert answer.sentence.endswith(
        "chance 25.0 %), so differences between levels mean nothing and none is ranked. Give it more epochs."
    )
    assert not answer.words.ranks
    assert answer.best is None


def test_a_level_that_did_not_learn_is_said() -> None:
    answer = answer_of(question({"max": 0.6, "average": 0.25}, train={"max": 0.9, "average": 0.26}))
    assert "With average pooling the model has learnt little or nothing in 10 epochs" in answer.sentence
    assert "The gap" not in answer.sentence.replace("a gap of", "")


def test_seeds_that_did_not_learn_are_said() -> None:
    blur = [
        trial(20, {"pooling": "blur", "seed": 0}, 0, (0.9, 0.7, 0.6)),
        trial(21, {"pooling": "blur", "seed": 1}, 1, (0.26, 0.25, 0.25)),
    ]
    given = {"max": 0.6, "average": 0.25}
    study = pooling(("max", "average", "blur"), 3)
    answer = answer_of(question(given, train={"max": 0.9, "average": 0.26}, study=study, extra=blur))
    said = "At some seeds the model has learnt little or nothing: 1 of 2 with blur pooling."
    assert said in answer.words.details
    assert "At some seeds" not in answer_of(question({"max": 0.6, "average": 0.3})).sentence


def test_one_seed_ranks_nothing() -> None:
    answer = answer_of(question({"max": 0.9, "average": 0.1}, seeds=1))
    assert not answer.levels[1].differences["test"].is_clear
    assert "One seed tells nothing of the luck of the seed: no level is ranked. Run at least 5." in answer.sentence


def test_two_seeds_rank_nothing() -> None:
    """Where seeds may stay at chance, two find a difference where there is none twice as often as is claimed."""
    answer = answer_of(question({"max": 0.9, "average": 0.1}, seeds=2))
    assert not answer.levels[1].differences["test"].is_clear
    assert "2 seeds tell too little of the luck of the seed: no level is ranked. Run at least 5." in answer.sentence


def test_what_cannot_be_told_apart_has_its_interval_beside_what_can() -> None:
    """`Cannot be told apart` is read as `the same` where nothing says how much the difference may be."""
    study = pooling(("max", "average", "blur"), 5)
    found = answer_of(question({"max": 0.6, "average": 0.2, "blur": 0.58}, seeds=5, study=study, spread=0.25))
    estimate = found.levels[2].differences["test"].estimate
    assert found.levels[1].differences["test"].is_clear
    assert not found.levels[2].differences["test"].is_clear
    assert found.headline.endswith(
        "It cannot be told apart from max pooling with blur pooling: the difference lies within "
        f"{points(estimate.low)} to {points(estimate.high)} points."
    )


def test_no_answer_before_the_reference_has_finished() -> None:
    none = Recorded("pooling", pooling(), None, COMMAND, ())
    assert answer_of(none).sentence == (
        "So far (0 of 9 trials): No answer yet: no trial at the reference level has finished."
    )
    half = question({"average": 0.5}, study=pooling(("max", "average")))
    assert "No answer yet" in answer_of(half).sentence


def test_a_study_under_way_says_how_far_it_is() -> None:
    running = trial_record(20, {"pooling": "blur", "seed": 0}, end="running")
    found = question({"max": 0.6, "average": 0.3}, seeds=5, study=pooling(seeds=5), extra=[running])
    answer = answer_of(found)
    assert (found.over, found.total, found.is_over) == (10, 15, False)
    assert answer.sentence.startswith("So far (10 of 15 trials): Against max pooling")
    assert "blur" not in answer.sentence


def test_failed_trials_and_missing_seeds() -> None:
    failed = trial_record(20, {"pooling": "blur", "seed": 0}, end="error")
    alone = trial(21, {"pooling": "blur", "seed": 2}, 2)
    levels = compare(pooling(), question({"max": 0.6, "average": 0.3}, extra=[failed, alone]).records)
    blur = levels[2]
    assert (len(blur.trials), blur.failed) == (1, 1)
    assert blur.differences["test"].estimate.n_seeds == 1  # paired at the seed that both have
    assert not blur.differences["test"].is_clear
    assert blur.failures == {"error": 1}


def test_trainings_that_failed_are_said_first() -> None:
    """A level that diverges is a finding; seeds that are missing change what the others say."""
    diverged = [
        trial_record(20 + seed, {"pooling": "blur", "seed": seed}, seed=seed, end="not_finite") for seed in range(3)
    ]
    answer = answer_of(question({"max": 0.6, "average": 0.3}, study=pooling(), extra=diverged))
    assert answer.words.details[0] == ("Trainings failed: 3 of 3 with blur pooling (3 diverged).")
    some = [*diverged[:2], trial(22, {"pooling": "blur", "seed": 2}, 2)]
    answer = answer_of(question({"max": 0.6, "average": 0.3}, study=pooling(), extra=some))
    assert answer.words.details[0] == (
        "Trainings failed: 2 of 3 with blur pooling (2 diverged); what is said of them is of the others."
    )
    assert "Trainings failed" not in answer_of(question({"max": 0.6, "average": 0.3})).sentence


def test_the_demo_says_so() -> None:
    answer = answer_of(question({"max": 0.6, "average": 0.3}, demo=True))
    assert answer.sentence.endswith("The demo set: drawn cells. This says nothing about blood.")


def test_costs_are_said_where_they_change() -> None:
    costs = {
        "max": {"parameters": 1000, "vram_peak_mib": 500.0},
        "average": {"parameters": 3000, "vram_peak_mib": 510.0},
    }
    answer = answer_of(question({"max": 0.6, "average": 0.3}, changes=lambda level: costs[level]))
    assert "Cost: parameters 1,000 at the reference, with average pooling (3,000); VRAM and training time differ" in (
        answer.sentence
    )


def test_the_reference_study() -> None:
    study = Study.model_validate({"name": "reference", "question": "Q?", "seeds": 2})
    records = tuple(trial(n, {"seed": n}, n, (0.95, 0.7, 0.6), spread=0.05) for n in range(2))
    answer = answer_of(Recorded("reference", study, data_info(), COMMAND, records))
    assert answer.headline.startswith("The reference model classifies 9")
    assert "of the test images." in answer.headline
    assert answer.reference is answer.levels[0]
    assert answer.words.details[0].startswith("The gap between the two is 3")


@pytest.mark.parametrize(
    ("factor", "level", "expected"),
    [
        ("pooling", "max", "max pooling"),
        ("augmentation", "none", "no augmentation"),
        ("dropout_rate", 0.0, "no dropout"),
        ("dropout_rate", 0.25, "dropout 0.25"),
        ("depth", 1, "1 block"),
        ("learning_rate", 0.0005, "learning rate 0.0005"),
        ("color", True, "color on"),
        (None, None, "the reference model"),
    ],
)
def test_levels_in_words(factor: str, level: object, expected: str) -> None:
    assert named(factor, level) == expected  # type: ignore[arg-type]


def test_several_levels_in_words() -> None:
    assert named_all("depth", [1, 2, 3], "or") == "1, 2 or 3 blocks"
    assert named_all("pooling", ["blur", "average"]) == "blur and average pooling"
    assert named_all("learning_rate", [0.1, 1.0], notes=["a", "b"]) == "learning rate 0.1 (a) and 1 (b)"


def test_numbers_in_words() -> None:
    assert (percent(0.4894), points(-0.2351), points(0.0004), points(0.031)) == ("48.9 %", "−23.5", "0.0", "+3.1")
    assert [p_text(p) for p in (0.0001, 0.0312, 0.5, 1.0)] == ["< 0.001", "0.031", "0.50", "1"]
    level = compare(pooling(), question({"max": 0.6, "average": 0.3}).records)[1]
    assert difference_text(level.differences["test"].estimate).startswith("−")
