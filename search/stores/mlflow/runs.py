"""`Runs`: the MLflow run of a study and of each of its trials, found by their tags or made."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from search.addresses.urls import shown_url
from search.errors import StorageError
from search.folder.record import StudyRecord, TrialRecord
from search.stores.marked import marked
from search.stores.mlflow import contents
from search.stores.mlflow.errors import DeletedError, RefusedError
from search.stores.mlflow.surroundings import IMPORTING
from search.stores.mlflow.view import VIEWED, view_tags
from trainer.events import Failed, Finished

if TYPE_CHECKING:
    from search.stores.mlflow.store import FoundRun, MlflowStore

Status = Literal["FINISHED", "FAILED", "KILLED"]
INTERRUPTED = "interrupted"  # the tag `state` of a run whose controller went away


@dataclass
class StudyRun:
    """A study's experiment and its parent run."""

    experiment_id: str
    run_id: str
    is_new: bool  # made by this process, and all went well since: MLflow has no trial of it that we do not know


@dataclass
class TrialRun:
    """A trial's run, and what of it was told."""

    start_ms: int
    run_id: str
    epochs_told: int = 0
    ended: bool = False


class Runs:
    """Which run is whose. Nothing connects before the first method is called; mlflow is imported then.

    Args:
        tracking_uri: as `Tracker` has it.
        artifact_root: likewise.
    """

    def __init__(self, tracking_uri: str, artifact_root: Path | None) -> None:
        self._tracking_uri, self._artifact_root = tracking_uri, artifact_root
        self._studies: dict[str, StudyRun] = {}
        self._trials: dict[tuple[str, int], TrialRun] = {}
        self._trial_of_run: dict[str, TrialRun] = {}
        self.experiment_of_run: dict[str, str] = {}
        self.pages: dict[str, tuple[str, str]] = {}  # experiment and parent run, by study
        self.began_at: float | None = None  # when the study began, in seconds since 1970; None: when it is told of
        self.made: set[str] = set()  # studies whose parent run was made here, so that MLflow knew nothing of them

    @cached_property
    def store(self) -> MlflowStore:
        """MLflow, connected when it is first needed."""
        with IMPORTING:
            from search.stores.mlflow.store import MlflowStore

        return MlflowStore(self._tracking_uri, self._artifact_root)

    def close(self) -> None:
        """Lets go of connections. It may be used again."""
        if "store" in self.__dict__:
            self.store.close()

    def known(self, run_id: str) -> TrialRun | None:
        """The trial of a run that was found or made here."""
        return self._trial_of_run.get(run_id)

    def open_study(self, study: StudyRecord) -> str:
        """The study's experiment and parent run, RUNNING. Returns the parent run's id.

        The first time in a process, trials that another controller left RUNNING are marked KILLED: none can run now.
        """
        note = marked(contents.study_note(study))
        described = {contents.NOTE: note, "mlflow.experimentKind": "custom_model_development"}
        view = view_tags(contents.asked_params(study), time.time())
        experiment_id = self.store.experiment(study.name, {**described, **view}, study.uid, claims=study.claims)
        self.store.add_tags(experiment_id, view, unless=VIEWED)
        found = self.parents(experiment_id, study)
        tags = contents.study_tags(study)
        params = contents.study_params(study)
        if found:
            run = found[-1]  # the oldest, whoever made another
            run_id = run.run_id
            tags.pop("command")  # the first
            params = {key: value for key, value in params.items() if key not in run.params}  # MLflow changes none
            if run.status != "RUNNING":
                self.store.set_status(run_id, "RUNNING")
        else:
            start_ms = ms(time.time() if self.began_at is None else self.began_at)
            run_id = self.store.create_run(experiment_id, study.name, {**tags, contents.NOTE: note}, start_ms)
            self.made.add(study.name)
        self.store.log(run_id, params=params, tags=tags)
        self.store.log_data(run_id, study.data)
        self.store.log_files(run_id, {"study.json": contents.as_json(dict(study.design))})
        if study.name not in self._studies:
            for left in self.store.runs(experiment_id, {"mlflow.parentRunId": run_id}, status="RUNNING"):
                self.store.log(left.run_id, tags={"state": INTERRUPTED})
                self.store.set_status(left.run_id, "KILLED", left.last_ms)
        self._studies[study.name] = StudyRun(experiment_id, run_id, is_new=not found)
        self.experiment_of_run[run_id] = experiment_id
        self.pages[study.name] = experiment_id, run_id
        return run_id

    def parents(self, experiment_id: str, study: StudyRecord) -> list[FoundRun]:
        """The study's runs, newest first; more than one where two controllers made theirs at once.

        Raises:
            RefusedError: a person deleted it.
        """
        mine = {contents.UID: study.uid} if study.uid else {"study": study.name}
        found = self.store.runs(experiment_id, {**mine, "role": "study"}, deleted=True)
        if not found and study.uid and study.claims:
            named = self.store.runs(experiment_id, {"study": study.name, "role": "study"}, deleted=True)
            found = [run for run in named if contents.UID not in run.tags]
        there = [run for run in found if not run.deleted]
        if found and not there:
            raise RefusedError(self.deleted(f"the run of the study {study.name}", found[-1].run_id))
        return there

    def deleted(self, what: str, run_id: str) -> str:
        """What there is to say of a run that a person deleted."""
        return (
            f"MLflow at {shown_url(self._tracking_uri)}: {what} was deleted there. Bring it back (mlflow runs restore "
            f"--run-id {run_id}, with MLFLOW_TRACKING_URI set to this address), or start the study anew with --fresh"
        )

    def opened(self, study: StudyRecord) -> StudyRun:
        """The study's run, found or made where it is not known yet."""
        if study.name not in self._studies:
            self.open_study(study)
        return self._studies[study.name]

    def tell(self, study: StudyRecord, record: TrialRecord, tell: Callable[[TrialRun], str]) -> str:
        """Calls `tell` with the trial's run.

        Raises:
            DeletedError: a person deleted it, in MLflow.
        """
        was_known = (study.name, record.number) in self._trials
        try:
            return tell(self._trial(study, record))
        except DeletedError:
            self._forget(study.name, record.number)
            raise
        except RefusedError:
            self._forget(study.name, record.number)
            if not was_known:
                raise
        except StorageError:
            self._forget(study.name, record.number)
            raise
        return self.tell(study, record, tell)

    def _forget(self, study: str, number: int) -> None:
        """Nothing is sure after an error: what was sent may have arrived or not."""
        trial = self._trials.pop((study, number), None)
        if trial:
            self._trial_of_run.pop(trial.run_id, None)
        if study in self._studies:
            self._studies[study].is_new = False

    def _trial(self, study: StudyRecord, record: TrialRecord) -> TrialRun:
        known = self._trials.get((study.name, record.number))
        start_ms = ms(record.started_at)
        if known and known.start_ms == start_ms:
            return known
        opened = self.opened(study)
        tags = {"mlflow.parentRunId": opened.run_id, **contents.trial_tags(study, record)}
        run_id, ended = None, False
        if known or not opened.is_new:
            identity = {key: tags[key] for key in ("mlflow.parentRunId", "study", "trial")}
            found = self.store.runs(opened.experiment_id, identity, deleted=True)
            ours = [run for run in found if run.start_ms == start_ms]
            if ours and all(run.deleted for run in ours):  # earlier attempts are deleted by us, this one is not
                raise DeletedError(self.deleted(f"the run of trial {record.number}", ours[0].run_id))
            for run in found:
                if run.deleted:
                    continue
                if run.start_ms == start_ms and run_id is None:
                    run_id = run.run_id
                    ended = run.status == status_of(record) and run.tags.get("state") == record.state
                elif run.start_ms < start_ms and run.status != "FINISHED":
                    self.store.delete_run(run.run_id)
        if run_id is None:
            run_id = self.store.create_run(opened.experiment_id, record.short_name, tags, start_ms)
        if not ended:
            self.store.log(run_id, params=contents.trial_params(record))
            self.store.log_data(run_id, study.data)
        if known:
            self._trial_of_run.pop(known.run_id, None)
        trial = TrialRun(start_ms, run_id, ended=ended)
        self.experiment_of_run[run_id] = opened.experiment_id
        self._trials[study.name, record.number] = self._trial_of_run[run_id] = trial
        return trial


def ms(seconds: float) -> int:
    """Milliseconds, as MLflow counts time."""
    return round(seconds * 1000)


def status_of(record: TrialRecord) -> Status:
    """The status of a trial's run in the end."""
    match record.terminal:
        case Finished():
            return "FINISHED"
        case Failed():
            return "FAILED"
        case _:
            return "KILLED"
