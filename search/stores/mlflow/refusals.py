"""Whatever goes wrong in MLflow, as `StorageError`, or as `RefusedError` where trying again will not help."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from urllib.parse import urlsplit

import sqlalchemy
from mlflow.exceptions import MlflowException

from search.errors import StorageError
from search.stores.mlflow.errors import RefusedError
from search.urls import shown_url

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
FAILURES = (MlflowException, OSError, sqlite3.Error, sqlalchemy.exc.SQLAlchemyError)  # requests' errors are OSErrors


@contextlib.contextmanager
def refusals(uri: str) -> Iterator[None]:
    """Within, whatever MLflow, the database, the network or the disk raises names the address, without its password."""
    try:
        yield
    except FAILURES as error:
        refused = isinstance(error, MlflowException) and error.error_code in REFUSED
        password = urlsplit(uri).password
        kind = RefusedError if refused else StorageError
        raise kind(f"MLflow at {shown_url(uri)}: {_message(error, password)}") from (None if password else error)


def _message(error: Exception, password: str | None) -> str:
    """What an error says, without the statements and links that are appended to it, and without a password."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    text = lines[0].replace(password, "***") if password else lines[0]
    return text[:500]
