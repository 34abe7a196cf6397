"""Controllers with no-op trainers on a real SQLite storage, for tests: `run` runs one as a session does."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import optuna

from search.console.callbacks import Tally, View
from search.controller.controller import Controller
from search.controller.setup import Callbacks, End, Setup
from search.executors import LocalExecutor, Mailbox, Slot, TrainerSource
from search.folder.journal import read_trial, read_trials, trial_path
from search.folder.record import TrialRecord
from search.stores.delivery_log import DeliveryLog
from search.stores.optuna import OptunaStudy
from search.stores.outbox import Outbox
from search.study import Study
from tests.search import noop_trainer
from trainer.events import Ready

PATIENCE_S = 60.0  # for what takes milliseconds, on a machine that is busy


def question(levels: tuple[float, ...] = (0.01, 0.001), seeds: int = 2, epochs: int = 3, **changes: Any) -> Study:
    """A study of learning rates."""
    reference = levels[-1] if 0.001 not in levels else 0.001
    data = {
        "name": "rates",
        "question": "What does the learning rate do?",
        "seeds": seeds,
        "scientific": {"learning_rate": {"levels": list(levels), "reference": reference}},
        "fixed": {"epochs": epochs},
    }
    return Study.model_validate({**data, **changes})


def hunt(n_trials: int = 6, epochs: int = 3, constraints: Mapping[str, Any] | None = None, **search: Any) -> Study:
    """A search over learning rates and depths."""
    startup = {"n_startup_trials": 3} if search.get("sampler", "tpe") in ("tpe", "cmaes", "gp") else {}
    data = {
        "name": "hunt",
        "question": "Which is best?",
        "scientific": {"learning_rate": {"low": 1e-5, "high": 0.1, "log": True}, "depth": {"low": 1, "high": 6}},
        "search": {"n_trials": n_trials, **startup, **search},
        "fixed": {"epochs": epochs},
        **({"constraints": constraints} if constraints is not None else {}),
    }
    return Study.model_validate(data)


class Noops(LocalExecutor):
    """Local slots of no-op trainers, which it remembers. `settings` are noop_trainer's."""

    gpus: ClassVar[list[int]] = []
    slots_per_gpu: ClassVar[int | None] = 1

    def __init__(self, source: TrainerSource, logs: Path, settings: Mapping[str, Any] | None = None) -> None:
        environment = {noop_trainer.VARIABLE: json.dumps(dict(settings or {}))}
        command, share = noop_trainer.COMMAND, self.slots_per_gpu
        super().__init__(source, logs, gpus=self.gpus, slots_per_gpu=share, command=command, environment=environment)
        self.started: list[Slot] = []

    def start(self, number: int, mailbox: Mailbox) -> Slot:
        slot = super().start(number, mailbox)
        self.started.append(slot)
        return slot

    def slot(self, number: int) -> Slot:
        """The latest of this number."""
        return next(slot for slot in reversed(self.started) if slot.number == number)


class Watcher(View):
    """Remembers what it is shown; `on_trial` is called at each change, in the controller's thread."""

    def __init__(self, on_trial: Callable[[TrialRecord], None] | None = None) -> None:
        self.said: list[str] = []
        self.tally = Tally(0)
        self.on_trial = on_trial
        self.ended = False

    def begin(self, name: str, tally: Tally) -> None:
        self.tally = tally

    def trial(self, record: TrialRecord, tally: Tally) -> None:
        self.tally = tally
        if self.on_trial:
            self.on_trial(record)

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def end(self) -> None:
        self.ended = True


@dataclass
class Workshop:
    """A folder of runs, and what is told of them.

    Attributes:
        place: the folder.
        url: Optuna's storage.
        told_optuna: trials that Optuna was told the end of, in order.
        told_mlflow: the same of MLflow, which is a list here.
    """

    place: Path
    url: str
    told_optuna: list[TrialRecord] = field(default_factory=list)
    told_mlflow: list[TrialRecord] = field(default_factory=list)
    controller: Controller | None = None
    executor: Noops | None = None
    dead: bool = False  # Optuna's storage does not answer what is told in the background
    on_report: Callable[[TrialRecord], None] | None = None  # called when Optuna was told of a trial under way
    untold: int = 0
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def folder(self) -> Path:
        return self.place / "trials"

    def run(
        self,
        study: Study,
        *,
        slots: int = 1,
        view: Watcher | None = None,
        patience_s: float = PATIENCE_S,
        say: Callable[[str], None] | None = None,
        settings: Mapping[str, Any] | None = None,
        on_store: Callable[[OptunaStudy], None] | None = None,
        prepare: Callable[[], None] | None = None,
        fingerprint: str | None = None,
        record: Path | None = None,
        make: Callable[[TrainerSource, Path], Any] | None = None,
        **setup: Any,
    ) -> End:
        """One run of the study. `record` is the file of the photographs, `make` makes another executor than `Noops`."""
        opened: list[OptunaStudy] = []

        def open_store() -> OptunaStudy:
            opened.append(OptunaStudy(self.url, study.name, study))
            if on_store:
                on_store(opened[0])
            return opened[0]

        def tell_optuna(record: TrialRecord) -> None:
            if self.dead:
                raise ConnectionError("made up")
            if record.terminal is None:
                opened[0].report(record)
                if self.on_report:
                    self.on_report(record)
            else:
                opened[0].tell(record, f"run-{record.number}")
                self.told_optuna.append(record)

        def tell_mlflow(record: TrialRecord) -> None:
            if record.terminal is not None:
                self.told_mlflow.append(record)

        told = DeliveryLog(self.folder)
        say = say or self.said.append

        def read(number: int) -> TrialRecord | None:
            return read_trial(trial_path(self.folder, number))

        outboxes = (
            Outbox("Optuna", tell_optuna, told, read, say=say, pause_s=0.01),
            Outbox("MLflow", tell_mlflow, told, read, say=say, pause_s=0.01),
        )

        class Told(Callbacks):
            def prepare(self) -> None:
                assert prepare is not None
                prepare()

            def open_store(self) -> OptunaStudy:
                return open_store()

            def fingerprint(self) -> str | None:
                return fingerprint

            def photographs_record(self) -> Path | None:
                return record

            def first_slot_ready(self, ready: Ready, store: OptunaStudy) -> None:
                store.measure_cost_by("vram_peak_mib" if ready.vram_measured else "parameters")
                outboxes[0].later(store.note_cost)

        source = TrainerSource(self.place / "data", self.place / "cache", self.place / "models")
        make = make or (lambda source, logs: Noops(source, logs, settings))
        self.executor = executor = make(source, self.place / "slots")
        self.controller = controller = Controller(
            Setup(
                study=study,
                name=study.name,
                folder=self.folder,
                executor=executor,
                slots=slots,
                outboxes=outboxes,
                models=self.place / "models",
                view=view or Watcher(),
                callbacks=Told(),
                prepared=prepare is None,
                **setup,
            )
        )
        try:
            return controller.run()
        finally:
            self.untold = sum(outbox.close(patience_s) for outbox in outboxes)
            told.close()
            for store in opened:
                store.close()

    def step(self, record: TrialRecord) -> None:
        """Lets a trial in `steps` begin its next epoch."""
        assert self.executor is not None
        if record.terminal is None and record.epochs:
            self.executor.slot(record.slot).send(json.dumps({"step": record.config.trial}))

    def trials(self, name: str = "rates") -> list[optuna.trial.FrozenTrial]:
        """What Optuna has, seen from outside."""
        storage = optuna.storages.RDBStorage(self.url)
        try:
            return optuna.load_study(study_name=name, storage=storage).get_trials()
        finally:
            storage.remove_session()
            storage.engine.dispose()

    def states(self, name: str = "rates") -> list[str]:
        return [trial.state.name for trial in self.trials(name)]

    def records(self) -> list[TrialRecord]:
        """What the journals have."""
        return list(read_trials(self.folder))

    def attempts(self, number: int) -> int:
        """How often a trial was begun."""
        return (self.folder / f"{number:05d}.jsonl").read_text().count('"ready"') - self._readies(number)

    def _readies(self, number: int) -> int:
        """The event's own name stands beside its key."""
        return (self.folder / f"{number:05d}.jsonl").read_text().count('"event":"ready"')


def template(folder: Path) -> Path:
    """An empty Optuna storage; making its tables takes longer than a test."""
    path = folder / "optuna.db"
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    storage.remove_session()
    storage.engine.dispose()
    return path


def workshop(place: Path, storage: Path) -> Workshop:
    """One with a copy of the template."""
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy(storage, place / "optuna.db")
    return Workshop(place, f"sqlite:///{place / 'optuna.db'}")


@contextlib.contextmanager
def closed_gate(path: Path) -> Iterator[Callable[[], None]]:
    """A gate that holds trainings (`gate` of noop_trainer); call what it gives to open it."""
    path.touch()
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield lambda: fcntl.flock(file, fcntl.LOCK_UN)
