"""What journals, Optuna and MLflow say of a study, compared: nothing is lost, doubled or different."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from optuna.trial import FrozenTrial

from search.addresses.urls import normal_url
from search.folder.journal import read_trials
from search.folder.record import TrialRecord
from search.settings import Places
from search.stores.optuna.queue import trial_params
from tests.search.noop_trainer import expected

STATUS = {"COMPLETE": "FINISHED", "FAIL": "FAILED", "PRUNED": "KILLED"}
EPOCH_KEYS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "system/epoch_s", "system/images_per_s")
RUNS = """
    select r.run_uuid, r.status, t.value, s.value from runs r
    join experiments e on e.experiment_id = r.experiment_id
    join tags t on t.run_uuid = r.run_uuid and t.key = 'trial'
    left join tags s on s.run_uuid = r.run_uuid and s.key = 'state'
    where e.name = :name and r.lifecycle_stage = 'active'
"""
TAGS = """
    select n.value, t.value from tags t
    join runs r on r.run_uuid = t.run_uuid join experiments e on e.experiment_id = r.experiment_id
    join tags n on n.run_uuid = t.run_uuid and n.key = 'trial'
    where e.name = :name and t.key = '{key}' and r.lifecycle_stage = 'active'
"""
POINTS = """
    select m.run_uuid, m.key, m.step, m.value from metrics m
    join runs r on r.run_uuid = m.run_uuid join experiments e on e.experiment_id = r.experiment_id
    where e.name = :name  -- the system's own metrics among them
"""


class Books:
    """The books of one installation.

    Args:
        places: where they are.
        database: of MLflow, where that is a server.
    """

    def __init__(self, places: Places, database: str | None = None) -> None:
        self.places = places
        self._database = database or places.tracking_uri

    def folder(self, name: str) -> Path:
        return self.places.study(name) / "trials"

    def records(self, name: str) -> list[TrialRecord]:
        return list(read_trials(self.folder(name)))

    def journals(self, name: str) -> dict[str, bytes]:
        """The journals of trials that are over."""
        over = {f"{r.number:05d}.jsonl" for r in self.records(name) if r.terminal}
        return {path.name: path.read_bytes() for path in self.folder(name).glob("0*.jsonl") if path.name in over}

    def attempts(self, name: str) -> int:
        """How often trainings were begun."""
        return sum(path.read_text().count('"slot":') for path in self.folder(name).glob("0*.jsonl"))

    def trials(self, name: str) -> list[FrozenTrial]:
        storage = optuna.storages.RDBStorage(normal_url(self.places.storage_url))
        try:
            return optuna.load_study(study_name=name, storage=storage).get_trials()
        finally:
            storage.remove_session()
            storage.engine.dispose()

    def states(self, name: str) -> Counter[str]:
        return Counter(trial.state.name for trial in self.trials(name))

    def runs(self, name: str) -> list[tuple[str, str, int, str]]:
        """MLflow's runs of trials that are not hidden: id, status, the trial's number and state."""
        return [(run, status, int(trial), state) for run, status, trial, state in self._rows(RUNS, name)]

    def tags(self, name: str, key: str) -> dict[int, str]:
        """A tag of the trials' runs in MLflow, by the trial's number."""
        return {int(number): value for number, value in self._rows(TAGS.format(key=key), name)}

    def _rows(self, query: str, name: str) -> list[Any]:
        engine = sqlalchemy.create_engine(normal_url(self._database))
        try:
            with engine.connect() as connection:
                return list(connection.execute(sqlalchemy.text(query), {"name": name}))
        finally:
            engine.dispose()

    def check(self, name: str, trials: int, states: dict[str, int] | None = None) -> list[TrialRecord]:
        """Everything agrees, and the budget is exact. Returns the records.

        Args:
            name: of the study.
            trials: so many.
            states: of the trials; all COMPLETE by default.
        """
        records = self.records(name)
        assert [record.number for record in records] == list(range(trials))
        assert Counter(record.state for record in records) == (states or {"COMPLETE": trials})
        self._check_optuna(name, records)
        self._check_mlflow(name, records)
        return records

    def _check_optuna(self, name: str, records: list[TrialRecord]) -> None:
        for trial, record in zip(self.trials(name), records, strict=True):
            assert (trial.number, trial.state.name) == (record.number, record.state)
            assert trial_params(trial) == dict(record.params)
            if record.finished is not None:
                assert trial.values is not None
                assert trial.values[0] == record.finished.splits["val"].accuracy == expected(record.config)["val"]
            else:
                assert trial.values is None

    def _check_mlflow(self, name: str, records: list[TrialRecord]) -> None:
        runs = {trial: (run, status, state) for run, status, trial, state in self.runs(name)}
        assert len(runs) == len(self.runs(name)), "a trial has two runs"
        assert sorted(runs) == [record.number for record in records]
        points: dict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
        values: dict[tuple[str, str, int], float] = {}
        for run, key, step, value in self._rows(POINTS, name):
            points[run][key, step] += 1
            values[run, key, step] = value
        for record in records:
            run, status, state = runs[record.number]
            assert (status, state) == (STATUS[record.state], record.state)
            of_epochs = {
                (key, epoch.epoch): getattr(epoch, key.removeprefix("system/"))
                for key in EPOCH_KEYS
                for epoch in record.epochs
            }
            found = {place: count for place, count in points[run].items() if place[0] in EPOCH_KEYS}
            assert found == dict.fromkeys(of_epochs, 1)
            assert {place: values[run, *place] for place in found} == of_epochs
            if record.finished is not None:
                assert values[run, "test_accuracy", 0] == record.finished.splits["test"].accuracy
