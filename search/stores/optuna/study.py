"""`OptunaStudy`: one Optuna study, asked and told.

The queue is Optuna's own (WAITING trials), and so are the states and the samplers. Trials are claimed by number,
through the storage: `Study.ask` would read all waiting trials each time, which makes a queue of ten thousand quadratic.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from search.folder.record import TrialRecord
from search.stores.optuna.distributions import space_of
from search.stores.optuna.growth import grown
from search.stores.optuna.identity import UID, Place, check_name, check_there, place_of
from search.stores.optuna.outcome import LINK, attributes, ending
from search.stores.optuna.proposals import proposed
from search.stores.optuna.queue import QUEUED, ROLE, fail, made, waiting
from search.stores.optuna.storage import close_storage, open_storage, storage_errors
from search.stores.optuna.times import set_times
from search.study import Study
from search.study.design import PlannedTrial
from search.study.objectives import OBJECTIVES
from search.study.space import ParamValue

optuna.logging.set_verbosity(optuna.logging.WARNING)


class OptunaStudy:
    """One Optuna study.

    Threads: `enqueue` and `measure_cost_by` touch no storage and return at once, for the controller's thread. All
    others take their time, and raise whatever the storage does while it is away; each may then be called again.

    A study that somebody deletes meanwhile is not written to any more, whatever stands in its place: `GoneError`.

    Args:
        url: of the storage; `postgresql://` is read as `postgresql+psycopg2://`.
        name: of the study. Who renames it in Optuna does not lose it: its id counts.
        study: the design.
        uid: the id of the study's folder; empty: it has none, and the name counts.
        claims: whether a study of this name that has no id is this one.

    Raises:
        StorageError: the storage does not answer, or has the study with other parameters, or another of its name.

    Attributes:
        name: of the Optuna study.
        is_new: whether it was made now.
    """

    def __init__(self, url: str, name: str, study: Study, uid: str = "", *, claims: bool = True) -> None:
        self._url, self._study_file, self._uid = url, study, uid
        self.objectives: tuple[str, ...] = study.search.objectives if study.search else (f"val_{study.measure}",)
        self._lock = threading.Lock()  # of the storage, whose SQLite takes one writer at a time
        self._ids: dict[int, int] = {}
        self._count = 0  # trials that are there or queued: the next one's number
        self._unwritten: deque[tuple[int, PlannedTrial]] = deque()  # queued, and not yet in the storage
        with storage_errors(url):
            self._storage = open_storage(url)
            place = place_of(self._storage, name, uid)
            check_name(self._storage, url, place, name, claims)
            self.is_new, self.name = place is None, place.name if place else name
            self._study = optuna.create_study(
                study_name=self.name,
                storage=self._storage,
                directions=[OBJECTIVES[name].direction for name in self.objectives],
                load_if_exists=True,
            )
            self._study_id = self._storage.get_study_id_from_name(self.name)
            self._place = Place(self._study_id, self.name)
            if uid:
                self._study.set_user_attr(UID, uid)
            self._space = grown(self._storage, self._study_id, space_of(study), study.factors)
            self._noted_cost: str | None = self._study.user_attrs.get("cost")
            if self._noted_cost is None:
                self._name_metrics(self.objectives)
        # What the objective `cost` is; `measure_cost_by` says otherwise.
        self.cost_metric = self._noted_cost or "parameters"
        self.trials()

    @property
    def study_id(self) -> int:
        """The study's number in the storage, and in the addresses of the dashboard."""
        return int(self._study_id)

    @contextlib.contextmanager
    def _ours(self) -> Iterator[None]:
        """Within, the storage is this thread's, and the study is there.

        Raises:
            GoneError: somebody deleted it.
        """
        with self._lock:
            check_there(self._storage, self._url, self._place, self._uid)
            yield

    def discard(self) -> None:
        """Takes back a study that was made now, for a run that is refused before its first trial."""
        if self.is_new:
            with storage_errors(self._url), self._lock:
                self._storage.delete_study(self._study_id)

    def close(self) -> None:
        """Lets go of the database's connections."""
        close_storage(self._storage)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """User attributes of the study, shown by the dashboard.

        Raises:
            StorageError: the storage does not answer.
        """
        with storage_errors(self._url), self._lock:
            for key, value in attributes.items():
                self._study.set_user_attr(key, value)

    def measure_cost_by(self, metric: str) -> None:
        """What the objective `cost` is: `vram_peak_mib` where VRAM is measured, else `parameters`. The first counts."""
        self.cost_metric = self._noted_cost or metric

    def note_cost(self) -> None:
        """Tells the storage what `cost` is."""
        with self._ours():
            if self._noted_cost is None:
                self._study.set_user_attr("cost", self.cost_metric)
                self._name_metrics([self.cost_metric if name == "cost" else name for name in self.objectives])
                self._noted_cost = self.cost_metric

    def _name_metrics(self, names: Sequence[str]) -> None:
        if self._study.metric_names != list(names):
            with warnings.catch_warnings():  # in Optuna since 3.2, and still called experimental
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self._study.set_metric_names(list(names))

    # -- the queue ---------------------------------------------------------------------------------------------------

    def trials(self) -> list[FrozenTrial]:
        """Every trial in the storage, by number.

        Raises:
            StorageError: the storage does not answer.
        """
        with storage_errors(self._url), self._lock:
            found = self._storage.get_all_trials(self._study_id, deepcopy=False)
            self._ids |= {trial.number: trial._trial_id for trial in found}
            self._count = len(found) + len(self._unwritten)
        return found

    def enqueue(self, planned: Sequence[PlannedTrial]) -> list[int]:
        """Trials to be queued as WAITING, params included. Returns their numbers; `write_queue` does the work."""
        numbers = list(range(self._count, self._count + len(planned)))
        self._count += len(planned)
        self._unwritten.extend(zip(numbers, planned, strict=True))
        return numbers

    def write_queue(self, limit: int | None = None) -> bool:
        """Puts what was queued into the storage, so many trials at most. Returns whether nothing is left.

        Raises:
            StorageError: the storage does not answer.
        """
        with storage_errors(self._url), self._ours():
            if self._unwritten:
                first, _ = self._unwritten[0]
                self._write_up_to(self._count if limit is None else first + limit - 1)
            return not self._unwritten

    def _write_up_to(self, last: int) -> None:
        """Queued trials up to this number. A connection may have broken after the storage had done what it was told."""
        while self._unwritten and self._unwritten[0][0] <= last:
            number, planned = self._unwritten[0]
            template = waiting(planned, self._space)
            self._ids[number] = self._made(number, template)
            self._unwritten.popleft()

    def _made(self, number: int, template: FrozenTrial | None) -> int:
        check_there(self._storage, self._url, self._place, self._uid)
        return made(self._storage, self._study_id, self.name, number, template)

    def ask(self) -> tuple[int, dict[str, ParamValue]]:
        """A new trial of a search, RUNNING: its number and its params, proposed by the sampler.

        Asked again after a failure, the storage gives the trial that it may have made then. A trial that somebody
        queued meanwhile comes first; one that cannot be trained fails, and the next is asked for.

        Raises:
            SamplerError: the sampler cannot be built.
        """
        if self._study_file.search is None:
            raise RuntimeError(f"{self.name} is a design: its trials are queued, not asked for")
        with self._ours():
            self._write_up_to(self._count)
            while True:
                number = self._count
                self._ids[number] = self._made(number, None)
                try:
                    params = self._proposed(number)
                    break
                except ValueError as error:
                    queued = self._storage.get_trial(self._ids[number]).system_attrs.get(QUEUED)
                    if not queued:
                        raise
                    fail(self._storage, self._ids[number], f"queued with {queued}: {error}")
                    self._count += 1
            self._storage.set_trial_user_attr(self._ids[number], ROLE, "search")
            self._count += 1
        return number, params

    def finish_asking(self, number: int) -> dict[str, ParamValue]:
        """The params of a trial in whose proposal a controller died.

        Raises:
            StorageError: the storage does not answer.
        """
        with storage_errors(self._url), self._lock:
            return self._proposed(number)

    def _proposed(self, number: int) -> dict[str, ParamValue]:
        found, cost = self._study_file, self.cost_metric
        return proposed(self._storage, self.name, self._ids[number], number, found, self._space, cost)

    def refuse(self, number: int, why: str) -> None:
        """Ends a queued trial that cannot be trained, as `fail`."""
        with self._ours():
            fail(self._storage, self._ids[number], why)

    def report(self, record: TrialRecord, link: str | None = None) -> None:
        """A trial under way: RUNNING, its epochs as intermediate values (Optuna has none for several objectives).

        Args:
            record: of the trial.
            link: to its MLflow run, where there is one by now.
        """
        with self._ours():
            known = self._known(record.number)
            if known.state.is_finished():
                return
            self._begin(known, record)
            self._report_epochs(record, known)
            if link and known.user_attrs.get(LINK) != link:
                self._storage.set_trial_user_attr(known._trial_id, LINK, link)

    def put_back(self, number: int) -> None:
        """A trial under way waits again: RUNNING becomes WAITING."""
        with self._ours():
            known = self._known(number)
            if known.state == TrialState.RUNNING:
                self._storage.set_trial_state_values(known._trial_id, TrialState.WAITING)

    def tell(self, record: TrialRecord, link: str | None) -> None:
        """Everything of a trial that is over. Telling twice changes nothing.

        Args:
            link: to the trial's MLflow run.
        """
        with self._ours():
            known = self._known(record.number)
            if known.state.is_finished():
                return
            self._begin(known, record)
            self._report_epochs(record, known)
            for key, value in attributes(record, link).items():
                if known.user_attrs.get(key) != value:
                    self._storage.set_trial_user_attr(known._trial_id, key, value)
            end = ending(record, self._study_file, self.objectives, self.cost_metric)
            if self._study_file.search and end.constraints:
                trial = optuna.Trial(self._study, known._trial_id)
                # In one order, as GPSampler tells constraints of several trials apart by their places. A telling that
                # failed may have written the first of them.
                for key in sorted(end.constraints.keys() - trial.constraints):
                    trial.set_constraint(key, end.constraints[key])
            self._storage.set_trial_state_values(known._trial_id, end.state, end.values)
            set_times(self._storage, known._trial_id, record)

    def _known(self, number: int) -> FrozenTrial:
        self._write_up_to(number)
        return self._storage.get_trial(self._ids[number])

    def _begin(self, known: FrozenTrial, record: TrialRecord) -> None:
        if known.state == TrialState.WAITING:
            self._storage.set_trial_state_values(known._trial_id, TrialState.RUNNING)
            set_times(self._storage, known._trial_id, replace(record, finished_at=None))

    def _report_epochs(self, record: TrialRecord, known: FrozenTrial) -> None:
        by_epoch = OBJECTIVES[self.objectives[0]].by_epoch
        for epoch in record.epochs if by_epoch and len(self.objectives) == 1 else ():
            # An attempt that a dead slot left may have reported this epoch, with the same value.
            value = by_epoch(epoch) if by_epoch else None
            if value is not None and epoch.epoch not in known.intermediate_values:
                self._storage.set_trial_intermediate_value(known._trial_id, epoch.epoch, value)
