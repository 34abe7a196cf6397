"""Whatever goes wrong in MLflow, as `StorageError`; as `RefusedError` where trying again will not help."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from urllib.parse import urlsplit

import sqlalchemy
from alembic.util.exc import CommandError
from mlflow.exceptions import MlflowException

from search.addresses.urls import shown_url
from search.errors import StorageError
from search.stores.mlflow.errors import AddressError, RefusedError

REFUSED = frozenset(
    {
        "INVALID_PARAMETER_VALUE",
        "INVALID_STATE",
        "PERMISSION_DENIED",
        "RESOURCE_ALREADY_EXISTS",
        "RESOURCE_DOES_NOT_EXIST",
        "UNAUTHENTICATED",
    }
)
# requests' errors are OSErrors; alembic's is of a database that is another program's
FAILURES = (MlflowException, OSError, sqlite3.Error, sqlalchemy.exc.SQLAlchemyError, CommandError)
NO_MLFLOW = frozenset({"ENDPOINT_NOT_FOUND", "BAD_REQUEST", "NOT_FOUND"})
# What a database says that will say it again: SQLite of the file, PostgreSQL of the login (its libpq, in English).
HOPELESS = re.compile(
    r"unable to open database file|file is not a database|readonly database|password authentication failed"
    r"|no password supplied|(database|role) \"[^\"]*\" does not exist|no pg_hba.conf entry|Can't locate revision"
)


@contextlib.contextmanager
def refusals(uri: str) -> Iterator[None]:
    """Within, whatever MLflow, the database, the network or the disk raises names the address, without its password."""
    try:
        yield
    except FAILURES as error:
        password = urlsplit(uri).password
        raise _kind(error)(f"MLflow at {shown_url(uri)}: {_message(error, password)}") from (
            None if password else error
        )


def _kind(error: Exception) -> type[StorageError]:
    code = error.error_code if isinstance(error, MlflowException) else ""
    if code in REFUSED:
        return RefusedError
    return AddressError if code in NO_MLFLOW or HOPELESS.search(str(error)) else StorageError


def _message(error: Exception, password: str | None) -> str:
    """What an error says, without the statements and links that are appended to it, and without a password."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    text = lines[0].replace(password, "***") if password else lines[0]
    if isinstance(error, MlflowException) and error.error_code == "UNAUTHENTICATED":
        return (
            "it asks for a login, and was given none that it knows: set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or start the stack of this folder, whose login is found by itself"
        )
    if isinstance(error, CommandError):
        text += " (the database is another program's, or a newer MLflow's: give MLflow one of its own)"
    return text[:500]
