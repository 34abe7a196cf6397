"""A whole installation for fault tests, and the books of all its stores."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from search.controller.session import Outcome
from search.settings import Places
from search.study import Study
from tests.faults.books import Books
from tests.search import installation
from tests.search.installation import copy_database, mlflow_tables
from tests.search.workshop import template


class Installation(installation.Installation):
    """A folder of runs and the images.

    Attributes:
        books: of all stores.
    """

    def __init__(self, places: Places, data: Path, database: str | None = None) -> None:
        super().__init__(places, data)
        self.books = Books(places, database)
        self.on_start: Callable[[], None] | None = None

    def run(self, study: Study, **options: Any) -> Outcome:
        """One run of the study."""
        try:
            return super().run(study, **options)
        finally:
            # A command ends with its threads, also with one that a store keeps. The next run here is another command.
            for thread in threading.enumerate():
                if thread.name.startswith("outbox-"):
                    thread.join(120)


def embedded(runs: Path, data: Path, templates: Path) -> Installation:
    """One with stores in its own folder, whose tables are copied."""
    runs.mkdir(parents=True)
    for name in ("optuna.db", "mlflow.db"):
        copy_database(templates / name, runs / name)
    return Installation(Places.of(str(runs)), data)


def make_templates(folder: Path) -> Path:
    """Empty stores."""
    mlflow_tables(folder)
    template(folder)
    shutil.rmtree(folder / "artifacts", ignore_errors=True)
    return folder
