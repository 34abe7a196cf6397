"""Searches that train their best again: what is trained, also after an interruption, and what is recommended."""

from __future__ import annotations

from pathlib import Path

import pytest
from optuna.trial import TrialState

from search.answer import StoredStudy, answer_of
from search.answer.confirmed import confirmed, ending_text
from search.answer.tables.rows import tables
from search.controller.trial_source import NO_MORE_TRIALS, NOT_AMONG_THE_BEST
from search.folder.record import TrialRecord
from search.stores.optuna.queue import trial_params
from search.study import Study
from search.study.confirm import CONFIRM_SEED, candidates, settings
from search.study.design import reference_params
from search.study.diff import meaning_diff
from search.study.starts import Start
from tests.search import workshop
from tests.search.workshop import Watcher, Workshop, hunt

pytestmark = pytest.mark.usefixtures("quick_to_open")


STUDY = hunt(7, sampler="random", confirm=2)


def trained(shop: Workshop) -> set[tuple[str, str, int]]:
    return {(record.role, str(sorted(record.params.items())), record.config.fold) for record in shop.records()}


@pytest.mark.parametrize("slots", [1, 3])
def test_the_best_are_trained_again_in_the_same_study(tmp_path: Path, storage: Path, slots: int) -> None:
    shop = workshop.workshop(tmp_path / "runs", storage)
    view = Watcher()
    assert shop.run(STUDY, slots=slots, view=view) == "finished"
    records = shop.records()
    again = [record for record in records if record.role == "confirm"]
    assert len(again) in (10, 12)  # the reference model is among the best five, or beside them
    assert (view.tally.total, view.tally.complete, view.tally.at_most) == (len(records), len(records), False)
    assert {record.config.seed for record in again} == {CONFIRM_SEED, CONFIRM_SEED + 1}
    trials = shop.trials("hunt")
    assert [trial.user_attrs["role"] for trial in trials] == ["search"] * 7 + ["confirm"] * len(again)
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert trial_params(trials[-1])["seed"] == CONFIRM_SEED + 1
    assert shop.run(STUDY) == "finished"  # again: nothing is trained
    assert shop.records() == records


def test_an_interruption_while_the_best_are_trained_again(tmp_path: Path, storage: Path) -> None:
    straight = workshop.workshop(tmp_path / "straight", storage)
    assert straight.run(STUDY) == "finished"
    shop = workshop.workshop(tmp_path / "interrupted", storage)
    for number in (6, 9):

        def interrupt(record: TrialRecord, last: int = number) -> None:
            if record.number == last and not record.terminal:
                assert shop.controller is not None
                shop.controller.interrupt()

        assert shop.run(STUDY, view=Watcher(interrupt)) == "interrupted"
    assert shop.run(STUDY) == "finished"
    assert trained(shop) == trained(straight)


def test_more_trials_of_a_search_that_was_over(tmp_path: Path, storage: Path) -> None:
    shop = workshop.workshop(tmp_path / "runs", storage)
    assert shop.run(hunt(7, sampler="random")) == "finished"
    assert len(shop.records()) == 7
    assert shop.run(STUDY) == "finished"  # the file asks for it now
    assert {record.role for record in shop.records()} == {"search", "confirm"}
    assert shop.run(hunt(9, sampler="random", confirm=2)) == "finished"
    assert sum(record.role == "search" for record in shop.records()) == 9


MORE = hunt(24, sampler="random", confirm=2)


def confirmed_settings(records: list[TrialRecord]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for record in records:
        one: dict[str, object] = dict(settings(record.params))
        if record.role == "confirm" and one not in found:
            found.append(one)
    return found


def stored(study: Study, records: list[TrialRecord]) -> StoredStudy:
    return StoredStudy("hunt", study, None, "", tuple(records))


def test_a_search_that_goes_on_after_its_best_were_trained_again(tmp_path: Path, storage: Path) -> None:
    shop = workshop.workshop(tmp_path / "runs", storage)
    assert shop.run(STUDY) == "finished"
    before = shop.records()
    going_on = stored(MORE, before)
    assert not going_on.is_over
    others = [r for r in before if r.role == "confirm" and settings(r.params) != reference_params(MORE)]
    assert (going_on.total, going_on.is_at_most) == (24 + 2 * 6 + len(others), True)
    begun = answer_of(going_on)
    assert begun.search is not None
    assert begun.search.confirmed is None
    assert begun.words.details[-1] == (
        "When the search is over, the best 5 by validation are trained again on 2 new seeds, and the recommendation is "
        "made among these."
    )
    view = Watcher()
    assert shop.run(MORE, view=view) == "finished"
    records = shop.records()
    assert records[: len(before)] == before, "what was trained again keeps its trainings"
    assert sum(record.role == "search" for record in records) == 24
    chosen = candidates(stored(MORE, records).results, reference_params(MORE))
    old, new = confirmed_settings(before), confirmed_settings(records)
    assert all(one in new for one in chosen)
    assert [one for one in new if one not in chosen and one not in old] == []
    assert len(new) > len(old), "the best five are others now"
    assert len(new) > len(chosen), "and some of the old ones are not among them"
    assert (view.tally.total, view.tally.complete) == (len(records), len(records))
    assert shop.run(MORE) == "finished"
    assert shop.records() == records

    answer = answer_of(stored(MORE, records))
    assert answer.recorded.is_over
    assert answer.search is not None
    assert answer.search.confirmed is not None
    compared = [settings(one.trial.params) for one in answer.search.confirmed.candidates]
    assert len(compared) == len(new)
    assert all(one in new for one in compared)
    assert (
        "The best of the first 7 trials had been trained again, and could be seen, before 17 more were made: whoever "
        "goes on until they like the result finds differences where there are none more often than p says."
    ) in answer.words.details
    half = stored(MORE, records[:-1])
    assert not half.is_over
    assert not confirmed(half).is_over  # type: ignore[union-attr]
    assert "could be seen" not in answer_of(stored(STUDY, before)).sentence


def test_a_search_that_goes_on_while_its_best_are_trained_again(tmp_path: Path, storage: Path) -> None:
    """Those that had not begun wait until the search is over, and are trained only if they are among its best then."""
    shop = workshop.workshop(tmp_path / "runs", storage)

    def interrupt(record: TrialRecord) -> None:
        if record.number == 9 and not record.terminal:
            assert shop.controller is not None
            shop.controller.interrupt()

    assert shop.run(STUDY, view=Watcher(interrupt)) == "interrupted"
    waiting = [t.number for t in shop.trials("hunt") if t.state == TrialState.WAITING]
    assert len(waiting) > 3
    assert shop.run(MORE) == "finished"
    records = shop.records()
    chosen = candidates(stored(MORE, records).results, reference_params(MORE))
    by_number = {record.number: record for record in records}
    gone = []
    for number in waiting:
        trial = shop.trials("hunt")[number]
        mine = {name: value for name, value in trial_params(trial).items() if name != "seed"}
        if number in by_number:
            assert trial.state == TrialState.COMPLETE
            assert number == 9 or mine in chosen
        else:
            assert mine not in chosen
            assert (trial.state, trial.user_attrs["failure"]) == (TrialState.FAIL, NOT_AMONG_THE_BEST)
            gone.append(number)
    assert gone
    ends = [r.finished_at or 0 for r in records if r.role == "search"]
    late = [r for r in records if r.role == "confirm" and r.number in waiting and r.number != 9]
    assert all(record.started_at >= max(ends) for record in late), "the search went on first"
    again = stored(MORE, records)
    assert again.is_over
    assert shop.run(MORE) == "finished"
    assert shop.records() == records


def test_the_recommendation_is_made_among_those_trained_again(tmp_path: Path, storage: Path) -> None:
    shop = workshop.workshop(tmp_path / "runs", storage)
    study = hunt(7, sampler="random", confirm=5)
    assert shop.run(study) == "finished"
    records = tuple(shop.records())
    answer = answer_of(StoredStudy("hunt", study, None, "", records))
    search = answer.search
    assert search is not None
    assert search.confirmed is not None
    found = search.confirmed
    means = [one.level.accuracy["val"].value for one in found.candidates]
    assert means == sorted(means, reverse=True)
    best = found.recommended
    assert best is found.candidates[0]
    assert search.recommended is best.trial
    assert best.trial.role == "search"
    assert {record.role for record in search.front} == {"search"}
    sentence = answer.sentence
    assert "Trained again on 5 new seeds" in sentence
    assert f"is {best.name} (" in sentence
    assert answer.words.headline.startswith("Trained again on 5 new seeds")
    assert answer.words.details[0].startswith("Of 7 trials the best by validation accuracy is ")
    follows = "It is retrained on all TRAIN photographs and registered by python -m search.best --study hunt"
    assert answer.words.details[-1] == follows
    (table,) = [table for table in tables(answer) if table.key == "confirmed"]
    assert len(table.rows) == len(found.candidates)
    assert table.marked == {0}
    assert "reference model" in [row[0] for row in table.rows]
    (of_trials,) = [table for table in tables(answer) if table.key == "trials"]
    assert len(of_trials.rows) == 7

    half = answer_of(StoredStudy("hunt", study, None, "", records[:-1])).search
    assert half is not None
    assert half.recommended is half.best
    assert half.words.details[-1] == (
        "The best 5 by validation are being trained again on 5 new seeds; a recommendation follows."
    )
    early = answer_of(StoredStudy("hunt", study, None, "", records[:6])).search
    assert early is not None
    assert early.confirmed is None


@pytest.mark.parametrize("slots", [1, 2])
def test_a_search_ends_when_trials_are_no_better(tmp_path: Path, storage: Path, slots: int) -> None:
    study = hunt(60, sampler="random", patience=4, confirm=1)
    shop = workshop.workshop(tmp_path / "runs", storage)
    view = Watcher()
    assert shop.run(study, slots=slots, view=view) == "finished"
    records = shop.records()
    figures = [r.finished.splits["val"].accuracy for r in records if r.role == "search" and r.finished]
    assert 5 <= len(figures) < 60
    assert max(figures[:-4]) >= max(figures[-4:])
    assert len({record.role for record in records}) == 2
    assert (view.tally.total, view.tally.at_most) == (len(records), False)
    answer = answer_of(StoredStudy("hunt", study, None, "", tuple(records)))
    assert answer.recorded.is_over
    assert (
        f"It ended after {len(figures)} of at most 60 trials: the last 4 were no better than the best before them."
        in answer.sentence
    )
    assert shop.run(study) == "finished"
    assert shop.records() == records


def test_a_search_that_runs_out_of_time_is_ended_by_fewer_trials(tmp_path: Path, storage: Path) -> None:
    """The best of what it has are trained again; what it was to start from is not. With more trials it goes on."""
    starts = tuple(Start(params={"learning_rate": 0.001, "depth": depth}, why="made up") for depth in (1, 2, 3, 5, 6))
    whole = hunt(20, sampler="random", confirm=2).model_copy(update={"starts": starts})
    shop = workshop.workshop(tmp_path / "runs", storage)

    def out_of_time(record: TrialRecord) -> None:
        if view.tally.complete == 3:
            assert shop.controller is not None
            shop.controller._deadline = 0.0  # of a clock that runs since the machine started

    view = Watcher(out_of_time)
    assert shop.run(whole, view=view) == "timeout"
    begun = stored(whole, shop.records())
    assert len(begun.records) == 3
    assert ending_text(begun) == (
        "With --n-trials 3 it ends the search with the 3 trials that it has, trains the best of them again, and "
        "recommends one."
    )
    assert ending_text(stored(hunt(20), shop.records())) == (
        "With --n-trials 3 it ends the search with the 3 trials that it has."
    )
    fewer = hunt(3, sampler="random", confirm=2).model_copy(update={"starts": starts})
    assert meaning_diff(whole.canonical(), fewer.canonical()) == []
    assert shop.run(fewer) == "finished"
    records = shop.records()
    assert [record.role for record in records] == ["search"] * 3 + ["confirm"] * 6
    assert ending_text(stored(fewer, records)) is None
    search = answer_of(stored(fewer, records)).search
    assert search is not None
    assert search.confirmed is not None
    assert search.confirmed.is_over
    dropped = [trial for trial in shop.trials("hunt") if trial.state == TrialState.FAIL]
    assert [trial.user_attrs["failure"] for trial in dropped] == [NO_MORE_TRIALS] * 3
    assert shop.run(fewer) == "finished"
    assert shop.records() == records, "nothing is left to do"

    more = hunt(8, sampler="random", confirm=2).model_copy(update={"starts": starts})
    assert shop.run(more) == "finished"
    searched = [record for record in shop.records() if record.role == "search"]
    assert len(searched) == 8
    assert all(dict(start.params) in [record.params for record in searched] for start in starts)


def test_a_budget_below_what_was_made_ends_a_search_and_counts_what_was_made(tmp_path: Path, storage: Path) -> None:
    shop = workshop.workshop(tmp_path / "runs", storage)
    assert shop.run(hunt(4, sampler="random")) == "finished"
    fewer = hunt(2, sampler="random", confirm=1, patience=9)
    assert shop.run(fewer) == "finished"
    assert [record.role for record in shop.records()].count("search") == 4
    assert "It went on to its end, after 4 trials." in answer_of(stored(fewer, shop.records())).sentence
