"""Searches with constraints: what Optuna is told, who is stopped, and what is never recommended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState

from search.answer import StoredStudy, answer_of
from search.controller.pruning import Pruning
from search.folder.record import TrialRecord
from search.stores.optuna.distributions import space_of
from search.stores.optuna.observed import observed_trials
from search.study.constraints import keeps
from search.study.design import reference_params
from search.study.starts import Observed
from tests.search import workshop
from tests.search.fabricate import trial_record
from tests.search.noop_trainer import parameters
from tests.search.workshop import Watcher, Workshop, hunt
from trainer.events import Epoch

pytestmark = pytest.mark.usefixtures("quick_to_open")

LIMIT = 3500  # made-up trainings of up to three blocks; the reference model has four
STUDY = hunt(10, sampler="random", confirm=2, constraints={"parameters": LIMIT})


def run(shop: Workshop) -> str:
    """Each training waits for its next epoch until Optuna was told of the one before: nobody outruns the stop."""
    shop.on_report = shop.step
    return shop.run(STUDY, settings={"steps": True}, view=Watcher())


def test_who_breaks_a_constraint_is_stopped_told_and_not_recommended(shop: Workshop) -> None:
    assert run(shop) == "finished"
    records, trials = shop.records(), shop.trials("hunt")
    searched = [record for record in records if record.role == "search"]
    over = [record for record in searched if not keeps(STUDY.constraints, record.events)]
    assert 1 < len(over) < len(searched)
    for record in searched:
        trial = trials[record.number]
        assert trial.constraints["parameters"] == pytest.approx(parameters(record.config) / LIMIT - 1)
        stopped = record in over and record.number > 0  # the reference model goes to its end, to be compared with
        assert (trial.state == TrialState.PRUNED) == stopped
        assert len(record.epochs) == (1 if stopped else 3)
    reference = reference_params(STUDY)
    again = {record.params["depth"] for record in records if record.role == "confirm"}
    assert reference is not None
    assert again <= {1, 2, 3, reference["depth"]}
    assert sum(record.role == "confirm" for record in records) == 2 * (min(5, len(searched) - len(over)) + 1)

    answer = answer_of(StoredStudy("hunt", STUDY, None, "", tuple(records)))
    search = answer.search
    assert search is not None
    assert search.best is not None
    assert search.recommended is not None
    assert int(search.recommended.params["depth"]) <= 3
    assert int(search.best.params["depth"]) <= 3
    assert all(int(record.params["depth"]) <= 3 for record in search.front)
    assert search.confirmed is not None
    assert [one.is_feasible for one in search.confirmed.candidates if one.level.is_reference] == [False]
    assert (
        f"What is recommended keeps the constraints (parameters at most 3,500); {len(over)} of 10 trials did not, the "
        "reference model among them: it is what others are compared with, and is not recommended."
    ) in answer.sentence
    assert shop.run(STUDY) == "finished"  # again: nothing is trained
    assert shop.records() == records


def test_three_objectives_go_to_optuna_each_with_its_direction(tmp_path: Path, storage: Path) -> None:
    shop = workshop.workshop(tmp_path / "runs", storage)
    study = hunt(3, objectives=["val_macro_f1", "parameters", "flops_per_image"])
    assert study.measure == "macro_f1"
    assert shop.run(study) == "finished"
    for trial, record in zip(shop.trials("hunt"), shop.records(), strict=True):
        end = record.finished
        assert end is not None
        assert trial.values == [end.splits["val"].macro_f1, float(end.parameters), float(end.flops_per_image)]


def test_a_sampler_that_learns_from_finished_trials_alone_is_told_of_those_that_break_a_constraint(
    shop: Workshop,
) -> None:
    """With values, and with all constraints in one order: Optuna's GPSampler tells them apart by their places."""
    study = hunt(8, sampler="nsgaii", constraints={"train_s": 1e6, "parameters": LIMIT})
    assert shop.run(study) == "finished"
    trials = shop.trials("hunt")
    over = [trial for trial in trials if trial.constraints["parameters"] > 0]
    assert 1 < len(over) < len(trials)
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert {len(trial.values) for trial in trials} == {2}
    assert {tuple(trial.constraints) for trial in trials} == {("parameters", "train_s", "vram")}
    (observed,) = observed_trials(
        study.model_copy(update={"observed": (seen_in_a_question(),)}), space_of(study), "parameters"
    )
    assert tuple(observed.constraints) == ("parameters", "train_s", "vram")
    search = answer_of(StoredStudy("hunt", study, None, "", tuple(shop.records()))).search
    assert search is not None
    assert search.recommended is not None
    assert keeps(study.constraints, search.recommended.events)


def seen_in_a_question() -> Observed:
    values = {"val_accuracy": 0.5, "parameters": 9000.0, "train_s": 1.0}
    return Observed(study="depth", number=3, params={"learning_rate": 0.001, "depth": 2}, values=values)


def test_nobody_is_ranked_against_a_training_that_breaks_a_constraint() -> None:
    def trained(number: int, best: float, *, gpu: bool) -> TrialRecord:
        params = {"learning_rate": 0.01, "depth": 2}
        record = trial_record(number, params, role="search", n_epochs=2, end="running", gpu=gpu)
        config = record.config.model_copy(update={"epochs": 12})
        events = [
            event.model_copy(update={"val_accuracy": best}) if isinstance(event, Epoch) else event
            for event in record.events
        ]
        return replace(record, config=config, events=tuple(events))

    ends = {}
    for sampler in ("nsgaii", "random"):
        pruning = Pruning(hunt(sampler=sampler, pruner="asha", constraints={"vram_peak_mib": 1000}))
        ends[sampler] = [pruning.stops(trained(number, 0.9, gpu=True)) for number in (1, 2)]
        assert not pruning.stops(trained(3, 0.5, gpu=False)), "the others break a constraint"
        assert not pruning.stops(trained(4, 0.6, gpu=False)), "two of those that keep it are too few to rank"
        assert pruning.stops(trained(5, 0.5, gpu=False))
        assert pruning.stops(trained(6, 0.5, gpu=True)), "one that breaks it is ranked against those that keep it"
    assert ends == {"nsgaii": [False, False], "random": [True, True]}


def test_a_training_is_stopped_as_soon_as_it_is_known_to_break_a_constraint() -> None:
    pruning = Pruning(hunt(constraints={"vram_peak_mib": 1000}))
    params = {"learning_rate": 0.01, "depth": 2}
    assert pruning.stops(trial_record(1, params, role="search", n_epochs=1, end="running", gpu=True))
    assert not pruning.stops(trial_record(2, params, role="search", n_epochs=1, end="running"))  # nothing is known
    assert not pruning.stops(trial_record(3, params, role="confirm", n_epochs=1, end="running", gpu=True))
    reference = reference_params(hunt())
    assert not pruning.stops(trial_record(0, reference, role="search", n_epochs=1, end="running", gpu=True))
