"""Looks in a run, with no-op trainers (real processes) and a real SQLite storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search.answer.looks import course
from search.answer.tuned import cross_fitted
from search.controller.trial_source import TrialSource
from search.folder.record import TrialRecord
from search.stores.optuna.queue import trial_params
from search.study import Study
from tests.search import workshop
from tests.search.workshop import Watcher, Workshop, question
from trainer.events import Started

LEVELS = (0.1, 0.01, 0.001)  # no-op trainers do worse by 15 points a factor of ten


def looking(seeds: str = "5 to 8") -> Study:
    return question(LEVELS, seeds=seeds, epochs=1)  # type: ignore[arg-type]


def asked(shop: Workshop) -> list[tuple[int, dict[str, Any]]]:
    """The trials, as Optuna has them."""
    return [(trial.number, trial_params(trial)) for trial in shop.trials()]


class Killed(BaseException):
    """The controller is killed."""


def test_a_level_that_is_decided_is_trained_no_more(shop: Workshop) -> None:
    study, view = looking("5 to 20"), Watcher()
    assert shop.run(study, view=view) == "finished"
    found = course(study, shop.records())
    assert set(found.departures) == set(LEVELS)
    assert len(shop.trials()) == sum(found.left.values()) < 60
    assert set(shop.states()) == {"COMPLETE"}
    assert len([said for said in view.said if said.startswith("Look after ")]) == len(found.taken)
    assert (view.tally.over, view.tally.of) == (sum(found.left.values()), "at most 60") or not view.tally.at_most
    assert shop.controller is not None
    assert (shop.controller.tally.total, shop.controller.tally.at_most) == (sum(found.left.values()), False)


@pytest.mark.parametrize("slots", [3, 8])
def test_the_same_trials_on_one_slot_and_on_several(tmp_path: Path, storage: Path, slots: int) -> None:
    study = looking("5 to 8")
    alone, several = (workshop.workshop(tmp_path / name, storage) for name in ("alone", "several"))
    assert alone.run(study) == several.run(study, slots=slots) == "finished"
    assert asked(alone) == asked(several)
    assert course(study, alone.records()).departures == course(study, several.records()).departures


def test_only_the_trials_of_the_first_look_wait_at_the_start(shop: Workshop) -> None:
    study, seen = looking("5 to 20"), list[int]()

    def look(record: TrialRecord) -> None:
        if isinstance(record.events[-1] if record.events else None, Started) and not seen:
            while not seen or seen[-1] < 15:  # the queue is written in the background
                seen[:] = [len(shop.trials())]

    shop.run(study, view=Watcher(look))
    assert seen == [15]


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_controller_that_is_killed_at_a_look_goes_on_as_if_it_had_not_been(
    shop: Workshop, tmp_path: Path, storage: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Between the look and the queueing of what it asks for, or just after that."""
    study = looking("5 to 8")
    whole = workshop.workshop(tmp_path / "whole", storage)
    whole.run(study)
    enqueue, calls = TrialSource._enqueue, list[int]()

    def dies(self: TrialSource, *args: Any) -> int:
        calls.append(1)
        if len(calls) > 1 and place == "before":
            raise Killed
        found = enqueue(self, *args)
        if len(calls) > 1:
            raise Killed
        return found

    monkeypatch.setattr(TrialSource, "_enqueue", dies)
    with pytest.raises(Killed):
        shop.run(study)
    monkeypatch.setattr(TrialSource, "_enqueue", enqueue)
    assert shop.run(study) == "finished"
    assert asked(shop) == asked(whole)
    assert course(study, shop.records()).departures == course(study, whole.records()).departures


def test_what_optuna_lost_of_a_look_is_queued_again(shop: Workshop, tmp_path: Path, storage: Path) -> None:
    study = looking("5 to 8")
    whole = workshop.workshop(tmp_path / "whole", storage)
    whole.run(study)
    shop.run(study)
    lost = workshop.workshop(tmp_path / "lost", storage)
    for journal in shop.folder.glob("*.jsonl"):
        (lost.folder / journal.name).write_bytes(journal.read_bytes())
    assert lost.run(study) == "finished"
    assert asked(lost) == asked(whole)


def test_a_failed_replicate_holds_up_no_look(shop: Workshop) -> None:
    study = looking("5 to 6")
    assert shop.run(study, settings={"faults": {"1": "error"}}) == "finished"
    found = course(study, shop.records())
    assert found.taken[0] == 5
    assert set(found.departures) == set(LEVELS)
    assert shop.states().count("FAIL") == 3


def test_a_slot_that_dies_at_the_last_trial_of_a_look_is_replaced(shop: Workshop) -> None:
    study = looking("5 to 6")
    settings = {"faults": {"4": ["kill", 1, 1]}, "marks": str(shop.place)}
    assert shop.run(study, settings=settings) == "finished"
    assert set(course(study, shop.records()).departures) == set(LEVELS)


def test_with_a_fresh_process_for_each_trial(shop: Workshop) -> None:
    study = looking("5 to 6")
    assert shop.run(study, slots=2, max_trials_per_slot=1) == "finished"
    assert set(course(study, shop.records()).departures) == set(LEVELS)


def test_out_of_time_at_a_look_is_no_end(shop: Workshop) -> None:
    study = looking("5 to 20")
    shop.run(study, timeout_s=0.01)
    assert shop.run(study) == "finished"
    assert set(course(study, shop.records()).departures) == set(LEVELS)


def test_a_tuned_study_is_the_same_on_one_slot_and_on_several(tmp_path: Path, storage: Path) -> None:
    """Every level at every rate, each a trial of its own in Optuna."""
    study = Study.model_validate(
        {
            "name": "rates",
            "question": "What does the depth do?",
            "seeds": 2,
            "tune": True,
            "scientific": {"depth": {"levels": [2, 4], "reference": 4}},
            "fixed": {"epochs": 1, "learning_rate": 0.001},
        }
    )
    alone, several = (workshop.workshop(tmp_path / name, storage) for name in ("alone", "several"))
    assert alone.run(study) == several.run(study, slots=3) == "finished"
    assert asked(alone) == asked(several)
    assert len(alone.trials()) == 12
    found, other = (cross_fitted(study, shop.records()) for shop in (alone, several))
    assert found.rates == other.rates == {2: (0.001, 0.001), 4: (0.001, 0.001)}  # no-op trainers do best there
