"""Studies that an older version began, whose seeds are parameters of Optuna's, go on; times are the training's."""

from __future__ import annotations

import datetime
from pathlib import Path

import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from search.stores.optuna import OptunaStudy, trial_params
from search.study import Study
from search.study.design import plan
from tests.search.fabricate import trial_record
from tests.search.workshop import question


def test_a_study_whose_seeds_are_parameters_goes_on(tmp_path: Path) -> None:
    url, study = f"sqlite:///{tmp_path}/runs.db", question((0.01, 0.001), seeds=2)
    planned = plan(study)
    old = optuna.create_study(study_name="rates", storage=url, direction="maximize")
    space = {"learning_rate": FloatDistribution(0.001, 0.01, log=True), "seed": IntDistribution(0, 1_000_000)}
    for trial in planned[:2]:
        old.add_trial(
            create_trial(
                state=TrialState.WAITING,
                params=dict(trial.params),
                distributions=dict(space),
                user_attrs={"role": "replicate"},
                system_attrs={"fixed_params": dict(trial.params)},
            )
        )
    store = OptunaStudy(url, "rates", study)
    try:
        assert store.enqueue(planned[2:]) == [2, 3]
        assert store.write_queue()
        assert [trial_params(trial) for trial in store.trials()] == [trial.params for trial in planned]
        for number, trial in enumerate(planned):
            store.tell(trial_record(number, dict(trial.params), study="rates", n_epochs=1), None)
        assert {trial.state for trial in store.trials()} == {TrialState.COMPLETE}
        assert [trial.user_attrs["seed"] for trial in store.trials()] == [0, 0, 0, 0]  # the records' own
    finally:
        store.close()


def test_a_reference_study_whose_seeds_are_its_parameter_goes_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/runs.db"
    study = Study.model_validate({"name": "rates", "question": "How good?", "seeds": 3, "fixed": {"epochs": 1}})
    planned = plan(study)
    optuna.create_study(study_name="rates", storage=url, direction="maximize").add_trial(
        create_trial(
            state=TrialState.WAITING,
            params={"seed": 0},
            distributions={"seed": IntDistribution(0, 1_000_000)},
            user_attrs={"role": "replicate"},
            system_attrs={"fixed_params": {"seed": 0}},
        )
    )
    store = OptunaStudy(url, "rates", study)
    try:
        store.enqueue(planned[1:])
        assert store.write_queue()
        for number, trial in enumerate(planned):
            store.tell(trial_record(number, dict(trial.params), study="rates", n_epochs=1), None)
        assert [trial_params(trial) for trial in store.trials()] == [trial.params for trial in planned]
        assert [trial.params for trial in store.trials()] == [{"seed": 0}, *[{"model": "reference"}] * 2]
    finally:
        store.close()


def test_a_trial_that_is_told_late_has_the_times_of_its_training(tmp_path: Path) -> None:
    study = question((0.01, 0.001), seeds=1)
    store = OptunaStudy(f"sqlite:///{tmp_path}/runs.db", "rates", study)
    try:
        store.enqueue(plan(study))
        running = trial_record(0, dict(plan(study)[0].params), end="running", n_epochs=1, study="rates")
        store.report(running)
        begun = store.trials()[0]
        assert begun.datetime_start == datetime.datetime.fromtimestamp(running.started_at)
        assert begun.datetime_complete is None
        record = trial_record(1, dict(plan(study)[1].params), n_epochs=4, study="rates")
        store.tell(record, None)  # long after it ended
        late = store.trials()[1]
        assert record.finished_at is not None
        assert late.duration == datetime.timedelta(seconds=record.finished_at - record.started_at)
    finally:
        store.close()
