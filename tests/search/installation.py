"""A whole installation for tests: the session as `search.run` makes it, no-op trainers, real stores."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from search.controller.session import Options, Outcome, run_study
from search.executors import Executor, TrainerSource
from search.settings import Places
from search.study import Study
from tests.search.workshop import Noops, Watcher


class Installation:
    """A folder of runs and the images.

    Attributes:
        executor: of the latest run.
    """

    def __init__(self, places: Places, data: Path) -> None:
        self.places, self.data = places, data
        self.executor: Noops | None = None

    def run(
        self, study: Study, *, settings: Mapping[str, Any] | None = None, view: Watcher | None = None, **options: Any
    ) -> Outcome:
        """One run of the study."""

        def make(source: TrainerSource, logs: Path) -> Executor:
            self.executor = Noops(source, logs, settings)
            return self.executor

        given = Options(self.data, command="python -m search.run --study rates", **{"slots": 1, **options})
        return run_study(study, given, self.places, view or Watcher(), make)


def mlflow_tables(folder: Path) -> Path:
    """A database with MLflow's tables and nothing in them; making them takes seconds."""
    from search.stores.mlflow.schema import prepare_database

    prepare_database(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")
    return folder / "mlflow.db"


def copy_database(template: Path, copy: Path) -> None:
    """With what stands in its write-ahead log too."""
    with closing(sqlite3.connect(template)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
