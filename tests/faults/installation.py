"""A whole installation for fault tests: the session as `search.run` makes it, no-op trainers, real stores."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from search.controller.session import Options, Outcome, run_study
from search.executors import Executor, TrainerSource
from search.settings import Places
from search.study import Study
from tests.faults.books import Books
from tests.search.workshop import Noops, Watcher


class Installation:
    """A folder of runs and the images.

    Attributes:
        books: of all stores.
        executor: of the latest run.
    """

    def __init__(self, places: Places, data: Path, database: str | None = None) -> None:
        self.places, self.data = places, data
        self.books = Books(places, database)
        self.executor: Noops | None = None
        self.on_start: Callable[[], None] | None = None

    def run(
        self, study: Study, *, settings: Mapping[str, Any] | None = None, view: Watcher | None = None, **options: Any
    ) -> Outcome:
        """One run of the study."""

        def make(source: TrainerSource, logs: Path) -> Executor:
            self.executor = Noops(source, logs, settings)
            return self.executor

        given = Options(self.data, command="python -m search.run --study rates", **{"slots": 1, **options})
        try:
            return run_study(study, given, self.places, view or Watcher(), make_executor=make)
        finally:
            # A command ends with its threads, also with one that a store keeps. The next run here is another command.
            for thread in threading.enumerate():
                if thread.name.startswith("outbox-"):
                    thread.join(120)


def embedded(runs: Path, data: Path, templates: Path) -> Installation:
    """One with stores in its own folder, whose tables are copied: making them takes seconds."""
    runs.mkdir(parents=True)
    for name in ("optuna.db", "mlflow.db"):
        with closing(sqlite3.connect(templates / name)) as template, closing(sqlite3.connect(runs / name)) as copy:
            template.backup(copy)  # what stands in its write-ahead log too
    return Installation(Places.of(str(runs)), data)


def make_templates(folder: Path) -> Path:
    """Empty stores."""
    from search.stores.mlflow.schema import prepare_database
    from tests.search.workshop import template

    prepare_database(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")
    template(folder)
    shutil.rmtree(folder / "artifacts", ignore_errors=True)
    return folder
