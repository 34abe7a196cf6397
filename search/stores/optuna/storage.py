"""Optuna's storage: opening and closing it, its address for people, its errors."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy

from search.addresses.urls import normal_url, shown_url
from search.errors import StorageError

ROOM = 2**20  # bytes; SQLite's write-ahead log and its index want about as much


def open_storage(url: str) -> optuna.storages.BaseStorage:
    """An RDB storage, its schema made where it is missing.

    SQLite gets a write-ahead log, synchronized at its checkpoints: nobody who reads waits for the controller, and a
    commit takes a fraction of the time. What a power cut takes back is told again from the journals.
    """
    url = normal_url(url)
    is_file = url.startswith("sqlite")
    options: dict[str, Any] = {"connect_args": {"timeout": 60}} if is_file else {"pool_pre_ping": True}
    storage = optuna.storages.RDBStorage(url, engine_kwargs=options)
    if is_file:
        sqlalchemy.event.listen(storage.engine, "connect", _set_up_sqlite)
        storage.engine.dispose()  # of the connections that were made before
    return optuna.storages.get_storage(storage)


def upgrade_storage(url: str) -> str:
    """Makes an RDB storage's tables, or brings them up to date; says in a word or two what was done.

    Raises:
        StorageError: the database cannot be used, or was made by a newer Optuna.
    """
    url = normal_url(url)
    with storage_errors(url):
        engine = sqlalchemy.create_engine(url)
        try:
            empty = not sqlalchemy.inspect(engine).get_table_names()
        finally:
            engine.dispose()
        storage = optuna.storages.RDBStorage(url, skip_compatibility_check=True)
        try:
            found, newest = storage.get_current_version(), storage.get_head_version()
            if found not in storage.get_all_versions():
                raise StorageError(
                    f"Optuna's storage {shown_url(url)} was made by a newer Optuna (schema {found}; this one knows "
                    f"{newest}): install that one"
                )
            if found != newest:
                storage.upgrade()
                return f"upgraded from {found} to {newest}"
            return "made" if empty else "up to date"
        finally:
            close_storage(storage)


def _set_up_sqlite(connection: Any, _: object) -> None:
    with contextlib.suppress(Exception):  # a file system without shared memory; then it stays as it is
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")


def close_storage(storage: optuna.storages.BaseStorage) -> None:
    """Lets go of the database's connections."""
    backend: Any = getattr(storage, "_backend", storage)  # behind Optuna's cache
    backend.remove_session()
    backend.engine.dispose()


@contextlib.contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Within, whatever a storage raises is a StorageError that names it."""
    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, ImportError, RuntimeError) as error:
        # RuntimeError: a schema of another version
        why = f"{_first_line(error)}{_full_disk(url)}"
        raise StorageError(f"Optuna's storage {shown_url(url)} cannot be used: {why}") from None


def names_in(url: str) -> set[str]:
    """The studies of a storage. One in a SQLite file that is not there has none; the file is not made.

    Raises:
        StorageError: the storage cannot be used.
    """
    url = normal_url(url)
    with storage_errors(url):
        parsed = sqlalchemy.make_url(url)
        if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
            return set()
        storage = open_storage(url)
        try:
            return {study.study_name for study in storage.get_all_studies()}
        finally:
            close_storage(storage)


def _full_disk(url: str) -> str:
    """What SQLite calls an I/O error may be no more than a full disk."""
    with contextlib.suppress(OSError, sqlalchemy.exc.ArgumentError):
        parsed = sqlalchemy.make_url(normal_url(url))
        if parsed.get_backend_name() == "sqlite" and shutil.disk_usage(Path(parsed.database or "").parent).free < ROOM:
            return " (No space left on device)"
    return ""


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]
