"""Searches that prune by rungs, with two objectives: who is stopped, what Optuna is told, and that a run which is
interrupted or loses its slots stops the same trials.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from optuna.trial import TrialState

from search.answer.rungs import pruned, pruned_text
from search.answer.tables.rungs import rungs
from search.controller.pruning import Pruning
from search.folder.load import StoredStudy
from search.folder.record import TrialRecord
from search.study import Study
from search.study.design import plan
from search.study.pruners import REDUCTION, halving_rungs
from tests.search import workshop
from tests.search.workshop import Watcher, Workshop, hunt
from trainer.events import Stopped

EPOCHS = 12


pytestmark = pytest.mark.usefixtures("quick_to_open")


def search(n_trials: int = 14, pruner: str = "asha", epochs: int = EPOCHS) -> Study:
    return hunt(n_trials, epochs=epochs, pruner=pruner, sampler="random")


def run(shop: Workshop, study: Study, view: Watcher | None = None, **faults: object) -> str:
    """Each training waits for its next epoch until Optuna was told of the one before: nobody outruns the stop."""
    shop.on_report = shop.step
    return shop.run(study, settings={"steps": True, **faults}, view=view)


def ends(shop: Workshop) -> list[tuple[str, int]]:
    return [(record.state, len(record.epochs)) for record in shop.records()]


def test_rungs_stop_trials_of_a_search_with_two_objectives(shop: Workshop) -> None:
    assert run(shop, search()) == "finished"
    trials, records = shop.trials("hunt"), shop.records()
    stopped = [record.number for record in records if isinstance(record.terminal, Stopped)]
    assert len(stopped) >= 5
    assert [trial.number for trial in trials if trial.state == TrialState.PRUNED] == stopped
    assert {trial.state for trial in trials} == {TrialState.PRUNED, TrialState.COMPLETE}
    for trial in trials:
        assert len(trial.values or ()) == (0 if trial.number in stopped else 2)
        assert trial.intermediate_values == {}

    # Told anew from the journals: at each rung, a third of those that came by until then go on.
    first, second = halving_rungs(EPOCHS)
    seen: dict[int, list[float]] = {first: [], second: []}
    for record in records:
        start = next(epoch.epoch for epoch in record.epochs if epoch.train_loss < 0.935 * 1.5)
        expected = None
        for rung in (first, second):
            values = [epoch.val_accuracy for epoch in record.epochs if epoch.epoch == start + rung]
            seen[rung] += values
            stay = len(seen[rung]) // REDUCTION
            if values and stay and values[0] < sorted(seen[rung])[-stay] and record.number:
                expected = start + rung
                break
        assert (record.state == "PRUNED", len(record.epochs)) == (expected is not None, expected or EPOCHS)


def test_an_interrupted_search_stops_the_same_trials(tmp_path: Path, storage: Path) -> None:
    straight = workshop.workshop(tmp_path / "straight", storage)
    assert run(straight, search()) == "finished"
    shop = workshop.workshop(tmp_path / "interrupted", storage)
    for number in (4, 9):

        def interrupt(record: TrialRecord, last: int = number) -> None:
            if record.number == last and len(record.epochs) == 1 and not record.terminal:
                assert shop.controller is not None
                shop.controller.interrupt()

        assert run(shop, search(), Watcher(interrupt)) == "interrupted"
    assert run(shop, search()) == "finished"
    assert ends(shop) == ends(straight)
    assert {state for state, _ in ends(shop)} == {"COMPLETE", "PRUNED"}


def test_slots_that_die_change_nothing(tmp_path: Path, storage: Path) -> None:
    straight = workshop.workshop(tmp_path / "straight", storage)
    assert run(straight, search(8)) == "finished"
    shop = workshop.workshop(tmp_path / "killed", storage)
    assert run(shop, search(8), faults={"*": ["kill", 3, 1]}, marks=str(tmp_path)) == "finished"
    assert ends(shop) == ends(straight)
    assert shop.attempts(7) == 2


def test_the_median_stops_trials(shop: Workshop) -> None:
    assert run(shop, search(pruner="median")) == "finished"
    stopped = [record for record in shop.records() if record.state == "PRUNED"]
    assert stopped
    assert min(record.number for record in stopped) >= 5  # others, at least
    assert min(len(record.epochs) for record in stopped) > EPOCHS // 3


def test_the_reference_model_and_other_studies_are_not_stopped() -> None:
    study = search()
    (reference,) = plan(study)
    pruning = Pruning(study)
    for number in range(1, 7):
        pruning.see(_at(number, {"depth": 2, "learning_rate": 0.002}, 0.9))
    assert pruning.stops(_at(7, {"depth": 2, "learning_rate": 0.1}, 0.1))
    assert not pruning.stops(_at(8, reference.params, 0.1))
    none = Pruning(search(pruner="none"))
    for number in range(7):
        assert not none.stops(_at(number, {"depth": 2, "learning_rate": 0.1}, 0.1 * (9 - number)))


def _at(number: int, params: dict[str, str | int | float | bool], value: float) -> TrialRecord:
    """Under way, at the first rung; of a trainer that tells no loss at chance."""
    from dataclasses import replace

    from tests.search.fabricate import trial_record

    record = trial_record(number, params, role="search", n_epochs=EPOCHS, end="running")
    epochs = [epoch.model_copy(update={"val_accuracy": value}) for epoch in record.epochs]
    return replace(record, events=(record.events[0], *epochs[: halving_rungs(EPOCHS)[0]]))


def test_what_was_saved_is_said(shop: Workshop) -> None:
    study = search()
    assert run(shop, study) == "finished"
    records = shop.records()
    recorded = StoredStudy("hunt", study, None, "", tuple(records))
    found = pruned(recorded)
    assert found is not None
    stopped = [record for record in records if record.state == "PRUNED"]
    assert (found.stopped, found.at_chance) == (len(stopped), 0)
    assert found.saved == sum(EPOCHS - len(record.epochs) for record in stopped)
    assert found.trained + found.saved == EPOCHS * len(records)
    assert [rung.epoch for rung in found.rungs] == list(halving_rungs(EPOCHS))
    assert found.rungs[0].reached == len(records)
    assert sum(rung.stopped for rung in found.rungs) == len(stopped)
    text = f"{len(stopped)} trainings stopped: {found.saved} of {EPOCHS * len(records)} epochs saved ("
    assert str(pruned_text(recorded)).startswith(text)
    table = rungs(recorded)
    assert table is not None
    assert table.rows[0][:3] == ("2 epochs", str(len(records)), str(found.rungs[0].stopped))
    assert table.note.startswith(text)
    assert pruned(StoredStudy("hunt", search(pruner="none"), None, "", tuple(records))) is None
