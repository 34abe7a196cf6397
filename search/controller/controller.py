"""The controller: hands trials to slots, writes down what they say, and has Optuna and MLflow told.

One thread runs `Controller.run` and owns all of its state; everything else reaches it through the mailbox. An event is
journalled before anything else is done with it. No server is asked or told in this thread: training goes on without.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from pydantic import ValidationError

from search.console.callbacks import Tally
from search.controller.queue import Queue, Waiting
from search.controller.recovery import reconcile, remove_half_saved
from search.controller.results import Results
from search.controller.setup import End, Setup
from search.controller.slots import Silence, SlotState, Work
from search.errors import ExecutorError, StorageError
from search.executors import Mail, Mailbox, Slot, SlotExit, SlotLine, Wake, log_tail
from search.folder.journal import TrialJournal
from search.folder.record import TrialRecord
from search.stores.optuna import OptunaStudy
from search.study.design import config_of, missing, plan, trial_count
from search.study.space import ParamValue
from trainer.events import PROTOCOL, TERMINAL, Event, Failed, Ready, Started, Stopped, parse

ATTEMPTS = 3  # a trial whose slot dies is trained again; this often it is the trial's own fault
STARTS = 3  # a slot that dies this often in a row before it is ready will not get better
RESTART_S, RESTART_PATIENCE_S = 1.0, 180.0  # between tries to start a slot again; a Docker engine is back in seconds
# Failures that are no matter of the trial, and what mends them: the images were read before the first trial.
NOT_THE_TRIALS = {
    "disk": "Free some space, and run the same command to go on.",
    "data": "Bring the images back as they were, and run the same command to go on.",
}
# What Optuna raises of a study in which somebody queued, ended or deleted trials: ValueError of a value outside the
# space, RuntimeError of a trial that is over (UpdateFinishedTrialError), KeyError of one that is gone.
NOT_OURS = (ValueError, KeyError, RuntimeError)
QUEUED_AT_ONCE = 100  # trials; written to Optuna between two tellings


class Controller:
    """One run of one study."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.mailbox: Mailbox = queue.SimpleQueue()
        self.results = Results(setup.study, setup.models)
        self._waiting = Queue(setup.study)
        self._slots: dict[Slot, SlotState] = {}
        self._silence = Silence(setup.hang_s)
        self._failed_starts: Counter[int] = Counter()
        self._returning: set[int] = set()  # slots that could not be replaced, and are tried again
        self._stuck_since: float | None = None
        self._asked = 0  # trials that have a number
        self._asking = False  # for the params of one more
        self._store: OptunaStudy | None = None  # from the moment when the images are ready
        self._announced = False
        self._all_begun = False
        self._interrupts = 0
        self._deadline: float | None = None
        self.critical_s = 0.0  # time spent on trials by this thread, waiting excluded (benchmarks/)

    def interrupt(self) -> None:
        """Once: trials under way end their epoch and are put back. Twice: everything ends now. For signal handlers."""
        self._interrupts += 1
        self.mailbox.put(Wake())

    def prune(self, record: TrialRecord) -> None:
        """The training of this record is to end after its epoch, if it still runs. For any thread."""

        def stop() -> None:
            for state in self._slots.values():
                running = state.work.record if state.work else None
                if running and (running.number, running.started_at) == (record.number, record.started_at):
                    state.stop_training()

        self.mailbox.put(Wake(stop))

    @property
    def hurried(self) -> bool:
        """Whether everything was told to end now."""
        return self._interrupts > 1

    @property
    def store(self) -> OptunaStudy:
        """The Optuna study."""
        if self._store is None:
            raise RuntimeError("the store is opened when the images are ready")
        return self._store

    @property
    def tally(self) -> Tally:
        """How far the study is."""
        behind = [f"{r.name} {r.behind} behind" for r in self.setup.outboxes if not r.healthy]
        return self.results.tally(trial_count(self.setup.study), ", ".join(behind))

    @property
    def best(self) -> TrialRecord | None:
        """The finished trial whose model the study keeps: the best by validation accuracy."""
        return self.results.best

    def run(self) -> End:
        """Trains what is left of the study. Slots are gone when it returns or raises.

        Raises:
            ExecutorError: slots cannot be started.
            StorageError: a disk is full, or Optuna's storage cannot be opened.
            Exception: whatever `Setup.prepare` raised.
        """
        setup = self.setup
        if setup.timeout_s is not None:
            self._deadline = time.monotonic() + setup.timeout_s
        remove_half_saved(setup.models)
        try:
            if setup.prepare is None:
                self._open()
                self._start_all(self._open_trials())
            else:
                self._start_all(trial_count(setup.study))
                threading.Thread(target=self._prepare, args=(setup.prepare,), name="prepare", daemon=True).start()
            while self._slots or self._returning:
                self._read(self._wait())
                if self.hurried or (self._interrupts and not self._slots):
                    for slot in self._slots:
                        slot.kill()
                    return "interrupted"
                self._dispatch()
        finally:
            setup.executor.close()
            for state in self._slots.values():
                if state.work is not None:
                    with contextlib.suppress(StorageError):  # a full disk has been told
                        state.work.journal.close()
            setup.view.end()
        if self._interrupts:
            return "interrupted"
        return "timeout" if self._open_trials() else "finished"

    def _prepare(self, prepare: Callable[[], None]) -> None:
        try:
            prepare()
        except Exception as error:
            if self._interrupts:  # the run ends by that
                return
            failure = error

            def fail() -> None:
                raise failure

            self.mailbox.put(Wake(fail))
        else:
            self.mailbox.put(Wake(self._open))

    def _open(self) -> None:
        setup = self.setup
        self._store = store = setup.open_store()
        self._waiting.extend(reconcile(setup.study, setup.name, setup.folder, store, setup.outboxes, self.results))
        self._asked = len(self.results) + len(self._waiting)
        self._extend()
        setup.view.begin(setup.name, self.tally)

    def _start_all(self, trials: int) -> None:
        for number in range(min(self.setup.slots, trials)):
            self._start(number)

    # -- what is to be done ------------------------------------------------------------------------------------------

    def _extend(self) -> None:
        """Queues what the design asks for by now."""
        study, results = self.setup.study, list(self.results.outcomes)
        active = [state.work.trial.params for state in self._slots.values() if state.work]
        known = [params for params, _, _ in results] + [w.params for w in self._waiting] + active
        wanted = missing(plan(study, results), known) if not study.search or self._asked == 0 else []
        numbers = self.store.enqueue(wanted)
        self._waiting.extend(Waiting(n, trial.params, trial.role) for n, trial in zip(numbers, wanted, strict=True))
        self._asked += len(wanted)
        if wanted:
            self.setup.optuna.later(self._write_queue)

    def _write_queue(self) -> None:
        """In the outbox's thread, between two tellings."""
        if not self.store.write_queue(QUEUED_AT_ONCE):
            self.setup.optuna.later(self._write_queue)

    def _open_trials(self) -> int:
        """Trials that could begin now or later."""
        search = self.setup.study.search
        return len(self._waiting) + (max(0, search.n_trials - self._asked) if search else 0)

    def _has_work(self) -> bool:
        return self._store is None or self._open_trials() > 0

    def _next(self, state: SlotState) -> Waiting | None:
        """A trial for this slot to begin; None where there is none now."""
        if self._interrupts or not self._still_time():
            return None
        if self._waiting:
            return self._waiting.take(state.graph, {s.graph for s in self._slots.values() if s is not state})
        if self._open_trials() and not self._asking:
            self._asking = True
            self.setup.optuna.later(self._ask)  # it comes after every trial that is over: the sampler sees them all
        return None

    def _ask(self) -> None:
        """In the outbox's thread."""
        if self._interrupts:
            return
        try:
            number, params = self.store.ask()
        except NOT_OURS as error:  # trying again will not help, and without an answer slots would wait for ever
            raised = StorageError(f"Optuna's study {self.setup.name} was changed by somebody else: {error}")

            def fail() -> None:
                raise raised

            self.mailbox.put(Wake(fail))
            return
        if self._interrupts:
            self.store.put_back(number)
        self.mailbox.put(Wake(lambda: self._answered(number, params)))

    def _answered(self, number: int, params: dict[str, ParamValue]) -> None:
        self._asking = False
        self._asked += 1
        self._waiting.extend([Waiting(number, params, "search")])

    # -- slots -------------------------------------------------------------------------------------------------------

    def _start(self, number: int) -> None:
        slot = self.setup.executor.start(number, self.mailbox)
        self._slots[slot] = SlotState(slot)

    def _wait(self) -> Mail:
        """The next mail, or a look at the clock; a slot that keeps silent is ended meanwhile."""
        while True:
            slots = list(self._slots.values())
            left = self._deadline - time.monotonic() if self._deadline is not None else -1.0
            idle = left > 0 and not all(state.busy for state in slots)
            silence = self._silence.wait_s(slots)
            try:
                return self.mailbox.get(timeout=left if idle and (silence is None or left < silence) else silence)
            except queue.Empty:
                if idle and not self._still_time():
                    return Wake()
                self._silence.end_silent(slots)

    def _read(self, mail: Mail) -> None:
        begun = time.perf_counter()
        if isinstance(mail, SlotLine):
            self._line(mail)
        elif isinstance(mail, SlotExit):
            self._exit(mail)
        elif mail.work:
            mail.work()
        self.critical_s += time.perf_counter() - begun

    def _line(self, mail: SlotLine) -> None:
        state = self._slots.get(mail.slot)
        if state is None:
            return
        try:
            event = parse(mail.line)
        except ValidationError:
            self.setup.view.say(f"slot {mail.slot.number} wrote what is no event, ignored: {mail.line[:120]!r}")
            return
        state.heard_at = time.monotonic()
        if isinstance(event, Ready):
            self._ready(state, event)
        elif state.work is None or event.trial != state.work.record.config.trial:
            self.setup.view.say(f"slot {mail.slot.number} spoke of trial {event.trial!r}, which it does not train")
        else:
            self._event(state, state.work, event)

    def _ready(self, state: SlotState, ready: Ready) -> None:
        if state.slot.has_gpu and ready.device != "gpu":
            raise ExecutorError(
                f"Slot {state.slot.number} was given a GPU, and {ready.backend} finds none. Is its part for CUDA "
                f"installed (GPU=yes make setup), and the driver new enough? The end of its log ({state.slot.log}):\n"
                f"{log_tail(state.slot.log)}\nOr train on the CPU: --gpus none"
            )
        if ready.protocol != PROTOCOL:
            raise ExecutorError(
                f"Slot {state.slot.number} speaks version {ready.protocol} of the trainer's protocol, this search "
                f"{PROTOCOL}: install both from one checkout."
            )
        self._failed_starts[state.slot.number] = 0
        state.ready = ready
        self.setup.view.slot_ready(state.slot.number, ready)

    def _event(self, state: SlotState, work: Work, event: Event) -> None:
        if isinstance(event, Stopped) and self._interrupts:
            self._put_back(state, work)
            return
        if isinstance(event, Failed) and event.kind in NOT_THE_TRIALS:  # it is trained again
            raise StorageError(f"Slot {state.slot.number}: {event.message.rstrip('.')}. {NOT_THE_TRIALS[event.kind]}")
        if isinstance(event, Started) and event.fingerprint:
            began = self.setup.fingerprint()
            if began and event.fingerprint != began:
                raise StorageError(
                    f"Slot {state.slot.number} found other images than the study began with ({event.fingerprint}, not "
                    f"{began}): files were added, taken away or changed. {NOT_THE_TRIALS['data']}"
                )
        work.record = record = work.journal.add(work.record, event)
        if isinstance(event, TERMINAL):
            if isinstance(event, Failed) and event.kind in ("out_of_memory", "error"):
                state.retire()  # what it left in the process or on the device is not the next trial's business
            state.work = None
            state.trained += 1
            self._over(record)
        self._share(record)

    def _exit(self, mail: SlotExit) -> None:
        state = self._slots.pop(mail.slot, None)
        if state is None:
            return
        setup, number = self.setup, mail.slot.number
        setup.view.slot_gone(number)
        if state.silent_s is not None:
            mail = replace(mail, reason=f"said nothing for {state.silent_s:g} s (--hang-s) and was ended")
        if state.ready is None and not self._interrupts:
            self._failed_starts[number] += 1
            if self._failed_starts[number] >= STARTS:
                raise ExecutorError(
                    f"Slot {number} {mail.reason} before it was ready, {STARTS} times in a row. The end of its log "
                    f"({mail.slot.log}):\n{log_tail(mail.slot.log)}"
                )
        if state.work is not None:
            if self._interrupts:
                self._put_back(state, state.work)
            else:
                self._lost(state, state.work, mail)
        tunes = bool(setup.study.nuisance) and self._may_get_work()  # its tuning trials will queue replicates
        if (self._has_work() or tunes) and not self._interrupts and self._still_time():
            self._replace(number)

    def _replace(self, number: int) -> None:
        """Starts a slot that has trained before; again and again, where an engine is restarted meanwhile."""
        now = time.monotonic()
        try:
            self._start(number)
            self._stuck_since = None
        except ExecutorError as error:
            if self._stuck_since is None:
                self._stuck_since = now
                self.setup.view.say(f"{error} It is tried again for {RESTART_PATIENCE_S:g} s.")
            if not self._announced or now - self._stuck_since > RESTART_PATIENCE_S:
                raise
            self._returning.add(number)
            timer = threading.Timer(RESTART_S, lambda: self.mailbox.put(Wake(lambda: self._return(number))))
            timer.daemon = True
            timer.start()

    def _return(self, number: int) -> None:
        self._returning.discard(number)
        if self._may_get_work():
            self._replace(number)

    def _lost(self, state: SlotState, work: Work, mail: SlotExit) -> None:
        """The slot died in the middle of a trial: train it again, or call it failed."""
        trial = work.trial
        trial.attempts += 1
        why = "was ended by the kernel for its memory" if mail.out_of_memory else mail.reason
        if trial.attempts < ATTEMPTS and not mail.out_of_memory and state.silent_s is None:
            self.setup.view.say(f"slot {mail.slot.number} {why}; trial {trial.number} is trained again")
            work.journal.close()
            self._waiting.put_back(trial)
            return
        failure = Failed(
            trial=work.record.config.trial,
            kind="out_of_memory" if mail.out_of_memory else "error",
            message=f"the trainer {why}, attempt {trial.attempts} of {ATTEMPTS}",
            traceback=log_tail(mail.slot.log),
        )
        record = work.journal.add(work.record, failure)
        self._over(record)
        self._share(record)

    def _put_back(self, state: SlotState, work: Work) -> None:
        """An interrupted trial waits again; its journal says nothing of an end."""
        work.journal.close()
        optuna, *others = self.setup.outboxes
        number, store = work.trial.number, self.store
        optuna.withdraw(number)
        optuna.later(lambda: store.put_back(number))
        stopped = Stopped(trial=work.record.config.trial, epoch=len(work.record.epochs))
        ended = replace(work.record, events=(*work.record.events, stopped), finished_at=time.time())
        for outbox in others:  # its MLflow run ends as KILLED
            outbox.put(ended, in_journal=False)
        self._waiting.put_back(work.trial)
        state.work = None

    def _dispatch(self) -> None:
        """Gives idle slots work, and lets those go that get none."""
        begun = time.perf_counter()
        for state in list(self._slots.values()):
            if state.work is not None or state.leaving:
                continue
            if self._interrupts:
                state.retire()
            if state.ready is None or self._store is None or state.leaving:
                continue
            if not self._announced and self.setup.first_ready:
                self.setup.first_ready(state.ready, self._store)
            self._announced = True
            limit = 1 if state.ready.peaks_once else self.setup.max_trials_per_slot
            if limit is not None and state.trained >= limit and self._has_work():
                state.retire()
                continue
            trial = self._next(state)
            if trial is not None:
                self._begin(state, state.ready, trial)
            elif not self._may_get_work():
                state.retire()
        if self._interrupts == 1:
            for state in self._slots.values():
                state.stop_training()
        elif self._announced and not self._all_begun and not self._open_trials():
            self._all_begun = True
            if self.setup.all_begun:
                self.setup.all_begun()
        self.critical_s += time.perf_counter() - begun

    def _begin(self, state: SlotState, ready: Ready, trial: Waiting) -> None:
        setup = self.setup
        config = config_of(setup.study, trial.params, f"{setup.name}-{trial.number:05d}", trial.number)
        config = config.model_copy(update={"photographs": setup.photographs()})
        journal = TrialJournal(setup.folder, setup.name, trial.number, trial.params, trial.role)
        record = journal.begin(config, ready, state.slot.number)
        state.begin(Work(trial, journal, record))
        self._share(record)

    def _may_get_work(self) -> bool:
        """Whether there will be work: a tuning trial under way may queue others, and so does one whose slot dies."""
        going_on = self._open_trials() > 0 or any(state.work for state in self._slots.values())
        return going_on and not self._interrupts and self._still_time()

    def _still_time(self) -> bool:
        return self._deadline is None or time.monotonic() <= self._deadline

    # -- outcomes ----------------------------------------------------------------------------------------------------

    def _over(self, record: TrialRecord) -> None:
        """A trial of this run has its outcome; the last tuning trial queues the replicates."""
        self.results.settle(record)
        if record.role == "tuning":
            self._extend()

    def _share(self, record: TrialRecord) -> None:
        """Where a trial stands, for the stores and for the user."""
        for outbox in self.setup.outboxes:
            outbox.put(record)
        self.setup.view.trial(record, self.tally)
