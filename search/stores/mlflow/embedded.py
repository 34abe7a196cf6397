"""MLflow's own SQLite file: one process at a time makes its tables, readers do not wait, artifacts lie beside it."""

from __future__ import annotations

import contextlib
import fcntl
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import sqlalchemy

from search.addresses.urls import shown_url
from search.stores.mlflow.errors import AddressError


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


def check_file(uri: str) -> None:
    """Whether a SQLite file is MLflow's; nothing is written, no lock is taken.

    Raises:
        AddressError: it cannot be read, or is something else.
    """
    path = Path(sqlalchemy.make_url(uri).database or "").absolute()
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("SELECT count(*) FROM experiments").fetchone()
    except sqlite3.Error as error:
        raise AddressError(f"MLflow at {shown_url(uri)}: {error}") from None


# What keeps the address of an artifact, in MLflow 3.17's tables.
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def follow_move(database: Path, artifacts: Path) -> None:
    """A folder of runs that was moved or copied: its artifacts are those in it, not those where it was before.

    MLflow keeps full addresses. Those of an experiment are mended whose folder lies here; others are left alone, as
    those of another folder of runs that keeps its artifacts to itself.

    Args:
        database: MLflow's file.
        artifacts: the folder of its artifacts now.
    """
    if database.absolute().parent != artifacts.absolute().parent or not database.exists() or not artifacts.is_dir():
        return
    with contextlib.closing(sqlite3.connect(database)) as connection, contextlib.suppress(sqlite3.Error), connection:
        for (before,) in connection.execute("SELECT artifact_location FROM experiments").fetchall():
            folder = artifacts.absolute() / unquote(str(before).rpartition("/")[2])
            now = folder.as_uri()
            if before == now or not str(before).startswith("file:") or not folder.is_dir():
                continue
            for table, column in _ADDRESSES:
                with contextlib.suppress(sqlite3.OperationalError):  # an older MLflow's database has no such table
                    connection.execute(
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                        f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                        (now, len(before) + 1, before, len(before) + 1, f"{before}/"),
                    )
