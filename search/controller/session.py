"""One run of one study, put together: its name and folder, its images, its stores, its slots; and its end."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from search.console.callbacks import View
from search.controller.controller import Controller
from search.controller.ending import Outcome, Parts, close_study, load_answer
from search.controller.images import prepare_images
from search.controller.log import LoggedView, logged_in
from search.controller.phase import Phase
from search.controller.setup import SILENCE_S, Callbacks, Setup
from search.environment import Environment
from search.errors import SettingsError, StorageError
from search.executors import Executor, Resources, TrainerSource
from search.folder.lock import StudyLock
from search.folder.manifest import Manifest, check_storage, compare, has_manifest, say_moved, write_manifest
from search.folder.names import study_name
from search.folder.provenance import git_commit, versions, without_secrets
from search.folder.record import StudyRecord, TrialRecord
from search.settings import Places
from search.stores.optuna import OptunaStudy, names_in
from search.stores.stores import Stores
from search.study import Study
from search.urls import dashboard_study, shown_url
from trainer.data import DataOptions, scan
from trainer.data.grouping.grouping import record_path
from trainer.errors import ConfigError
from trainer.events import Ready

# A trainer speaks at the end of each epoch: 5-20 s on the full set and two cores. The largest model that a study file
# allows takes some 30 times as long, and its first epoch a trace.
HANG_S = 1800.0


@dataclass
class Options:
    """What a user may say of a run.

    Attributes:
        data: the folder of images.
        slots: trainers at once; None: as many as suit the machine.
        threads: CPU threads of a slot.
        gpus: indexes of the GPUs to use; None: all; empty: the CPU.
        slots_per_gpu: how many share one.
        timeout_s: no trial begins after so long.
        hang_s: a trainer that should say something, and says nothing for so long, is ended; None: never.
        silence_s: a trainer on another machine that gives no sign of life for so long is lost.
        fresh: a new study, beside the old one.
        images: how the folder of images is to be read.
        max_trials_per_slot: a slot is replaced after so many trials; None: never.
        quick: the study was cut short, and is named so.
        command: the command line.
    """

    data: Path
    slots: int | None = None
    threads: int = 1
    gpus: tuple[int, ...] | None = None
    slots_per_gpu: int = 1
    timeout_s: float | None = None
    hang_s: float | None = HANG_S
    silence_s: float = SILENCE_S
    fresh: bool = False
    images: DataOptions = field(default_factory=DataOptions)
    max_trials_per_slot: int | None = None
    quick: bool = False
    command: str = field(default_factory=lambda: " ".join(["python -m search.run", *sys.argv[1:]]))

    @property
    def resources(self) -> Resources:
        """What slots may have."""
        return Resources(self.slots, self.threads, self.gpus, self.slots_per_gpu)


def run_study(
    study: Study,
    options: Options,
    places: Places,
    view: View,
    make_executor: Callable[[TrainerSource, Path], Executor] | Environment,
) -> Outcome:
    """Runs what is left of a study, and has it recorded.

    Raises:
        SearchError, DataError: the user must mend something first; nothing was written then.
    """
    with view:  # whatever is refused, a terminal gets its cursor back
        index = scan(options.data)  # a folder that is none is refused before anything is made
        name = study_name(study, places, demo=index.is_demo, quick=options.quick, fresh=options.fresh, taken=names_in)
        folder = places.study(name)
        source = TrainerSource(options.data, places.cache, folder / "models", options.images.skip_bad_files)
        if isinstance(make_executor, Environment):
            make_executor = make_executor.make(options.resources, name)
        executor = make_executor(source, folder / "slots")
        view.say(f"{name}: {executor.check()}")
        if options.slots is not None and options.slots < 1:
            raise SettingsError(f"--slots {options.slots}: at least 1")
        new = not has_manifest(folder)
        check_storage(name, folder, places)
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        try:
            (folder / "trials").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{folder}: the folder cannot be made: {error.strerror or error}") from None
        try:
            with StudyLock(folder, name), logged_in(folder):
                return _Run(study, options, places, LoggedView(view), executor, name, folder).run(new)
        except BaseException as error:
            if new and not has_manifest(folder):
                _remove_empty(folder, made)
            if isinstance(error, ConfigError):  # of a study file it would have been refused long before
                raise StorageError(
                    f"In Optuna's study {name} somebody queued a trial that cannot be trained: {error}\nDelete it "
                    "there, or start a new study with --fresh."
                ) from None
            raise


def _remove_empty(folder: Path, made: list[Path]) -> None:
    """Takes back what a run made that was refused."""
    import shutil

    if folder in made:
        shutil.rmtree(folder, ignore_errors=True)
    for path in made[1:]:
        try:
            path.rmdir()
        except OSError:
            return


class _InterruptedReading(Exception):
    """Images are read no further, for the run is to end."""


class _Run(Callbacks):
    def __init__(
        self,
        study: Study,
        options: Options,
        places: Places,
        view: View,
        executor: Executor,
        name: str,
        folder: Path,
    ) -> None:
        self.study, self.options, self.places, self.view = study, options, places, view
        self.executor, self.name, self.folder = executor, name, folder
        say_moved(folder, places, view.say)
        self.stores = Stores(folder / "trials", places, view.say, self._prune)
        self.closing = False
        self.interrupted = False

    @property
    def record(self) -> StudyRecord | None:
        """The study as the stores are told of it; None before the images are read."""
        return self.stores.study

    def run(self, new: bool) -> Outcome:
        try:
            return self._run(new)
        finally:
            self.stores.close()  # where `_close` was not reached

    def _run(self, new: bool) -> Outcome:
        options = self.options
        if not new:  # what was asked before is compared before anything is started
            self.prepare()
        setup = Setup(
            study=self.study,
            name=self.name,
            folder=self.folder / "trials",
            executor=self.executor,
            slots=options.slots or self.executor.default_slots(),
            outboxes=self.stores.outboxes,
            models=self.folder / "models",
            view=self.view,
            max_trials_per_slot=options.max_trials_per_slot,
            timeout_s=options.timeout_s,
            hang_s=options.hang_s,
            silence_s=options.silence_s,
            callbacks=self,
            prepared=not new,
        )
        self.controller = controller = Controller(setup)
        with _signals(self._interrupt):
            end = controller.run()
            self.closing = True
            parts = Parts(self.study, self.name, self.folder, self.places, options.data, options.command)
            return close_study(parts, end, self.controller, self.stores, self.view)

    def _interrupt(self) -> None:
        self.interrupted = True
        self.controller.interrupt()
        if self.closing or self.controller.phase is Phase.ENDING:
            self.stores.hurry()

    def _prune(self, record: TrialRecord) -> None:
        self.controller.prune(record)

    # -- before ------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Reads the images and compares the study with what it was."""
        options, view = self.options, self.view
        info, report = prepare_images(
            self.study,
            options.data,
            self.places.cache,
            options.images,
            progress=self._images_read,
            finding=self._photographs_found,
            say=view.say,
        )
        for sentence in (report.sentence(), *info.notes):
            if sentence:
                view.say(sentence)
        compare(self.folder, self.name, self.study, info)
        self.stores.study = StudyRecord(
            name=self.name,
            question=self.study.question,
            kind=self.study.kind,
            design=self.study.canonical(),
            data=info,
            versions=versions(),
            git_commit=git_commit(),
            command=without_secrets(options.command, self.places),
            optuna_storage=shown_url(self.places.storage_url),
            quick=options.quick,
        )

    def _images_read(self, done: int, total: int) -> None:
        if self.interrupted:  # nobody waits for the rest
            raise _InterruptedReading
        self.view.images(done, total)

    def _photographs_found(self, done: int, total: int) -> None:
        if self.interrupted:
            raise _InterruptedReading
        self.view.photographs(done, total)

    def open_store(self) -> OptunaStudy:
        record = self.record
        assert record is not None
        self.stores.store = store = OptunaStudy(self.places.storage_url, self.name, self.study)
        self.stores.study = replace(record, optuna_page=dashboard_study(store.study_id, self.places.dashboard_url))
        write_manifest(self.folder, Manifest(self.study, record, shown_url(self.places.tracking_uri)))
        store.set_attributes(
            {
                "question": self.study.question,
                "data": f"{record.data.name} ({record.data.fingerprint})",
                "demo": record.data.is_demo,
                "photographs": record.data.photographs_by,
                "leaks": record.data.leaks,
            }
        )
        return store

    def fingerprint(self) -> str | None:
        return self.record.data.fingerprint if self.record else None

    def photographs(self) -> str:
        return self.record.data.photographs_record if self.record else ""

    def photographs_record(self) -> Path | None:
        name = self.photographs()
        return record_path(self.places.cache, name) if name else None

    def last_trial_begun(self) -> None:
        threading.Thread(target=load_answer, name="load-answer", daemon=True).start()

    def first_slot_ready(self, ready: Ready, store: OptunaStudy) -> None:
        store.measure_cost_by("vram_peak_mib" if ready.vram_measured else "parameters")
        self.stores.optuna.later(store.note_cost)
        self.stores.sampler.start()


@contextmanager
def _signals(interrupt: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM interrupt, while the study runs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, lambda *_: interrupt()) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
