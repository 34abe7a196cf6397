"""`Bookkeeper`: writes down what slots say of trials, in the journal first, and has the stores and the user told."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from search.console.callbacks import Tally
from search.controller.models import IncomingModel
from search.controller.queue import Waiting
from search.controller.results import Results
from search.controller.setup import Setup
from search.controller.slots import SlotState, Work
from search.folder.journal import TrialJournal
from search.folder.record import TrialRecord
from search.stores.optuna import OptunaStudy
from trainer.events import TERMINAL, Event, Finished, Model, Ready, Stopped

LOG = logging.getLogger(__name__)


class Bookkeeper:
    """The books of a run. Every method belongs to the controller's thread.

    Args:
        setup: of the run.
        results: where trials that are over are settled.
    """

    def __init__(self, setup: Setup, results: Results) -> None:
        self._setup, self._results = setup, results

    @property
    def tally(self) -> Tally:
        """How far the study is."""
        behind = [f"{store.name} {store.behind} behind" for store in self._setup.outboxes if not store.healthy]
        return self._results.tally(", ".join(behind))

    def begin(self, state: SlotState, ready: Ready, trial: Waiting) -> None:
        """A slot is given a trial.

        Raises:
            StorageError: the disk refuses.
        """
        setup = self._setup
        journal = TrialJournal(setup.folder, setup.name, trial.number, trial.params, trial.role)
        record = journal.begin(trial.config, ready, state.slot.number)
        state.begin(Work(trial, journal, record))
        self.share(record)

    def receive(self, work: Work, part: Model) -> None:
        """Takes a part of a trial's model, from a slot on another machine.

        Raises:
            StorageError: the disk refuses.
        """
        if work.model is None:
            work.model = IncomingModel(self._setup.models, work.record.config.trial)
        work.model.add(part)

    def _with_model(self, work: Work, event: Finished) -> Finished:
        """The event, with its model in the study's folder; without a model where that did not arrive whole."""
        if event.model_file is None or self._setup.executor.shares_machine:
            return event
        problem = work.model.accept() if work.model else "no part of it came"
        if not problem:
            return event
        self._setup.view.say(f"the model of trial {work.trial.number} did not arrive: {problem}")
        return event.model_copy(update={"model_file": None})

    def add(self, state: SlotState, work: Work, event: Event) -> TrialRecord:
        """Appends an event to the journal of the trial; one that ends it settles it. Returns its record with the event.

        Raises:
            StorageError: the disk refuses.
        """
        if isinstance(event, Finished):
            event = self._with_model(work, event)
        elif isinstance(event, TERMINAL) and work.model:
            work.model.drop()
        work.record = record = work.journal.add(work.record, event)
        if isinstance(event, TERMINAL):
            state.work = None
            state.trained += 1
            state.traced += record.started is not None and record.started.traced
            self._results.settle(record)
            LOG.info("trial %d (%s) is over: %s", record.number, record.label, record.state)
        return record

    def share(self, record: TrialRecord) -> None:
        """Tells the stores and the user where a trial stands."""
        for outbox in self._setup.outboxes:
            outbox.put(record)
        self._setup.view.trial(record, self.tally)

    def take_back(self, state: SlotState, work: Work, store: OptunaStudy) -> None:
        """An interrupted trial waits again, in Optuna too; its journal says nothing of an end."""
        work.journal.close()
        optuna, *others = self._setup.outboxes
        number = work.trial.number
        optuna.withdraw(number)
        optuna.later(lambda: store.put_back(number))
        stopped = Stopped(trial=work.record.config.trial, epoch=len(work.record.epochs))
        ended = replace(work.record, events=(*work.record.events, stopped), finished_at=time.time())
        for outbox in others:  # its MLflow run ends as KILLED
            outbox.put(ended, in_journal=False)
        state.work = None
