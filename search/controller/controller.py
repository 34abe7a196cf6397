"""The controller: hands trials to slots, writes down what they say, and has Optuna and MLflow told.

One thread runs `Controller.run` and owns all of its state; everything else reaches it through the mailbox. An event is
journalled before anything else is done with it. No server is asked or told in this thread: training goes on without.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time

from search.console.callbacks import Tally
from search.controller.bookkeeper import Bookkeeper
from search.controller.faults import check_machine, failure_of, lost_its_machine, why
from search.controller.interruption import Interruptions
from search.controller.looks import design_source
from search.controller.mail import Interrupted, Mail, Mails, NotProposed, Prepared, Proposed, Restart
from search.controller.packing import Packing
from search.controller.phase import Phase
from search.controller.recovery import reconcile, remove_half_saved
from search.controller.results import Results
from search.controller.setup import End, Setup
from search.controller.slot_pool import SlotPool
from search.controller.slots import Silence, SlotState, Work
from search.controller.trial_source import SearchSource, TrialSource
from search.errors import StorageError
from search.executors import SlotExit, SlotLine
from search.folder.device import kind_of
from search.folder.record import TrialRecord
from search.study.design import trial_count
from trainer.events import Failed, Model, Stopped, TrialEvent

LOG = logging.getLogger(__name__)


class Controller:
    """One run of one study."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.mailbox: Mails = queue.SimpleQueue()
        self.results = Results(setup.study, setup.models)
        self._slots = SlotPool(setup.executor, self.mailbox, setup.view, Silence(setup.hang_s, setup.silence_s))
        self._trials: TrialSource = (
            SearchSource(setup.study, setup.name, setup.optuna, self.mailbox, lambda: self.is_stopping)
            if setup.study.search
            else design_source(setup, self.results)
        )
        self._grown_by = "search" if setup.study.search and setup.study.search.is_open else ""
        self._books = Bookkeeper(setup, self.results)
        self._packing = setup.packing or Packing(setup.slots)
        self._progress = Phase.PREPARING  # the phase, interruptions aside
        self._interrupts = 0  # counted in signal handlers, which may come between any two lines
        self._said = Interruptions(setup.view)
        self._deadline: float | None = None
        self.critical_s = 0.0  # time spent on trials by this thread, waiting excluded (benchmarks/)

    def interrupt(self) -> None:
        """Once: trials under way end their epoch and are put back. Twice: everything ends now. For signal handlers."""
        self._interrupts += 1
        self.mailbox.put(Interrupted())

    @property
    def phase(self) -> Phase:
        """How far the run is. May be read by any thread."""
        if self._interrupts:
            return Phase.STOPPING if self._interrupts == 1 else Phase.ENDING
        return self._progress

    @property
    def is_stopping(self) -> bool:
        """Whether the run was interrupted. May be read by any thread."""
        return self.phase in (Phase.STOPPING, Phase.ENDING)

    @property
    def tally(self) -> Tally:
        """How far the study is."""
        return self._books.tally

    def run(self) -> End:
        """Trains what is left of the study. Slots are gone when it returns or raises.

        Raises:
            ExecutorError: slots cannot be started.
            StorageError: a disk is full, or Optuna's storage cannot be opened.
            Exception: whatever `Callbacks.prepare` raised.
        """
        setup = self.setup
        if setup.timeout_s is not None:
            self._deadline = time.monotonic() + setup.timeout_s
        remove_half_saved(setup.models)
        try:
            if setup.prepared:
                self._open()
                wanted = self._trials.left
            else:
                wanted = trial_count(setup.study)
                threading.Thread(target=self._prepare, name="prepare", daemon=True).start()
            for number in range(min(self._packing.limit, wanted)):
                self._slots.start(number)
            while not self._slots.is_empty:
                self._read(self._slots.next_mail(self._deadline))
                if self.phase is Phase.ENDING or (self.is_stopping and not len(self._slots)):
                    self._said.say(self._interrupts, self._slots)  # where its mail was not read yet
                    self._slots.kill()
                    return "interrupted"
                self._dispatch()
        finally:
            setup.executor.close()
            for state in self._slots:
                if state.work is not None:
                    with contextlib.suppress(StorageError):  # a full disk has been told
                        state.work.journal.close()
            setup.view.end()
        if self.is_stopping:
            return "interrupted"
        return "timeout" if self._trials.left else "finished"

    def _prepare(self) -> None:
        try:
            self.setup.callbacks.prepare()
        except Exception as error:
            if not self.is_stopping:  # else the run ends by that
                self.mailbox.put(Prepared(error))
        else:
            self.mailbox.put(Prepared())

    def _open(self) -> None:
        setup = self.setup
        store = setup.callbacks.open_store()
        left = reconcile(setup.study, setup.name, setup.folder, store, setup.outboxes, self.results, setup.view.say)
        self._trials.open(store, setup.callbacks.photographs(), left)
        self._slots.record = setup.callbacks.photographs_record()
        self._progress = Phase.OPEN
        self._extend()
        setup.view.begin(setup.name, self.tally)

    def _extend(self) -> None:
        """Queues what the design asks for by now."""
        self._trials.extend(list(self.results.outcomes), [state.work.trial for state in self._slots if state.work])

    def _read(self, mail: Mail | None) -> None:
        begun = time.perf_counter()
        match mail:
            case SlotLine():
                self._line(mail)
            case SlotExit():
                self._exit(mail)
            case Prepared(error):
                if error is not None:
                    raise error
                self._open()
            case Proposed():
                self._trials.proposed(mail)
            case NotProposed(error):
                raise error
            case Restart(number):
                if self._may_get_work():
                    self._slots.replace(number, patient=self._has_trained)
                else:
                    self._slots.leave(number)
            case Interrupted():
                self._said.say(self._interrupts, self._slots)  # the phase says what is to be done
            case None:
                pass  # the clock does
        self.critical_s += time.perf_counter() - begun

    def _line(self, mail: SlotLine) -> None:
        heard = self._slots.hear(mail)
        if heard is not None:
            self._event(*heard)

    def _event(self, state: SlotState, work: Work, event: TrialEvent) -> None:
        if isinstance(event, Stopped) and self.is_stopping:
            self._put_back(state, work)
            return
        if isinstance(event, Model):
            self._books.receive(work, event)
            return
        check_machine(event, state.slot, self.setup.callbacks.fingerprint())
        if isinstance(event, Failed) and event.kind in ("out_of_memory", "error"):
            state.retire()  # what it left in the process or on the device is not the next trial's business
        if self._packing.retries(state, work, event, list(self._slots)):
            work.journal.close()
            state.work, work.trial.alone = None, True
            self._trials.put_back(work.trial)
            return
        record = self._books.add(state, work, event)
        if self.results.pruning.stops(record):
            state.stop_training()
        self._settled(record)
        self._packing.heard(work, event)

    def _settled(self, record: TrialRecord) -> None:
        """The last tuning trial that is over queues the replicates; that of a look or a search, what it asks for."""
        looks = bool(self.setup.study.looks) and not self._trials.left and not any(state.work for state in self._slots)
        if record.terminal is not None and (record.role in ("tuning", self._grown_by) or looks):
            self._extend()
        self._books.share(record)

    def _exit(self, mail: SlotExit) -> None:
        gone = self._slots.gone(mail, wanted=not self.is_stopping)
        if gone is None:
            return
        state, mail = gone
        LOG.info("%s %s", mail.slot.title, mail.reason)
        if state.work is not None and self.is_stopping:
            self._put_back(state, state.work)
        elif state.work is not None:
            self._lost(state, state.work, mail)
        study = self.setup.study  # whose tuning trials, looks and searches queue others
        grows = bool(study.nuisance or study.looks or self._grown_by)
        wanted = mail.slot.number < self._packing.limit and (self._has_work() or (grows and self._may_get_work()))
        if wanted and not self.is_stopping and self._still_time():
            self._slots.replace(mail.slot.number, patient=self._has_trained)

    def _dispatch(self) -> None:
        """Gives idle slots work, and lets those go that get none."""
        begun = time.perf_counter()
        for state in self._slots:
            if state.work is None and not state.leaving:
                self._give_work(state)
        if self._has_trained and not self.is_stopping and self._still_time():
            for number in self._packing.missing(self._slots.numbers, self._trials.left - self._slots.idle):
                self._slots.replace(number, patient=True)
        if self._has_trained and not self._may_get_work():
            self._slots.leave()
        if self.phase is Phase.STOPPING:
            for state in self._slots:
                state.stop_training()
        elif self.phase is Phase.TRAINING and not self._trials.left:
            self._progress = Phase.LAST
            self.setup.callbacks.last_trial_begun()
        self.critical_s += time.perf_counter() - begun

    def _give_work(self, state: SlotState) -> None:
        if self.is_stopping:
            state.retire()
            return
        if state.ready is None or self._progress is Phase.PREPARING:
            if self._has_trained and not self._may_get_work():
                state.retire()  # a machine that does not come back keeps nobody waiting
            return
        if self._progress is Phase.OPEN:
            self.setup.callbacks.first_slot_ready(state.ready, self._trials.store)
            self._progress = Phase.TRAINING
        if state.slot.number >= self._packing.limit:
            state.retire()
            return
        if self._packing.holds(list(self._slots)):
            return
        limit = 1 if state.ready.peaks_once else self.setup.max_trials_per_slot
        if state.is_used_up(limit, self.setup.max_graphs_per_slot) and self._has_work():
            state.retire()
            return
        others = {other.graph for other in self._slots if other is not state}
        trial = self._trials.take(state.graph, others, kind_of(state.ready)) if self._still_time() else None
        if trial is not None:
            self._slots.introduce(state)
            self._books.begin(state, state.ready, trial)
        elif not self._may_get_work():
            state.retire()

    def _lost(self, state: SlotState, work: Work, mail: SlotExit) -> None:
        """The slot died in the middle of a trial: train it again, or call it failed."""
        trial = work.trial
        trial.attempts += 1
        trial.losses += lost_its_machine(state, mail)
        failure = failure_of(state, work, mail)
        if failure is None:
            self._packing.lost(work)
            self.setup.view.say(f"{mail.slot.title} {why(mail)}; trial {trial.number} is trained again")
            work.journal.close()
            self._trials.put_back(trial)
            return
        self._settled(self._books.add(state, work, failure))
        self._packing.heard(work, failure)

    def _put_back(self, state: SlotState, work: Work) -> None:
        """An interrupted trial waits again."""
        self._books.take_back(state, work, self._trials.store)
        self._trials.put_back(work.trial)

    @property
    def _has_trained(self) -> bool:
        return self._progress in (Phase.TRAINING, Phase.LAST)

    def _has_work(self) -> bool:
        return self._progress is Phase.PREPARING or self._trials.left > 0

    def _may_get_work(self) -> bool:
        """Whether there will be work: a tuning trial under way may queue others, and so does one whose slot dies."""
        going_on = self._trials.left > 0 or any(state.work for state in self._slots)
        return going_on and not self.is_stopping and self._still_time()

    def _still_time(self) -> bool:
        return self._deadline is None or time.monotonic() <= self._deadline
