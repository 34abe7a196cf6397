"""Optuna's samplers run by their names under ask-and-tell, and a question's categories grow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from search.errors import StorageError
from search.folder.record import TrialRecord
from search.stores.optuna import OptunaStudy
from search.study import Study
from search.study.design import derived_seed, plan
from search.study.objectives import OBJECTIVES, Objective
from search.study.samplers import SAMPLERS, Proposal
from tests.search.fabricate import trial_record
from tests.search.workshop import Workshop, hunt
from trainer.events import SplitMeasures, SplitName
from trainer.vocabulary import POOLINGS, Pooling

CLASSES = {
    "tpe": "TPESampler",
    "random": "RandomSampler",
    "qmc": "QMCSampler",
    "cmaes": "CmaEsSampler",
    "nsgaii": "NSGAIISampler",
    "gp": "GPSampler",
    "auto": "TPESampler",  # for what this test asks: no number to search over
}
needed = [
    pytest.param(name, marks=pytest.mark.skipif(not entry.is_installed, reason=f"pip install {entry.package}"))
    for name, entry in SAMPLERS.items()
]


@pytest.mark.parametrize("name", needed)
def test_a_sampler_is_the_one_that_was_named(name: str) -> None:
    sampler = SAMPLERS[name].build(Proposal(seed=1, study_seed=2, n_startup_trials=3, space={}))
    assert isinstance(sampler, getattr(optuna.samplers, CLASSES[name]))


@pytest.mark.parametrize("name", needed)
def test_a_tiny_search_with_each_sampler(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Trials of two slots; the second controller goes on with what the first left."""
    single = SAMPLERS[name].most_objectives == 1
    objectives = ["val_accuracy"] if single else ["val_accuracy", "cost"]
    shop = Workshop(tmp_path, f"sqlite:///{tmp_path}/optuna.db")
    for n_trials in (5, 9):
        assert shop.run(hunt(n_trials, epochs=1, sampler=name, objectives=objectives), slots=2) == "finished"
    trials = shop.trials("hunt")
    states = {"COMPLETE"} | ({"PRUNED"} if SAMPLERS[name].learns_from_pruned else set())  # those that stayed at chance
    assert len(trials) == 9
    assert {trial.state.name for trial in trials} <= states
    assert len({trial.params["learning_rate"] for trial in trials}) == 9
    assert {type(trial.params["depth"]) for trial in trials} == {int}
    assert "independent" not in capfd.readouterr().err  # Optuna's warning of values that no sampler chose


@pytest.fixture(params=["sqlite", "postgres"])
def open_study(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Study], OptunaStudy]]:
    opened: list[OptunaStudy] = []
    url = f"sqlite:///{tmp_path}/optuna.db"
    if request.param == "postgres":
        new_database: Callable[[], str] = request.getfixturevalue("postgres")
        url = new_database()

    def open_study(study: Study) -> OptunaStudy:
        opened.append(OptunaStudy(url, study.name, study))
        return opened[-1]

    yield open_study
    for store in opened:
        store.close()


def test_qmc_is_one_sobol_sequence_from_the_first_proposal_on(open_study: Callable[[Study], OptunaStudy]) -> None:
    from scipy.stats import qmc

    store = open_study(hunt(9, sampler="qmc"))
    points = []
    for _ in range(8):
        number, params = store.ask()
        if number % 2:  # some are under way when the next one is proposed
            store.tell(trial_record(number, params), None)
        rate, depth = params["learning_rate"], params["depth"]
        assert isinstance(rate, float)
        points.append((depth, (math.log10(rate) + 5) / 4))
    expected = qmc.Sobol(2, scramble=True, seed=derived_seed("hunt/sampler", 0)).random(8)
    assert [rate for _, rate in points] == pytest.approx(expected[:, 0].tolist())
    assert [depth for depth, _ in points] == [math.floor(0.5 + share * 6 + 0.5) for share in expected[:, 1]]


def test_the_direction_is_the_objectives_own(open_study: Callable[[Study], OptunaStudy]) -> None:
    def speed(end: Any, cost: str) -> float:
        return float(end.images_per_s)

    with OBJECTIVES.registered("speed", Objective("speed", "maximize", speed)):
        store = open_study(hunt(3, objectives=["speed", "cost"]))
        assert [direction.name for direction in store._study.directions] == ["MAXIMIZE", "MINIMIZE"]
        number, params = store.ask()
        store.tell(trial_record(number, params), None)
        assert store.trials()[0].values == [390.0, 98765.0]


def told(record: TrialRecord, changes: dict[str, Any]) -> TrialRecord:
    """The same, with these figures on validation."""
    end = record.finished
    assert end is not None
    splits: dict[SplitName, SplitMeasures] = {**end.splits, "val": end.splits["val"].model_copy(update=changes)}
    return replace(record, events=(*record.events[:-1], end.model_copy(update={"splits": splits})))


def test_every_measure_may_be_looked_for(open_study: Callable[[Study], OptunaStudy]) -> None:
    store = open_study(hunt(3, objectives=["val_auroc", "val_ece", "val_loss"]))
    assert [direction.name for direction in store._study.directions] == ["MAXIMIZE", "MINIMIZE", "MINIMIZE"]
    number, params = store.ask()
    store.tell(told(trial_record(number, params), {"auroc": 0.875, "ece": 0.0625, "loss": 0.5}), None)
    number, params = store.ask()
    store.tell(trial_record(number, params), None)  # of a trainer that did not tell
    assert [(trial.state.name, trial.values) for trial in store.trials()] == [
        ("COMPLETE", [0.875, 0.0625, 0.5]),
        ("FAIL", None),
    ]


def test_a_loss_alone_has_its_curve(open_study: Callable[[Study], OptunaStudy]) -> None:
    store = open_study(hunt(3, objectives=["val_loss"]))
    number, params = store.ask()
    record = trial_record(number, params)
    store.tell(record, None)
    (trial,) = store.trials()
    assert trial.intermediate_values == {epoch.epoch: epoch.val_loss for epoch in record.epochs}


def test_a_cost_alone_has_no_curve(open_study: Callable[[Study], OptunaStudy]) -> None:
    """Its epochs would be accuracies, which a pruner would take for costs."""
    store = open_study(hunt(3, objectives=["cost"]))
    number, params = store.ask()
    store.tell(trial_record(number, params), None)
    assert store.trials()[0].intermediate_values == {}


def question(levels: list[Any], factor: str = "pooling") -> Study:
    spec = {factor: {"levels": levels, "reference": levels[0]}}
    return Study.model_validate({"name": "p", "question": "q?", "seeds": 1, "scientific": spec})


def queue(store: OptunaStudy, study: Study, after: int = 0) -> None:
    store.enqueue(plan(study)[after:])
    store.write_queue()


def test_categories_grow_and_stay(open_study: Callable[[Study], OptunaStudy]) -> None:
    study = question(["max", "blur"])
    queue(open_study(study), study)
    old = tuple(POOLINGS)
    with POOLINGS.registered("l2", Pooling("L2", "", lambda channels: None)):
        wider = question(["max", "blur", "l2"])
        queue(open_study(wider), wider, after=2)
        trials = open_study(wider).trials()
        assert [trial.params["pooling"] for trial in trials] == ["max", "blur", "l2"]
        assert {trial.distributions["pooling"].choices for trial in trials} == {(*old, "l2")}
    back = open_study(study)  # a version that does not know it leaves it there
    assert [trial.params["pooling"] for trial in back.trials()] == ["max", "blur", "l2"]
    back.enqueue(plan(question(["average", "max"]))[:1])
    assert back.write_queue()
    assert back.trials()[-1].params["pooling"] == "average"


def test_other_parameters_do_not_change(open_study: Callable[[Study], OptunaStudy]) -> None:
    def search(*levels: str) -> Study:
        spec = {"pooling": {"levels": list(levels)}, "depth": {"low": 1, "high": 6}}
        data = {"name": "s", "question": "q?", "scientific": spec, "search": {"n_trials": 3}}
        return Study.model_validate(data)

    open_study(search("max", "blur")).ask()
    with pytest.raises(StorageError) as raised:
        open_study(search("max", "average"))
    assert str(raised.value) == (
        "Optuna's study has trials with pooling among max, blur; this study has it among max, average. "
        "Optuna cannot change that: start a new study beside it with --fresh."
    )
    assert len(open_study(search("max", "blur")).trials()) == 1
