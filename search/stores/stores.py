"""What Optuna and MLflow are told of one study, in the background: their outboxes, and the link between the two."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from search.addresses.urls import shown_url
from search.folder.journal import read_trial, trial_path
from search.folder.record import StudyRecord, TrialRecord
from search.settings import Places
from search.stores.delivery_log import DeliveryLog
from search.stores.knock import knock_at
from search.stores.mlflow import DeletedError, RefusedError, SystemSampler, Tracker
from search.stores.opening import Opening
from search.stores.optuna import OptunaStudy
from search.stores.outbox import Outbox

# What only a mistake of ours raises. Optuna raises ValueError and LookupError for reasons of its own.
BUGS = (TypeError, AttributeError, AssertionError)


class Stores:
    """Tells both stores of one study. `study` and `store` must be set before the first trial is told.

    Args:
        trials: the folder of its journals.
        places: the stores.
        say: called with a sentence when a store stops or starts to answer.
    """

    def __init__(self, trials: Path, places: Places, say: Callable[[str], None]) -> None:
        self.study: StudyRecord | None = None
        self.store: OptunaStudy | None = None
        self.tracker = Tracker(places.tracking_uri, places.artifacts)
        self.sampler = SystemSampler()
        self.runs: dict[int, str] = {}  # MLflow's run of each trial
        self._told = told = DeliveryLog(trials)
        self._uri, self._say = places.tracking_uri, say

        def read(number: int) -> TrialRecord | None:
            return read_trial(trial_path(trials, number))

        self._trials = trials
        # What one MLflow was told is nothing that another knows.
        told_as = f"MLflow {shown_url(places.tracking_uri)}"
        self._told_as = told_as
        self.mlflow = Outbox(
            "MLflow",
            self._tell_mlflow,
            told,
            read,
            refused=(RefusedError,),
            bugs=(*BUGS, ValueError, LookupError),
            say=say,
            pause_s=2.0,
            told_as=told_as,
            knock=knock_at(places.tracking_uri),
        )
        self.optuna = Outbox("Optuna", self._tell_optuna, told, read, refused=(ValueError,), bugs=BUGS, say=say)

    def open_mlflow(self, *, catch_up: bool = True) -> Opening:
        """Has MLflow told of the study itself, before its first trial; `Opening.wait` says whether it could be.

        An MLflow that knows nothing of the study is told of every trial, whatever was noted of one at this address.

        Args:
            catch_up: whether it is told of them now; False: `reconcile` comes later, and has it told.
        """
        opening, first, now = Opening(shown_url(self._uri)), self._first(), time.time()
        # MLflow may take its time to answer, and be told of trials before it is told of the study.
        self.tracker.runs.began_at = min(now, first.started_at) if first else now

        def tell() -> None:
            assert self.study is not None
            with opening:
                self.tracker.open_study(self.study)
                if self.study.name in self.tracker.runs.made:
                    for number in self._told.forget(self._told_as):
                        if catch_up:
                            self.mlflow.catch_up(number)

        self.mlflow.later(tell)
        return opening

    def _first(self) -> TrialRecord | None:
        """The first trial, where it has begun."""
        path = trial_path(self._trials, 0)
        return read_trial(path) if path.exists() else None

    @property
    def outboxes(self) -> tuple[Outbox, Outbox]:
        """Both outboxes, Optuna's before MLflow's."""
        return self.optuna, self.mlflow

    def hurry(self) -> None:
        """Whoever waits for the stores waits no longer. For signal handlers and other threads."""
        for outbox in self.outboxes:
            outbox.hurry()

    def close(self) -> None:
        """Ends the threads, whatever they have in hand. May be called twice."""
        for outbox in self.outboxes:
            outbox.close(0)
        self.sampler.stop()
        self._told.close()
        if self.store is not None:
            self.store.close()

    def _tell_mlflow(self, record: TrialRecord) -> None:
        assert self.study is not None
        self.sampler.sample()
        try:
            self._tell_run(record)
        except DeletedError as error:  # it is theirs to delete, and stays so
            if record.terminal is not None:
                self._say(f"Left as it is: {error}")

    def _tell_run(self, record: TrialRecord) -> None:
        assert self.study is not None
        # A trial that is trained again has a run of its own.
        self.runs[record.number] = self.tracker.begin_trial(self.study, record)
        over = record.terminal is not None
        samples = self.sampler.between(record.started_at, record.finished_at) if over else []
        self.runs[record.number] = self.tracker.follow_trial(self.study, record, samples)
        if over:
            self.tracker.finish_trial(self.study, record)

    def _tell_optuna(self, record: TrialRecord) -> None:
        """With the page of the trial's MLflow run where it is known by now: Optuna never waits for MLflow.

        Optuna lets nobody change a trial that is over. Of one that ended before MLflow had made its run, the note on
        the Optuna dashboard has the page, at the end of the study.
        """
        assert self.store is not None
        run_id = self.runs.get(record.number)
        link = (self.tracker.run_url(run_id) or run_id) if run_id else None
        if record.terminal is not None:
            self.store.tell(record, link)
        else:
            self.store.report(record, link)
