"""What Optuna and MLflow are told of one study, in the background: their outboxes, and the link between the two."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from search.folder.journal import read_trial, trial_path
from search.folder.record import StudyRecord, TrialRecord
from search.settings import Places
from search.stores.delivery_log import DeliveryLog
from search.stores.mlflow import RefusedError, SystemSampler, Tracker
from search.stores.optuna import OptunaStudy
from search.stores.outbox import Outbox
from search.urls import shown_url

# Saying it again will not help: MLflow says no, or the mistake is ours.
REFUSED = (RefusedError, ValueError, TypeError, LookupError, AttributeError, AssertionError)

LINK_WAIT_S = 10.0  # how long Optuna's record of a finished trial waits for the link to its MLflow run
LINK_QUEUE = 20  # trials; where MLflow is as far behind, nothing waits for it


class Stores:
    """Tells both stores of one study. `study` and `store` must be set before the first trial is told.

    Args:
        trials: the folder of its journals.
        places: the stores.
        say: called with a sentence when a store stops or starts to answer.
        prune: called with the record of a trial that the pruner stops.
    """

    def __init__(
        self,
        trials: Path,
        places: Places,
        say: Callable[[str], None],
        prune: Callable[[TrialRecord], None] = lambda record: None,
    ) -> None:
        self.study: StudyRecord | None = None
        self.store: OptunaStudy | None = None
        self.tracker = Tracker(places.tracking_uri, places.artifacts)
        self.sampler = SystemSampler()
        self._prune = prune
        self.runs: dict[int, str] = {}  # MLflow's run of each trial
        self._run_known = threading.Condition()
        self._failing = False  # MLflow refused or did not answer: nothing waits for a link until it does
        self._wants_links = True
        self._told = told = DeliveryLog(trials)

        def read(number: int) -> TrialRecord | None:
            return read_trial(trial_path(trials, number))

        # What one MLflow was told is nothing that another knows.
        told_as = f"MLflow {shown_url(places.tracking_uri)}"
        self.mlflow = Outbox(
            "MLflow", self._tell_mlflow, told, read, refused=REFUSED, say=say, pause_s=2.0, told_as=told_as
        )
        self.optuna = Outbox("Optuna", self._tell_optuna, told, read, refused=(ValueError,), say=say)

    @property
    def outboxes(self) -> tuple[Outbox, Outbox]:
        """Optuna's first."""
        return self.optuna, self.mlflow

    def without_links(self) -> None:
        """Optuna's records wait no longer for links to MLflow's runs. For signal handlers."""
        with self._run_known:  # a lock that one thread may take twice
            self._wants_links = False
            self._run_known.notify_all()

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
        run_id = None
        try:
            run_id = self.tracker.begin_trial(self.study, record)  # a trial trained again has a run of its own
        finally:
            with self._run_known:
                self._failing = run_id is None
                if run_id is not None:
                    self.runs[record.number] = run_id
                self._run_known.notify_all()
        over = record.terminal is not None
        samples = self.sampler.between(record.started_at, record.finished_at) if over else []
        self.runs[record.number] = self.tracker.follow_trial(self.study, record, samples)
        if over:
            self.tracker.finish_trial(self.study, record)

    def _tell_optuna(self, record: TrialRecord) -> None:
        assert self.store is not None
        if record.terminal is None:
            if self.store.report(record):
                self._prune(record)
            return
        number = record.number
        if self.mlflow.behind < LINK_QUEUE and self.mlflow.holds(number):
            with self._run_known:
                if not self._run_known.wait_for(lambda: number in self.runs or self._no_link(), LINK_WAIT_S):
                    self._failing = True  # it takes connections and keeps silent
        run_id = self.runs.get(number)
        self.store.tell(record, self.tracker.run_url(run_id) or run_id if run_id else None)

    def _no_link(self) -> bool:
        return self._failing or not self._wants_links
