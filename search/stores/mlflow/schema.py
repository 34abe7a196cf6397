"""The tables of MLflow's database: made, and brought up to date by MLflow's own upgrade."""

# MLflow's stores carry no types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import mlflow.db
import mlflow.store
import sqlalchemy
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from search.addresses.urls import normal_url, shown_url
from search.errors import StorageError
from search.stores.mlflow.embedded import follow_move, making_tables


def prepare_database(uri: str, artifact_root: Path) -> None:
    """Makes MLflow's tables where they are missing. Two processes may do it at once.

    Raises:
        MlflowException, OSError, sqlalchemy.exc.SQLAlchemyError: the database cannot be used.
    """
    path = sqlite_path(uri)
    with making_tables(path) if path else contextlib.nullcontext():
        if path:
            follow_move(path, artifact_root)
        SqlAlchemyStore(uri, artifact_root.absolute().as_uri())


def upgrade_database(uri: str) -> str:
    """Makes MLflow's tables, or brings them up to date; says in a word or two what was done.

    Raises:
        StorageError: the database cannot be used, or was made by a newer MLflow.
    """
    uri = normal_url(uri)
    path = sqlite_path(uri)
    scripts = ScriptDirectory(str(Path(mlflow.store.__path__[0], "db_migrations")))
    newest = scripts.get_current_head()
    try:
        with making_tables(path) if path else contextlib.nullcontext():
            engine = sqlalchemy.create_engine(uri)
            try:
                with engine.connect() as connection:
                    found = MigrationContext.configure(connection).get_current_revision()
                    empty = not sqlalchemy.inspect(connection).get_table_names()
                if found == newest:
                    return "up to date"
                if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
                    raise StorageError(
                        f"MLflow's database {shown_url(uri)} was made by a newer MLflow (schema {found}; this one "
                        f"knows {newest}): install that one"
                    )
            finally:
                engine.dispose()
            # The command `mlflow db upgrade`; a store would make a first experiment too, with artifacts in our folder.
            mlflow.db.upgrade.main([uri], standalone_mode=False)
            return "made" if empty else f"upgraded from {found} to {newest}"
    except (MlflowException, OSError, sqlite3.Error, sqlalchemy.exc.SQLAlchemyError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise StorageError(f"MLflow's database {shown_url(uri)} cannot be used: {lines[0][:300]}") from None


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite database, None for any other address."""
    if not uri.startswith("sqlite:"):
        return None
    return Path(sqlalchemy.make_url(uri).database or "")
