"""Whether trainings learn, and when they start: counted, compared, told and drawn."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from search.answer import Answer, StoredStudy, answer_of
from search.answer.learning import Learning, has_learnt, start_of
from search.answer.levels import compare
from search.answer.measures import Predictions, accuracy, macro_f1
from search.answer.starts import differences_in_start, measured_when, median_start, start_text
from search.answer.tables.markdown import answer_markdown
from search.answer.tables.rows import accuracies, starts
from search.answer.tables.terminal import print_answer
from search.answer.words.facts import facts
from search.answer.words.method import METHOD
from search.figures.curves import learning_curves
from search.folder.journal import read_trial
from search.folder.record import TrialRecord
from tests.search.answer.made import COMMAND, pooling, question, trial
from tests.search.fabricate import data_info, trial_record
from trainer.config import TrainConfig
from trainer.events import Epoch, SplitName

GOLDEN = Path(__file__).parents[1] / "golden"


def waiting(
    *starts: Sequence[int | None], levels: Sequence[str] = ("max", "average"), n_epochs: int = 40, **fixed: Any
) -> StoredStudy:
    """A pooling study whose trainings start in these epochs, a level after the other; None: they stay at chance."""
    records = []
    for level, mine in zip(levels, starts, strict=True):
        for seed, start in enumerate(mine):
            shares = (0.26, 0.25, 0.25) if start is None else (0.9, 0.7, 0.6)
            n = len(records)
            record = trial(
                n, {"pooling": level, "seed": seed}, seed, shares, start=start, spread=0.06, n_epochs=n_epochs
            )
            config = TrainConfig.of({**record.config.model_dump(), **fixed})
            records.append(replace(record, config=config))
    study = pooling(levels, seeds=len(starts[0]), fixed={"epochs": n_epochs, **fixed})
    return StoredStudy("pooling", study, data_info(), COMMAND, tuple(records))


def with_losses(losses: Sequence[float], **sizes: Any) -> TrialRecord:
    """A finished training as version 0.1 left it: its losses are known, not its start."""
    record = trial(0, {}, 0, n_epochs=len(losses), **sizes)
    epochs = [event for event in record.events if isinstance(event, Epoch)]
    told = [e.model_copy(update={"train_loss": loss}) for e, loss in zip(epochs, losses, strict=True)]
    assert record.finished is not None
    values = {k: v for k, v in record.finished.model_dump().items() if k != "start_epoch"}
    end = type(record.finished).model_validate(values)
    return replace(record, events=(record.events[0], *told, end))


# --------------------------------------------------------------------------------------------------- a training's start


def test_a_start_is_what_the_trainer_says() -> None:
    record = trial(0, {}, 0, start=7)
    assert (start_of(record), has_learnt(record)) == (7, True)
    record = trial(0, {}, 0, start=None)
    assert (start_of(record), has_learnt(record)) == (None, False)


def test_where_the_trainer_did_not_say_the_losses_do() -> None:
    assert start_of(with_losses([1.40, 1.386, 1.30, 1.29, 0.9])) == 4
    assert start_of(with_losses([1.40, 1.386, 1.30])) is None


def test_trainings_of_unequal_classes_can_learn() -> None:
    """Of 100 photographs of a class and 1 of another, guessing is right in 99 % of the images: 10 points above is none.
    The loss at chance is 0.0555.
    """
    sizes: dict[SplitName, tuple[int, int]] = {"train": (100, 1), "val": (10, 1), "test": (10, 1)}
    assert start_of(with_losses([0.6, 0.0555, 0.053, 0.05], sizes=sizes)) == 4
    assert not has_learnt(with_losses([0.6, 0.0555, 0.0554, 0.0553], sizes=sizes))


def test_a_training_that_is_not_finished_has_no_start() -> None:
    for end in ("running", "not_finite", "stopped"):
        assert start_of(trial_record(0, end=end)) is None


@pytest.mark.parametrize("version", sorted(path.name for path in GOLDEN.glob("v*")))
def test_journals_of_earlier_versions_have_starts(version: str) -> None:
    paths = sorted((GOLDEN / version / "trials").glob("0*.jsonl"))
    records = [record for path in paths if (record := read_trial(path))]
    assert [start_of(record) for record in records] == [1, 1, 1, 1]
    assert all("start_epoch" not in record.finished.model_fields_set for record in records if record.finished)


# ---------------------------------------------------------------------------------------------------- starts of a level


def test_median_and_range_over_seeds() -> None:
    assert start_text(Learning(3, 3, (15, 19, 36))) == "19 (15 to 36)"
    assert start_text(Learning(4, 4, (15, 19, 22, 36))) == "20.5 (15 to 36)"
    assert start_text(Learning(3, 5, (15, 19, 36), (100, 100))) == "36 (15 to > 100)"
    assert start_text(Learning(2, 5, (15, 19), (100, 100, 100))) == "> 100 (15 to > 100)"
    assert start_text(Learning(0, 2, (), (100, 100))) == "> 100"
    assert start_text(Learning(1, 1, (15,))) == "15"
    assert start_text(Learning()) == ""
    assert median_start(Learning(2, 4, (15, 19), (100, 100))) == math.inf
    assert math.isnan(median_start(Learning()))


def test_starts_are_compared_with_those_that_never_start_censored() -> None:
    early, late = Learning(5, 5, (10, 12, 14, 16, 18)), Learning(2, 5, (60, 70), (100, 100, 100))
    data = [stats.CensoredData(uncensored=[60, 70], right=[100] * 3), stats.CensoredData(uncensored=early.starts)]
    alone = stats.logrank(*data).pvalue
    assert differences_in_start([late], early) == pytest.approx([alone])
    assert alone < 0.01
    assert differences_in_start([late, early], early) == pytest.approx([2 * alone, 1.0])  # Holm


def test_what_has_no_difference_has_a_p_of_1() -> None:
    never, same = Learning(0, 3, (), (9, 9, 9)), Learning(3, 3, (4, 4, 4))
    assert differences_in_start([never], never) == [1.0]
    assert differences_in_start([same], same) == [1.0]
    assert differences_in_start([Learning()], same) == [1.0]


def test_the_test_claims_about_as_often_as_it_says() -> None:
    """The docstring's figure: 6 to 7 % of comparisons of 5 seeds with 5 that do not differ."""
    rng = np.random.default_rng(3)
    times = np.ceil(np.exp(3 + 0.4 * rng.normal(size=(600, 2, 5))))
    found = [differences_in_start([Learning(5, 5, tuple(a))], Learning(5, 5, tuple(b)))[0] < 0.05 for a, b in times]
    assert 0.03 < np.mean(found) < 0.11


def test_a_training_that_diverged_would_have_started_later_or_never() -> None:
    lost = trial_record(9, {"pooling": "average", "seed": 3}, seed=3, end="not_finite", n_epochs=10)
    crashed = trial_record(10, {"pooling": "average", "seed": 4}, seed=4, end="error", n_epochs=10)
    levels = compare(pooling(("max", "average")), question({"max": 0.6, "average": 0.5}, extra=(lost, crashed)).records)
    assert levels[1].learning == Learning(3, 4, (2, 2, 2), (10,))


def test_under_the_clock_seeds_are_waited_for_until_their_last_chance() -> None:
    levels = compare(pooling(("max", "average")), waiting([9, 12, None], [None] * 3, epochs_after_start=15).records)
    assert levels[0].learning == Learning(2, 3, (9, 12), (25,))
    assert (levels[0].start_p, levels[1].learning.waited) == (None, (25, 25, 25))
    assert levels[1].start_p is not None
    assert 0.05 < levels[1].start_p < 0.2


# ------------------------------------------------------------------------------------------------------------ the words


def shown_in_terminal(answer: Answer) -> str:
    text = io.StringIO()
    print_answer(answer, Console(file=text, width=80))
    return text.getvalue()


def test_when_levels_start_is_told_and_tabled() -> None:
    recorded = waiting([9, 12, 15, 18, 20], [None, 14, 16, 30, None], epochs_after_start=10)
    answer = answer_of(recorded)
    assert (
        "At learning rate 0.0005, learning starts in epoch (median and range over seeds): 15 (9 to 20) with max "
        "pooling and 30 (14 to > 30) with average pooling."
    ) in answer.words.details
    assert answer.words.headline.startswith(
        "At learning rate 0.0005, the model learns at 3 of 5 seeds with average pooling and "
        "at all 5 seeds with max pooling; "
    )
    assert "where the model learns, test accuracy is" in answer.words.headline
    table = starts(answer)
    p = answer.levels[1].start_p
    assert p is not None
    assert table.columns == ("pooling", "learns at seeds", "starts in epoch", "p")
    assert table.rows == (
        ("max", "5 of 5 (48–100 %)", "15 (9 to 20)", "–"),
        ("average", "3 of 5 (15–95 %)", "30 (14 to > 30)", f"{p:.2f}" if p >= 0.1 else f"{p:.3f}"),
    )
    assert "log-rank test, censored, corrected for the number of levels" in table.note
    assert "| average | 3 of 5 (15–95 %) | 30 (14 to \\> 30) |" in answer_markdown(answer)
    assert "30 (14 to > 30)" in shown_in_terminal(answer)


def test_a_level_of_failures_says_so_in_the_table() -> None:
    crashed = trial_record(9, {"pooling": "average", "seed": 3}, seed=3, end="error", n_epochs=10)
    answer = answer_of(question({"max": 0.6, "average": 0.5}, extra=(crashed,)))
    assert starts(answer).rows[1][1] == "3 of 3 (29–100 %), 1 failed"


def test_the_reference_model_alone_is_compared_with_nobody() -> None:
    records = tuple(trial(n, {"seed": n}, n, start=4 + n) for n in range(3))
    study = pooling().model_copy(update={"scientific": {}, "name": "reference"})
    answer = answer_of(StoredStudy("reference", study, data_info(), COMMAND, records))
    assert starts(answer).columns == ("model", "learns at seeds", "starts in epoch")
    assert starts(answer).rows == (("reference model", "3 of 3 (29–100 %)", "5 (4 to 6)"),)
    assert "p:" not in starts(answer).note
    assert "Learning starts in epoch (median and range over seeds): 5 (4 to 6)." in answer.words.details


def test_a_study_under_the_clock_says_when_it_measured() -> None:
    clock = {"epochs_after_start": 10, "evaluate_last": 5}
    said = "10 epochs after the start of learning, at most 40 epochs; figures are means over the last 5"
    answer = answer_of(waiting([9, 12, 15], [14, 16, 30], **clock))
    assert ("Measured", said) in facts(answer)
    assert f" Measured {said}, in inference mode" in accuracies(answer).note
    plain = answer_of(waiting([9, 12, 15], [14, 16, 30]))
    assert ("Measured", "after 40 epochs") in facts(plain)
    assert "at most" not in accuracies(plain).note
    assert measured_when(TrainConfig(epochs=2, epochs_after_start=1)) == (
        "1 epoch after the start of learning, at most 2 epochs"
    )


def test_a_reference_that_never_starts_had_so_many_epochs() -> None:
    answer = answer_of(waiting([None] * 3, [9, 9, 9], epochs_after_start=10))
    assert "the reference model did not learn in 30 epochs at learning rate 0.0005" in answer.words.headline


def test_the_method_says_what_a_start_is() -> None:
    assert (
        "is below that of always answering the shares of the classes by 6.5 % of it (0.09 of 1.39 for four" in METHOD[0]
    )


# ----------------------------------------------------------------------------------------------------------- the figure


def test_starts_are_marked_and_without_the_clock_epochs_count_from_the_first() -> None:
    drawn = learning_curves(answer_of(waiting([9, 12, 15], [14, None, 30])))
    assert "Ticks below: where each seed starts to learn." in drawn.caption
    assert "Thin and grey: training accuracy of seeds that did not learn" in drawn.caption


def test_under_the_clock_curves_are_drawn_from_the_start() -> None:
    recorded = waiting(
        [9, 12, 15], [14, None, 20], [None] * 3, levels=("max", "average", "blur"), epochs_after_start=10
    )
    cut = []
    for record in recorded.records:  # each training ends by its own start
        n = (start_of(record) or 20) + 10
        cut.append(replace(record, events=(*record.events[: n + 1], record.events[-1])))
    drawn = learning_curves(answer_of(replace(recorded, records=tuple(cut))))
    assert drawn.caption.endswith("4 trainings that did not learn left out.")
    assert "Ticks" not in drawn.caption
    assert "max pooling" in drawn.svg
    assert "blur pooling" not in drawn.svg.split("At the end, training and validation accuracy:")[1].split(".")[0]


# -------------------------------------------------------------------------------------- several evaluations of an image


def test_several_evaluations_are_no_more_evidence_than_one() -> None:
    """Five evaluations that agree give the interval, the images and the weights of one."""
    records = question({"max": 0.6}, seeds=5, study=pooling(("max", "average"), 5)).records
    many = [_evaluated(record, 5) for record in records]
    for measure in (accuracy, macro_f1):
        one, five = (measure(Predictions.of(trials, "test")).share() for trials in (records, many))
        assert (five.value, five.low, five.high) == pytest.approx((one.value, one.low, one.high))
        assert five.variance.n_effective == pytest.approx(one.variance.n_effective)
    images = [Predictions.of(trials, "test").images for trials in (records, many)]
    assert images[1] == pytest.approx(images[0])


def test_shares_of_an_image_make_the_mean() -> None:
    record = question({"max": 0.6}, seeds=1, study=pooling(("max", "average"), 1)).records[0]
    assert record.finished is not None
    test = record.finished.splits["test"]
    photos = [
        p.model_copy(update={"predicted": [9.2, 0.8, 0, 0] if p.label == 0 else p.predicted}) for p in test.photos
    ]
    splits = {**record.finished.splits, "test": test.model_copy(update={"photos": photos})}
    events = (*record.events[:-1], record.finished.model_copy(update={"splits": splits}))
    found = Predictions.of([replace(record, events=events)], "test")
    assert found.hits[0, found.labels == 0] == pytest.approx(9.2)
    assert found.images == pytest.approx(10.0)


def _evaluated(record: TrialRecord, n: int) -> TrialRecord:
    """Its counts as a mean over so many evaluations, with the rounding that comes of it."""
    assert record.finished is not None
    end = json.loads(record.finished.model_dump_json())
    for split in end["splits"].values():
        for photo in split["photos"]:
            photo["predicted"] = [sum([count / n] * n) for count in photo["predicted"]]
    return replace(record, events=(*record.events[:-1], type(record.finished).model_validate(end)))
