"""Where trials come from: a design, whose trials are queued beforehand, or a search, whose sampler proposes them."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from search.controller.mail import Mails, NotProposed, Proposed
from search.controller.queue import Graph, Queue, Waiting
from search.errors import SamplerError, SearchError, StorageError
from search.folder.record import Role
from search.stores.optuna import OptunaStudy
from search.stores.outbox import Outbox
from search.study import Study
from search.study.confirm import is_searched
from search.study.design import Result, config_of, missing, plan
from search.study.space import ParamValue
from trainer.errors import ConfigError

LOG = logging.getLogger(__name__)

# What Optuna raises of a study in which somebody queued, ended or deleted trials: ValueError of a value outside the
# space, RuntimeError of a trial that is over (UpdateFinishedTrialError), KeyError of one that is gone.
NOT_OURS = (ValueError, KeyError, RuntimeError)
# What no storage raises that is away: a sampler's own mistakes.
MISTAKES = (TypeError, AttributeError, AssertionError, ArithmeticError, ImportError)
NOT_AMONG_THE_BEST = "not trained: the search went on, and these settings are not among its best any more"
NO_MORE_TRIALS = "not trained: the search was ended with fewer trials"
QUEUED_AT_ONCE = 100  # trials; written to Optuna between two tellings


class Unfinished(NamedTuple):
    """A trial that an earlier run left.

    Attributes:
        number: the trial's.
        params: of the trial.
        role: what it is for.
        is_begun: whether it was under way.
    """

    number: int
    params: dict[str, ParamValue]
    role: Role
    is_begun: bool


class TrialSource(ABC):
    """Holds the trials that wait for a slot, and gets more of them. The controller's thread alone calls its methods.

    Args:
        study: the design.
        name: of the study; trials are labelled by it.
        optuna: who tells Optuna, and asks it, in a thread of its own.
    """

    def __init__(self, study: Study, name: str, optuna: Outbox) -> None:
        self._study, self._name, self._optuna = study, name, optuna
        self._waiting = Queue(study)
        self._store: OptunaStudy | None = None
        self._photographs = ""

    @property
    def store(self) -> OptunaStudy:
        """The study in Optuna's storage."""
        if self._store is None:
            raise RuntimeError("the store is opened when the images are ready")
        return self._store

    def open(self, store: OptunaStudy, photographs: str, unfinished: Iterable[Unfinished]) -> None:
        """The images are ready: trials may be taken.

        Args:
            store: the Optuna study.
            photographs: the id of the record in the image cache that trainers split by; empty: they find it.
            unfinished: what an earlier run left, those under way first.

        Raises:
            ConfigError: somebody queued a trial that cannot be trained.
        """
        self._store, self._photographs = store, photographs
        self._waiting.extend([self._planned(trial.number, trial.params, trial.role) for trial in unfinished])

    def _planned(self, number: int, params: dict[str, ParamValue], role: Role) -> Waiting:
        config = config_of(self._study, params, f"{self._name}-{number:05d}", number)
        return Waiting(number, params, role, config.model_copy(update={"photographs": self._photographs}))

    def put_back(self, trial: Waiting) -> None:
        """Puts a trial that was under way in front of those that wait."""
        self._waiting.put_back(trial)

    def _enqueue(
        self, results: Sequence[Result], known: Sequence[Waiting], due: Mapping[ParamValue, int] | None = None
    ) -> int:
        """Queues what the plan asks for by now, in Optuna too. Returns how many trials that is."""
        there = [params for params, _, _ in results] + [trial.params for trial in (*self._waiting, *known)]
        wanted = missing(plan(self._study, results, due), there)
        numbers = self.store.enqueue(wanted)
        self._waiting.extend(
            [self._planned(number, trial.params, trial.role) for number, trial in zip(numbers, wanted, strict=True)]
        )
        if wanted:
            self._optuna.later(self._write_queue)
        return len(wanted)

    def _write_queue(self) -> None:
        """In the outbox's thread, between two tellings."""
        if not self.store.write_queue(QUEUED_AT_ONCE):
            self._optuna.later(self._write_queue)

    @property
    @abstractmethod
    def left(self) -> int:
        """Trials that could begin now or later."""

    @abstractmethod
    def extend(self, results: Sequence[Result], under_way: Sequence[Waiting]) -> None:
        """Queues what the study asks for by now.

        Args:
            results: of the trials that are over.
            under_way: trials on slots.
        """

    @abstractmethod
    def take(self, last: Graph, others: Collection[Graph], device: str = "") -> Waiting | None:
        """A trial for a slot to begin; None where there is none now. Arguments as of `Queue.take`."""

    @abstractmethod
    def proposed(self, mail: Proposed) -> None:
        """A proposal has come. A design asks for none."""


class DesignSource(TrialSource):
    """Every trial is queued beforehand; of a study that tunes, replicates when all tuning trials are over."""

    @property
    def left(self) -> int:
        return len(self._waiting)

    def extend(self, results: Sequence[Result], under_way: Sequence[Waiting]) -> None:
        self._enqueue(results, under_way)

    def take(self, last: Graph, others: Collection[Graph], device: str = "") -> Waiting | None:
        return self._waiting.take(last, others, device) if self._waiting else None

    def proposed(self, mail: Proposed) -> None:
        raise RuntimeError(f"trial {mail.number} was proposed to a design")


class SearchSource(TrialSource):
    """One trial is asked for at a time, once Optuna knows of every trial that is over: its sampler sees them all.

    A search may be given more trials while its best are trained again. Those of them that have not begun are held back
    then until the search is over again; which are the best by then decides whether they are trained at all.

    Args:
        study: the search.
        name: of the study.
        optuna: who asks Optuna.
        mailbox: of the controller, for proposals.
        is_stopping: whether no more trial will begin; called in the outbox's thread.
    """

    def __init__(
        self, study: Study, name: str, optuna: Outbox, mailbox: Mails, is_stopping: Callable[[], bool]
    ) -> None:
        super().__init__(study, name, optuna)
        if study.search is None:
            raise ValueError(f"{study.name} is no search")
        self._n_trials, self._mailbox, self._is_stopping = study.search.n_trials, mailbox, is_stopping
        self._asked = 0  # trials that have a number
        self._asking = False  # for the params of one more
        self._is_searched = False  # and no more are asked for
        self._has_begun = False  # the first trials are queued
        self._begun: set[int] = set()  # trials that an earlier run left under way
        self._held: list[Waiting] = []  # to be trained again if they are among the best when the search is over

    def open(self, store: OptunaStudy, photographs: str, unfinished: Iterable[Unfinished]) -> None:
        unfinished = list(unfinished)
        super().open(store, photographs, unfinished)
        self._begun = {trial.number for trial in unfinished if trial.is_begun}

    @property
    def left(self) -> int:
        to_come = int(self._asking) if self._is_searched else max(0, self._n_trials - self._asked)
        return len(self._waiting) + to_come

    def extend(self, results: Sequence[Result], under_way: Sequence[Waiting]) -> None:
        self._is_searched = is_searched(self._study, results)
        if not self._has_begun:
            self._held = self._waiting.without(lambda one: one.role == "confirm" and one.number not in self._begun)
            if self._is_searched:
                self._drop_starts()
        busy = sum(trial.role == "search" for trial in (*under_way, *self._waiting))
        self._asked = busy + sum(role == "search" for _, role, _ in results)
        if not self._has_begun and not self._is_searched:
            # At the start of a run, also of those that an earlier run left no time to write into Optuna's queue.
            self._asked += self._enqueue(results, under_way)
        elif self._is_searched and not busy and not self._asking:
            self._let_go(results)
            self._enqueue(results, under_way)  # what is trained again, where anything is
        self._has_begun = True

    def _drop_starts(self) -> None:
        """What a search was to start from, and was ended before: it fails in Optuna. Who queues trials there by hand
        wants them trained.
        """
        starts = [dict(start.params) for start in self._study.starts]
        for trial in self._waiting.without(lambda one: one.number not in self._begun and one.params in starts):
            self._optuna.later(partial(self.store.refuse, trial.number, NO_MORE_TRIALS))

    def _let_go(self, results: Sequence[Result]) -> None:
        """What was held back is trained where it is among the best now; the rest never will be, and fails in Optuna."""
        held, self._held = self._held, []
        wanted = [trial.params for trial in plan(self._study, results)]
        self._waiting.extend([trial for trial in held if trial.params in wanted])
        for number in [trial.number for trial in held if trial.params not in wanted]:
            self._optuna.later(partial(self.store.refuse, number, NOT_AMONG_THE_BEST))

    def take(self, last: Graph, others: Collection[Graph], device: str = "") -> Waiting | None:
        if self._waiting:
            return self._waiting.take(last, others, device)
        if self.left and not self._asking:
            self._asking = True
            self._optuna.later(self._ask)
        return None

    def _ask(self) -> None:
        """Asks for a proposal, in the outbox's thread."""
        if self._is_stopping():
            return
        try:
            number, params = self._asked_for()
        except SearchError as error:  # trying again will not help, and without an answer slots would wait for ever
            self._mailbox.put(NotProposed(error))
            return
        if self._is_stopping():
            self.store.put_back(number)
        self._mailbox.put(Proposed(number, params))

    def _asked_for(self) -> tuple[int, dict[str, ParamValue]]:
        """Number and params of a new trial. What the storage raises while it is away is passed on."""
        try:
            return self.store.ask()
        except NOT_OURS as error:
            raise StorageError(f"Optuna's study {self._name} was changed by somebody else: {error}") from error
        except MISTAKES as error:
            raise SamplerError(f"The sampler cannot propose a trial: {type(error).__name__}: {error}") from error

    def proposed(self, mail: Proposed) -> None:
        self._asking = False
        try:
            self._waiting.extend([self._planned(mail.number, mail.params, "search")])
        except ConfigError as error:  # somebody queued it, with a value that the model cannot have
            why = f"config: {' '.join(str(error).split())}"
            LOG.warning("trial %d cannot be trained and fails: %s", mail.number, why)
            self._optuna.later(lambda: self.store.refuse(mail.number, why))
        else:
            self._asked += 1
