"""Studies that look at their results: which levels leave, when, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.answer import StoredStudy, answer_of
from search.answer.checklist import ITEMS
from search.answer.looks import course
from search.answer.tables.markdown import answer_markdown
from search.answer.tables.rows import differences
from search.answer.words.facts import facts
from search.answer.words.looks import look_text
from search.answer.words.method import method
from search.api.conversion import study_answer
from search.figures.accuracy import differences as effect
from search.folder.record import TrialRecord
from search.study import Study
from tests.search.answer.made import COMMAND, pooling, trial
from tests.search.fabricate import data_info
from trainer.events import Failed

LEVELS = ("max", "average", "blur")
SIZES: Any = {"train": (3,) * 4, "val": (3,) * 4, "test": (40,) * 4}


def looking(levels: Sequence[str] = LEVELS, seeds: str = "5 to 20", **changes: Any) -> Study:
    return pooling(levels, **{"seeds": seeds, **changes})  # type: ignore[arg-type]


def trained(tests: Mapping[str, float], seeds: range, spread: float = 0.03, **of_trial: Any) -> list[TrialRecord]:
    """Replicates with about these test accuracies; test photographs are many."""
    found = []
    for seed in seeds:
        for place, (level, share) in enumerate(tests.items()):
            params = {"pooling": level, "seed": seed}
            shares = (0.9, 0.7, share)
            found.append(
                trial(len(LEVELS) * seed + place, params, seed, shares, spread=spread, sizes=SIZES, **of_trial)
            )
    return found


def failed(record: TrialRecord, kind: str = "error") -> TrialRecord:
    end = Failed(trial=record.config.trial, kind=kind, message="made up")  # type: ignore[arg-type]
    return replace(record, events=(*record.events[:-1], end))


def recorded(study: Study, records: Sequence[TrialRecord]) -> StoredStudy:
    return StoredStudy("pooling", study, data_info(), COMMAND, tuple(records))


def test_until_the_first_look_nothing_is_compared() -> None:
    study = looking()
    records = trained({"max": 0.7, "average": 0.3, "blur": 0.7}, range(5))[:-1]
    found = course(study, records)
    assert found.due == {"max": 5, "average": 5, "blur": 5}
    assert (found.taken, found.departures) == ((), {})
    assert not any(level.differences for level in found.levels)
    answer = answer_of(recorded(study, records))
    assert answer.sentence.startswith("So far (14 of at most 60 trials): ")
    assert "The next look, after 5 replicates, is at average and blur pooling." in answer.sentence


def test_a_level_that_is_decided_leaves_and_the_reference_stays() -> None:
    study = looking()
    records = trained({"max": 0.7, "average": 0.3, "blur": 0.74}, range(5))
    found = course(study, records)
    assert found.taken == (5,)
    assert found.departures == {"average": (5, "decided")}
    assert found.due == {"max": 8, "average": 5, "blur": 8}
    level = next(level for level in found.levels if level.level == "average")
    assert level.differences["test"].verdict == "lower"
    assert level.differences["test"].estimate.high < 0


def test_what_a_level_left_with_does_not_change() -> None:
    """Whatever the reference level does afterwards, and whatever else is looked at."""
    study = looking()
    before = trained({"max": 0.7, "average": 0.3, "blur": 0.74}, range(5))
    after = [*before, *trained({"max": 0.3, "blur": 0.3}, range(5, 8))]
    first, then = (
        next(level for level in course(study, records).levels if level.level == "average").differences["test"]
        for records in (before, after)
    )
    assert first.estimate == then.estimate or first.estimate.by_seed == then.estimate.by_seed
    assert (first.estimate.n_seeds, then.estimate.n_seeds) == (5, 5)


def test_the_study_ends_when_all_levels_have_left() -> None:
    study = looking()
    records = trained({"max": 0.7, "average": 0.3, "blur": 0.2}, range(5))
    found = course(study, records)
    assert found.left == {"max": 5, "average": 5, "blur": 5}
    answer = answer_of(recorded(study, records))
    assert answer.recorded.is_over
    assert (answer.recorded.total, answer.recorded.is_at_most) == (15, False)
    assert "So far" not in answer.sentence
    assert "Looks were planned after 5, 8, 12 and 20 replicates, before the first training" in answer.sentence
    assert (
        "At learning rate 0.0005, average (lower) and blur (lower) pooling were decided after 5 replicates."
        in answer.sentence
    )


def test_a_level_of_which_nothing_finished_leaves() -> None:
    study = looking()
    records = [
        failed(record) if record.params["pooling"] == "blur" else record
        for record in trained({"max": 0.7, "average": 0.3, "blur": 0.7}, range(5))
    ]
    found = course(study, records)
    assert found.departures["blur"] == (5, "failed")
    assert (
        "blur pooling left after 5 replicates, as every training failed" in answer_of(recorded(study, records)).sentence
    )


def test_a_failed_replicate_is_over_and_makes_no_pair() -> None:
    study = looking()
    records = trained({"max": 0.7, "average": 0.3, "blur": 0.7}, range(5))
    records = [failed(r) if r.params == {"pooling": "average", "seed": 2} else r for r in records]
    found = course(study, records)
    assert found.taken == (5,)
    assert found.due["average"] == 8  # four pairs claim nothing
    level = next(level for level in found.levels if level.level == "average")
    assert level.differences["test"].verdict == "too few seeds"


def test_a_level_that_cannot_learn_at_enough_seeds_leaves() -> None:
    study = looking()
    records = [
        trial(r.number, r.params, r.config.seed, (0.26, 0.25, 0.25), sizes=SIZES)
        if r.params["pooling"] == "blur"
        else r
        for r in trained({"max": 0.7, "average": 0.3, "blur": 0.7}, range(5))
    ]
    found = course(study, records)
    assert found.departures["blur"] == (5, "not learning")
    assert "as too few seeds learn" in answer_of(recorded(study, records)).sentence


def test_where_the_reference_cannot_learn_the_study_ends() -> None:
    study = looking()
    records = [
        trial(r.number, r.params, r.config.seed, (0.26, 0.25, 0.25), sizes=SIZES) if r.params["pooling"] == "max" else r
        for r in trained({"max": 0.7, "average": 0.3, "blur": 0.7}, range(5))
    ]
    assert course(study, records).left == {"max": 5, "average": 5, "blur": 5}


def test_at_the_last_look_all_leave() -> None:
    study = looking(seeds="5 to 6")
    rng = np.random.default_rng(1)
    records = [
        trial(
            3 * seed + place, {"pooling": level, "seed": seed}, seed, (0.9, 0.7, 0.5 + rng.normal(0, 0.12)), sizes=SIZES
        )
        for seed in range(6)
        for place, level in enumerate(LEVELS)
    ]
    found = course(study, records)
    assert set(found.left) == set(LEVELS)


def test_the_table_says_which_look_a_row_is_of() -> None:
    study = looking()
    answer = answer_of(recorded(study, trained({"max": 0.7, "average": 0.3, "blur": 0.74}, range(5))))
    table = differences(answer)
    assert table.columns[-1] == "look"
    looks = {row[0]: row[-1] for row in table.rows}
    assert looks == {"average": "after 5", "blur": "after 5, goes on"}
    assert "p and intervals hold at all looks at once" in table.note
    assert "after 5, goes on" in answer_markdown(answer)
    assert dict(facts(answer))["Seeds"] == (
        "at most 20 of each level, the same for all; levels that are decided leave at looks after 5, 8, 12 and 20"
    )
    assert any("written down before the first training" in text for text in method([answer]))


def test_replicates_beyond_the_look_are_no_pairs(tmp_path: Path) -> None:
    """The next look's are under way: neither the figure nor the tables count them in a difference."""
    records = trained({"max": 0.7, "average": 0.3, "blur": 0.74}, range(5))
    records += trained({"max": 0.7, "blur": 0.74}, range(5, 7))
    answer = answer_of(replace(recorded(looking(), records), folder=tmp_path))
    picture = effect(answer)
    assert picture is not None
    assert "blur pooling, seed 4: " in picture.svg
    assert "blur pooling, seed 5: " not in picture.svg
    exported = study_answer(answer)
    assert exported.levels[2].seeds == tuple(range(7))
    assert set(exported.tables()["comparisons"]["n_pairs"]) == {5}
    assert exported.trials == 5 + 2 * 20


def test_the_checklist_names_the_looks_and_how_the_error_is_spent() -> None:
    records = trained({"max": 0.7, "average": 0.3, "blur": 0.74}, range(5))
    found = {item.claim: item.known for item in ITEMS}
    answer = answer_of(recorded(looking(), records))
    training, statistics = found[25], found[29]
    assert training is not None
    assert statistics is not None
    assert "15 trainings finished, at most 20 seeds of each level." in training(answer)
    assert statistics(answer).endswith(
        "no claim with fewer than five seeds. Looks were planned after 5, 8, 12 and 20 replicates, before the first "
        "training: test accuracy decides, the margin is 5 points, an error of 5 % is spent over looks and levels, and "
        "intervals hold at all looks at once."
    )


def test_an_interval_excludes_0_exactly_where_a_difference_is_claimed() -> None:
    study = looking()
    for share in np.linspace(0.55, 0.7, 12):
        for level in course(study, trained({"max": 0.7, "average": share, "blur": 0.7}, range(5), 0.1)).levels:
            for found in level.differences.values():
                excludes = found.estimate.low > 0 or found.estimate.high < 0
                assert excludes == found.is_clear
                if found.is_equivalent:
                    assert -study.margin <= found.estimate.low <= found.estimate.high <= study.margin


def test_an_interval_at_a_look_is_wider_than_without() -> None:
    records = trained({"max": 0.7, "average": 0.6, "blur": 0.7}, range(5), 0.1)
    once = answer_of(recorded(pooling(LEVELS, seeds=5), records)).levels[1].differences["train"].estimate
    among = answer_of(recorded(looking(), records)).levels[1].differences["train"].estimate
    assert among.low <= once.low <= once.high <= among.high
    assert among.high - among.low > once.high - once.low


def test_what_is_said_at_a_look() -> None:
    study = looking()
    found = course(study, trained({"max": 0.7, "average": 0.3, "blur": 0.74}, range(5)))
    assert look_text(study, found) == (
        "Look after 5 replicates: At learning rate 0.0005, average pooling (lower) was decided after 5 replicates. "
        "1 of 2 levels goes on."
    )


def test_replicates_that_were_added_after_the_result_was_seen_are_told() -> None:
    study = pooling(LEVELS, seeds=7)
    records = trained({"max": 0.7, "average": 0.3, "blur": 0.7}, range(7))
    answer = answer_of(replace(recorded(study, records), seen=(5, 6)))
    assert answer.caveats == [
        "Replicates were added after the result was seen (at 5 and 6), without looks that had been planned: whoever "
        "goes on until a difference is found finds one more often than in 5 % of studies without any. Looks that are "
        'planned keep the error (seeds = "5 to 20").'
    ]
    assert answer_of(recorded(study, records)).caveats == []


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_records_does_not_matter(order: int) -> None:
    records = trained({"max": 0.7, "average": 0.3, "blur": 0.74}, range(8))
    found = course(looking(), records[::order])
    assert found.left["average"] == 5
