"""MLflow's own SQLite file: one process at a time makes its tables, and readers do not wait for the writer."""

from __future__ import annotations

import contextlib
import fcntl
import sqlite3
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def making_tables(database: Path) -> Iterator[None]:
    """Within, no other process makes the tables of this database: MLflow's two makers would stumble over each other.

    The file gets a write-ahead log: the UI reads while the controller writes, and a commit takes half as long.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_name(f"{database.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.closing(sqlite3.connect(database)) as connection, contextlib.suppress(sqlite3.Error):
            connection.execute("PRAGMA journal_mode = WAL")  # refused while another reads; then it stays so
        yield
