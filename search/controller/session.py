"""One run of one study, put together: its name and folder, its images, its stores, its slots; and its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from search.addresses.urls import shown_url
from search.console.callbacks import View
from search.controller.controller import Controller
from search.controller.ending import Outcome, Parts, close_study, load_answer
from search.controller.equality import check_measures
from search.controller.first_telling import FirstTelling
from search.controller.images import prepare_images
from search.controller.log import LoggedView, logged_in
from search.controller.options import Options
from search.controller.own_code import try_code
from search.controller.packing import packing_of
from search.controller.phase import Phase
from search.controller.prior import answered_on, has_questions, with_prior
from search.controller.room import room_for
from search.controller.setup import Callbacks, Setup
from search.controller.signals import signals_interrupt
from search.environment import Environment
from search.errors import SettingsError, StorageError
from search.executors import Executor, TrainerSource
from search.folder.code import code_folder
from search.folder.lock import StudyLock
from search.folder.manifest import (
    Manifest,
    check_storage,
    compare,
    has_manifest,
    identified,
    read_manifest,
    say_moved,
    seen_before,
    write_manifest,
)
from search.folder.names import study_name
from search.folder.owner import noted_place, owner
from search.folder.provenance import git_commit, versions, without_secrets
from search.folder.record import StudyRecord
from search.settings import Places
from search.stores.optuna import OptunaStudy, names_in
from search.stores.stores import Stores
from search.study import Study
from search.study.design import trial_count
from search.study.infeasible import infeasible_text
from search.study.space import ParamValue
from search.text import plain
from trainer.data import scan
from trainer.data.grouping.grouping import record_path
from trainer.errors import ConfigError
from trainer.events import Ready


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
        code = code_folder(folder) if study.code is not None else None
        source = TrainerSource(options.data, places.cache, folder / "models", options.images.skip_bad_files, code)
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
                shown = LoggedView(view)
                wanted = min(options.slots or executor.most_slots(), trial_count(study))
                with room_for(executor, name, wanted, wait=options.wait, say=shown.say) as slots:
                    options = replace(options, slots=slots)
                    return _Session(study, options, places, shown, executor, name, folder).run(new, index.class_names)
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


class _Session(Callbacks):
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
        self.stores = Stores(folder / "trials", places, view.say)
        self.first_telling = FirstTelling(self.stores, places, folder, view.say)
        self.closing = False
        self.interrupted = False

    @property
    def record(self) -> StudyRecord | None:
        """The study as the stores are told of it; None before the images are read."""
        return self.stores.study

    def run(self, new: bool, class_names: Sequence[str]) -> Outcome:
        try:
            return self._run(new, class_names)
        except BaseException:
            if new and not any((self.folder / "trials").glob("[0-9]*.jsonl")):
                self.first_telling.take_back()
            raise
        finally:
            self.stores.close()  # where `_close` was not reached

    def _run(self, new: bool, class_names: Sequence[str]) -> Outcome:
        options = self.options
        # What was asked before is compared before anything is started, and what is known decides on the first trials.
        prepared = not new or (self.study.search is not None and options.prior and has_questions(self.places))
        if prepared:
            self.prepare()
            self.study = self._with_prior(new)
        if self.study.code is not None:
            self.study = try_code(self.study, self.folder, self.executor, class_names, options.hang_s, self.view.say)
        if (said := infeasible_text(self.study)) is not None:
            self.view.say(said)
        slots = options.slots or self.executor.most_slots()
        setup = Setup(
            study=self.study,
            name=self.name,
            folder=self.folder / "trials",
            executor=self.executor,
            slots=slots,
            packing=packing_of(self.executor, slots, options.slots_per_gpu, self.view.say),
            outboxes=self.stores.outboxes,
            models=self.folder / "models",
            view=self.view,
            max_trials_per_slot=options.max_trials_per_slot,
            timeout_s=options.timeout_s,
            hang_s=options.hang_s,
            silence_s=options.silence_s,
            callbacks=self,
            prepared=prepared,
        )
        self.controller = controller = Controller(setup)
        with signals_interrupt(self._interrupt):
            end = controller.run()
            self.closing = True
            parts = Parts(self.study, self.name, self.folder, self.places, options.data, options.command)
            return close_study(parts, end, self.controller, self.stores, self.view)

    def _with_prior(self, new: bool) -> Study:
        """A search as it began: with what is noted of its first trials, or what questions give now."""
        noted = None if new else read_manifest(self.folder)
        if noted is not None:
            return self.study.model_copy(update={"starts": noted.study.starts, "observed": noted.study.observed})
        if self.record is None or self.study.search is None:
            return self.study
        questions = answered_on(self.places, self.record.data, quick=self.options.quick)
        return with_prior(self.study, questions, self.view.say)

    def _interrupt(self) -> None:
        self.interrupted = True
        self.controller.interrupt()
        self.first_telling.give_up()
        if self.closing or self.controller.phase is Phase.ENDING:
            self.stores.hurry()

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
        uid, claims = identified(self.folder)
        self.stores.study = StudyRecord(
            name=self.name,
            question=self.study.question,
            kind=self.study.kind,
            design=self.study.canonical(),
            data=info,
            versions=versions(),
            git_commit=git_commit(),
            command=plain(without_secrets(options.command, self.places)),
            optuna_storage=shown_url(self.places.storage_url),
            quick=options.quick,
            seen=seen_before(self.folder, self.study),
            uid=uid,
            claims=claims,
            owner=owner(),
            place=noted_place(self.folder),
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
        return self.first_telling.open(self.study, record)

    def fingerprint(self) -> str | None:
        return self.record.data.fingerprint if self.record else None

    def photographs(self) -> str:
        return self.record.data.photographs_record if self.record else ""

    def looked(self, left: Mapping[ParamValue, int]) -> None:
        record = self.record
        assert record is not None
        self.stores.study = record = replace(record, left=tuple(left.items()))
        write_manifest(self.folder, Manifest(self.study, record, shown_url(self.places.tracking_uri)))

    def photographs_record(self) -> Path | None:
        name = self.photographs()
        return record_path(self.places.cache, name) if name else None

    def last_trial_begun(self) -> None:
        threading.Thread(target=load_answer, name="load-answer", daemon=True).start()

    def first_slot_ready(self, ready: Ready, store: OptunaStudy) -> None:
        check_measures(self.study, ready)
        self.first_telling.wait()
        store.measure_cost_by("vram_peak_mib" if ready.vram_measured else "parameters")
        self.stores.optuna.later(store.note_cost)
        self.stores.sampler.start()
