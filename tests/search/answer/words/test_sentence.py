"""What is said, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from search.answer import StoredStudy, answer_of
from search.answer.learning import Learning
from search.answer.levels import LevelAnswer, compare
from search.answer.words.sentence import subject
from search.answer.words.verdicts import condition
from search.answer.words.wording import (
    difference_text,
    named,
    named_all,
    note_text,
    p_text,
    percent,
    points,
    share_text,
)
from search.study import Study
from tests.search.answer.made import COMMAND, pooling, question, trial
from tests.search.fabricate import data_info, trial_record
from trainer.events import SplitName

RATE = "At learning rate 0.0005, "


def partly(learning: Mapping[str, int], tests: Mapping[str, float], seeds: int = 5) -> StoredStudy:
    """A pooling study in which levels learn at so many of the seeds; at the others they stay at chance."""
    records = []
    for place, (level, share) in enumerate(tests.items()):
        for seed in range(seeds):
            shares = (0.9, 0.7, share) if seed < learning.get(level, seeds) else (0.26, 0.25, 0.25)
            records.append(trial(place * seeds + seed, {"pooling": level, "seed": seed}, seed, shares, spread=0.06))
    return StoredStudy("pooling", pooling(tuple(tests), seeds), data_info(), COMMAND, tuple(records))


def depths(tests: Mapping[int, float], spread: float, margin: float = 0.05) -> StoredStudy:
    """A depth study of five seeds and 80 test photographs, 4 blocks being the reference."""
    study = Study.model_validate(
        {
            "name": "depth",
            "question": "Can the model be simplified and keep its performance?",
            "seeds": 5,
            "margin": margin,
            "scientific": {"depth": {"levels": list(tests), "reference": 4}},
            "fixed": {"epochs": 10},
        }
    )
    sizes: dict[SplitName, tuple[int, ...]] = {"train": (12,) * 4, "val": (3,) * 4, "test": (20,) * 4}
    records = [
        trial(5 * place + seed, {"depth": depth, "seed": seed}, seed, (0.9, 0.7, share), spread=spread, sizes=sizes)
        for place, (depth, share) in enumerate(tests.items())
        for seed in range(5)
    ]
    return StoredStudy("depth", study, data_info(), COMMAND, tuple(records))


def note(level: LevelAnswer) -> str:
    """A level's difference in test accuracy as a sentence writes it."""
    return note_text(level.differences["test"].estimate)


def test_each_verdict_is_said_with_an_interval_a_level() -> None:
    answer = answer_of(question({"max": 0.6, "average": 0.3, "blur": 0.61}, seeds=5))
    _, average, blur = answer.levels
    assert [level.differences["test"].verdict for level in (average, blur)] == ["lower", "equivalent"]
    assert answer.headline == (
        f"{RATE}test accuracy is lower with average pooling ({note(average)}) than with max pooling; blur pooling "
        f"({note(blur)}) performs as well as max pooling, to within 5 points of test accuracy."
    )
    assert answer.words.ranks
    assert answer.words.details[:2][1].startswith(
        f"{RATE[:-2]} and with max pooling, the reference, training accuracy is "
    )
    assert answer.words.details[0] == f"{RATE}the model learns at all 5 seeds with max, average and blur pooling."


def test_better_levels_come_first() -> None:
    answer = answer_of(question({"max": 0.5, "average": 0.2, "blur": 0.8}, seeds=5))
    _, average, blur = answer.levels
    assert answer.headline == (
        f"{RATE}test accuracy is higher with blur pooling ({note(blur)}) and lower with average pooling "
        f"({note(average)}) than with max pooling."
    )


def test_noise_is_called_noise_and_what_would_help_is_said() -> None:
    answer = answer_of(question({"max": 0.6, "average": 0.6}, seeds=5, spread=0.25))
    assert answer.headline == (
        f"{RATE}this study cannot tell whether average pooling ({note(answer.levels[1])}) differs from max pooling in "
        "test accuracy."
    )
    assert "would find a difference of " in answer.words.details[-1]
    assert "in four cases out of five; finding 5 points would take " in answer.words.details[-1]


def test_the_margin_is_the_study_s() -> None:
    wide = pooling(("max", "average", "blur"), 5, margin=0.4)
    found = question({"max": 0.6, "average": 0.6, "blur": 0.6}, seeds=5, study=wide, spread=0.25)
    levels = answer_of(found).levels
    assert answer_of(found).headline == (
        f"{RATE}average ({note(levels[1])}) and blur ({note(levels[2])}) pooling perform as well as max pooling, to "
        "within 40 points of test accuracy."
    )
    narrow = replace(found, study=found.study.override(margin=0.001))
    assert "this study cannot tell whether average" in answer_of(narrow).headline
    assert "; finding 0.1 points would take " in answer_of(narrow).sentence


def test_a_reference_that_did_not_learn_ranks_nothing() -> None:
    answer = answer_of(question({"max": 0.25, "average": 0.6}, train={"max": 0.27, "average": 0.9}))
    assert answer.sentence.startswith(
        "No answer: the reference model did not learn in 10 epochs at learning rate 0.0005 at any of its 3 seeds "
        "(training accuracy 2"
    )
    assert answer.sentence.endswith(
        "chance 25.0 %), so differences between levels mean nothing and none is ranked. Give it more epochs."
    )
    assert not answer.words.ranks
    assert answer.best is None


def test_whether_a_level_learns_is_told_apart_from_how_well() -> None:
    answer = answer_of(partly({"average": 3}, {"max": 0.6, "average": 0.5, "blur": 0.4}))
    reference, average, blur = answer.levels
    assert answer.headline == (
        f"{RATE}the model learns at 3 of 5 seeds with average pooling and at all 5 seeds with max and blur pooling; "
        f"test accuracy is lower with blur pooling ({note(blur)}) than with max pooling; where the model learns, test "
        f"accuracy is {share_text(reference.accuracy['test'])} with max pooling, "
        f"{share_text(average.accuracy['test'])} with average pooling and {share_text(blur.accuracy['test'])} with "
        "blur pooling."
    )
    assert (
        "At learning rate 0.0005, average pooling is not ranked, as it learns at fewer than 80 % of the seeds."
        in answer.words.details
    )
    assert average.accuracy["test"].value == pytest.approx(0.5, abs=0.02)  # no mean over learnt and stuck seeds
    assert average.differences == {}
    assert (
        "At learning rate 0.0005, accuracies are of the trainings that learnt; levels are compared "
        "at the seeds where both learnt: 5 with blur "
        "pooling."
    ) in answer.words.details


def test_a_level_that_never_learns_is_not_ranked() -> None:
    answer = answer_of(partly({"average": 0}, {"max": 0.6, "average": 0.25}))
    assert answer.headline == (
        f"{RATE}the model learns at none of 5 seeds with average pooling and at all 5 seeds with max pooling."
    )
    assert not answer.words.ranks


def test_fewer_than_five_pairs_decide_nothing() -> None:
    answer = answer_of(partly({"average": 4}, {"max": 0.6, "average": 0.4, "blur": 0.4}))
    _, average, blur = answer.levels
    assert average.differences["test"].verdict == "too few seeds"
    assert blur.differences["test"].verdict == "lower"
    assert f"; there are too few seeds to decide on average pooling ({note(average)}) against max" in answer.headline
    assert answer.words.details[1].endswith(
        "are compared at the seeds where both learnt: 4 with average pooling and 5 with blur pooling. Fewer than 5 "
        "decide nothing."
    )


def test_a_reference_that_learns_rarely_ranks_nothing() -> None:
    answer = answer_of(partly({"max": 3}, {"max": 0.6, "average": 0.4}))
    reference, average = answer.levels
    assert answer.headline == (
        f"{RATE}the model learns at 3 of 5 seeds with max pooling and at all 5 seeds with "
        f"average pooling; where the model learns, test accuracy is {share_text(reference.accuracy['test'])} "
        f"with max pooling and {share_text(average.accuracy['test'])} with average pooling."
    )
    assert (
        "At learning rate 0.0005, no level is ranked, as the reference, max pooling, learns at fewer than 80 % of its "
        "seeds."
    ) in answer.words.details
    assert not answer.words.ranks


def test_a_training_that_diverged_did_not_learn() -> None:
    """Any other failure says nothing of the level."""
    lost = [trial_record(20, {"pooling": "blur", "seed": 3}, seed=3, end="not_finite")]
    lost += [trial_record(21, {"pooling": "blur", "seed": 4}, seed=4, end="error")]
    done = [trial(22 + seed, {"pooling": "blur", "seed": seed}, seed) for seed in range(3)]
    study = pooling(("max", "blur"), 5)
    levels = compare(study, question({"max": 0.6}, seeds=5, study=study, extra=[*lost, *done]).records)
    assert (levels[1].learning.learnt, levels[1].learning.seeds) == (3, 4)


def test_the_exact_interval_of_a_share() -> None:
    """Against published values (Clopper and Pearson 1934): 0 of 5 and 3 of 5."""
    assert Learning(0, 5).interval == pytest.approx((0, 0.5218), abs=1e-4)
    assert Learning(3, 5).interval == pytest.approx((0.1466, 0.9473), abs=1e-4)
    assert [Learning(n, 5).is_reliable for n in (3, 4, 5)] == [False, True, True]
    assert not Learning(0, 0).is_reliable


def test_the_smallest_depth_that_does_as_well_answers_whether_the_model_can_be_simplified() -> None:
    answer = answer_of(depths({1: 0.3, 2: 0.6, 3: 0.6, 4: 0.6}, spread=0.02, margin=0.1))
    _, two, three, _ = answer.levels
    assert answer.headline == (
        f"{RATE}the model can be simplified to 2 blocks: it performs as well as with 4 blocks, to within 10 points of "
        f"test accuracy ({note(two)})."
    )
    assert f"; 3 blocks ({note(three)}) perform as well as 4 blocks" in answer.sentence


def test_a_simpler_model_may_be_worse_by_less_than_the_margin() -> None:
    answer = answer_of(depths({2: 0.58, 4: 0.6}, spread=0.2))
    assert answer.headline == (
        f"{RATE}the model can be simplified to 2 blocks: test accuracy is lower than with 4 blocks, but by less than 5 "
        f"points ({note(answer.levels[0])})."
    )


def test_no_simpler_model_performs_as_well() -> None:
    answer = answer_of(depths({1: 0.3, 2: 0.4, 4: 0.6}, spread=0.04))
    one, two, _ = answer.levels
    assert answer.headline == (
        f"{RATE}no simpler model performs as well: test accuracy is lower with 1 ({note(one)}) and 2 ({note(two)}) "
        "blocks than with 4 blocks."
    )


def test_whether_the_model_can_be_simplified_may_not_be_known() -> None:
    answer = answer_of(depths({1: 0.3, 2: 0.6, 4: 0.6}, spread=0.02, margin=0.02))
    assert answer.headline == (
        f"{RATE}it is not known whether the model can be simplified: no smaller depth is shown to lose less than 2 "
        "points of test accuracy against 4 blocks."
    )
    assert (
        f"; this study cannot tell whether 2 blocks ({note(answer.levels[1])}) differ from 4 blocks" in answer.sentence
    )


def test_validation_and_test_that_disagree_are_mentioned() -> None:
    study = pooling(("max", "average"), 5)
    records = [
        trial(place * 5 + seed, {"pooling": level, "seed": seed}, seed, shares, spread=0.06)
        for place, (level, shares) in enumerate({"max": (0.9, 0.5, 0.6), "average": (0.9, 0.7, 0.4)}.items())
        for seed in range(5)
    ]
    answer = answer_of(StoredStudy("pooling", study, data_info(), COMMAND, tuple(records)))
    val, test = (points(answer.levels[1].differences[what].estimate.value) for what in ("val", "test"))
    assert answer.levels[1].disagrees
    assert (
        f"At learning rate 0.0005, validation and test disagree, by more than chance explains, about average "
        f"pooling ({val} points and {test} "
        "points): what validation would choose is not what the test photographs favour."
    ) in answer.words.details
    assert "disagree" not in answer_of(question({"max": 0.6, "average": 0.59}, seeds=5)).sentence


def test_one_seed_compares_nothing() -> None:
    answer = answer_of(question({"max": 0.9, "average": 0.1}, seeds=1))
    assert answer.levels[1].differences == {}
    assert answer.headline == (
        "No level is compared with another: one seed is too few to separate an effect from the luck of the seed. "
        "Run at least 5 seeds."
    )
    assert not answer.words.ranks


def test_two_seeds_rank_nothing() -> None:
    """Where seeds may stay at chance, two find a difference where there is none twice as often as is claimed."""
    answer = answer_of(question({"max": 0.9, "average": 0.1}, seeds=2))
    assert not answer.levels[1].differences["test"].is_clear
    assert answer.headline.startswith(f"{RATE}there are too few seeds to decide on average pooling (")
    assert "2 seeds are too few to separate an effect from the luck of the seed: no level is ranked." in answer.sentence


def test_statements_carry_the_learning_rate_that_they_hold_at() -> None:
    """A level that is worse at the reference's rate may be better at its own."""
    assert condition(pooling()) == "at learning rate 0.0005"
    assert condition(pooling(fixed={"learning_rate": 0.001})) == "at learning rate 0.001"
    tuned = pooling(nuisance={"learning_rate": {"levels": [0.1, 0.2]}}, tuning={"trials_per_level": 2})
    assert condition(tuned) == "with the learning rate tuned for each level"
    levels = {"learning_rate": {"levels": [0.001, 0.01], "reference": 0.001}}
    assert condition(Study.model_validate({"name": "r", "question": "Q?", "seeds": 2, "scientific": levels})) == ""


def test_no_answer_before_the_reference_has_finished() -> None:
    none = StoredStudy("pooling", pooling(), None, COMMAND, ())
    assert answer_of(none).sentence == (
        "So far (0 of 9 trials): No answer yet: no trial at the reference level has finished."
    )
    half = question({"average": 0.5}, study=pooling(("max", "average")))
    assert "No answer yet" in answer_of(half).sentence


def test_a_reference_that_failed_at_every_seed_is_no_answer() -> None:
    failed = [trial_record(30 + seed, {"pooling": "max", "seed": seed}, seed=seed, end="error") for seed in range(3)]
    answer = answer_of(question({"average": 0.5}, study=pooling(("max", "average")), extra=failed))
    assert answer.sentence == (
        "No answer: every training with max pooling, the reference, failed, so there is nothing to compare. Failed "
        "trainings at learning rate 0.0005: 3 of 3 with max pooling (3 crashed)."
    )


def test_a_study_under_way_says_how_far_it_is() -> None:
    running = trial_record(20, {"pooling": "blur", "seed": 0}, end="running")
    found = question({"max": 0.6, "average": 0.3}, seeds=5, study=pooling(seeds=5), extra=[running])
    answer = answer_of(found)
    assert (found.over, found.total, found.is_over) == (10, 15, False)
    assert answer.sentence.startswith(f"So far (10 of 15 trials): {RATE}test accuracy is lower")
    assert "blur" not in answer.sentence


def test_failed_trials_and_missing_seeds() -> None:
    failed = trial_record(20, {"pooling": "blur", "seed": 0}, end="error")
    alone = trial(21, {"pooling": "blur", "seed": 2}, 2)
    levels = compare(pooling(), question({"max": 0.6, "average": 0.3}, extra=[failed, alone]).records)
    blur = levels[2]
    assert (len(blur.trials), blur.failed) == (1, 1)
    assert blur.differences == {}  # one seed in common compares nothing
    assert blur.failures == {"error": 1}


def test_trainings_that_failed_are_said_first() -> None:
    """A level that diverges is a finding; seeds that are missing change what the others say."""
    diverged = [
        trial_record(20 + seed, {"pooling": "blur", "seed": seed}, seed=seed, end="not_finite") for seed in range(3)
    ]
    answer = answer_of(question({"max": 0.6, "average": 0.3}, study=pooling(), extra=diverged))
    assert answer.words.details[0] == (
        "Failed trainings at learning rate 0.0005: 3 of 3 with blur pooling (3 diverged)."
    )
    some = [*diverged[:2], trial(22, {"pooling": "blur", "seed": 2}, 2)]
    answer = answer_of(question({"max": 0.6, "average": 0.3}, study=pooling(), extra=some))
    assert answer.words.details[0] == (
        "Failed trainings at learning rate 0.0005: 2 of 3 with blur pooling (2 diverged); the results are those of "
        "the others."
    )
    assert "Failed trainings" not in answer_of(question({"max": 0.6, "average": 0.3})).sentence


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
    answer = answer_of(StoredStudy("reference", study, data_info(), COMMAND, records))
    train, test = (share_text(answer.levels[0].accuracy[split]) for split in ("train", "test"))
    assert answer.headline == (
        f"The reference model learns at all 2 seeds and classifies {train} of the training images and {test} of the "
        "test images correctly."
    )
    assert answer.reference is answer.levels[0]
    assert answer.words.details[0].startswith("The gap between the two is 3")
    stuck = trial(2, {"seed": 2}, 2, (0.26, 0.25, 0.25))
    answer = answer_of(StoredStudy("reference", study, data_info(), COMMAND, (*records, stuck)))
    assert answer.headline == (
        "The reference model learns at 2 of 3 seeds (95 % interval 9 to 99 %); where it learns, it classifies "
        f"{train} of the training images and {test} of the test images correctly."
    )
    answer = answer_of(StoredStudy("reference", study, data_info(), COMMAND, (stuck,)))
    assert answer.words.headline.startswith("No answer: the reference model did not learn in 10 epochs at any of its 1")
    assert "levels" not in answer.sentence


def test_another_configuration_is_not_called_the_reference_model() -> None:
    data = {"name": "joint-best", "question": "Q?", "seeds": 2}
    best = Study.model_validate({**data, "fixed": {"depth": 3, "train_on_validation": True}})
    assert subject(best) == "this configuration"
    again = Study.model_validate({**data, "fixed": {"epochs": 9, "train_on_validation": True}})
    assert subject(again) == "the reference model"


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
    assert named_all("pooling", ["blur", "average"], notes=["a", "b"]) == "blur (a) and average (b) pooling"
    assert named_all("depth", [1, 2], notes=["a", "b"]) == "1 (a) and 2 (b) blocks"


def test_numbers_in_words() -> None:
    assert (percent(0.4894), points(-0.2351), points(0.0004), points(0.031)) == ("48.9 %", "−23.5", "0.0", "+3.1")
    assert [p_text(p) for p in (0.0001, 0.0312, 0.5, 1.0)] == ["< 0.001", "0.031", "0.50", "1"]
    level = compare(pooling(), question({"max": 0.6, "average": 0.3}).records)[1]
    assert difference_text(level.differences["test"].estimate).startswith("−")
