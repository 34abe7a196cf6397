"""Addresses of stores that can never work are refused before anything is started."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from search.addresses.urls import normal_url, shown_url
from search.errors import SettingsError
from search.settings import RUNS, Places
from search.text import is_utf8

TRACKING_SCHEMES = ("http", "https", "sqlite", "postgresql", "postgres", "mysql", "mssql")  # that MLflow knows


def check_addresses(places: Places, storage_by: str, tracking_by: str) -> None:
    """Whether the stores can be where they are said to be.

    Args:
        places: the addresses.
        storage_by: what named Optuna's: `--storage-url` or `$SEARCH_STORAGE_URL`.
        tracking_by: what named MLflow's.

    Raises:
        SettingsError: one of them cannot be.
    """
    _check_file(places.storage_url, storage_by)
    _check_tracking(places.tracking_uri, tracking_by)
    _check_file(places.tracking_uri, tracking_by)
    if _place(places.storage_url) == _place(places.tracking_uri):
        raise SettingsError(
            f"{storage_by} and {tracking_by} are one database, {shown_url(places.tracking_uri)}: each has a table "
            "`alembic_version` of its own, so Optuna and MLflow need a database each"
        )


def _check_tracking(uri: str, named_by: str) -> None:
    scheme = uri.partition("://")[0].partition("+")[0] if "://" in uri else ""
    if scheme not in TRACKING_SCHEMES:
        raise SettingsError(
            f"{named_by} {shown_url(uri) if scheme else uri}: allowed are a server (http://..., https://...) or a "
            "database (sqlite:///FILE, postgresql://..., mysql://..., mssql://...). MLflow's folders of files (mlruns) "
            "are no longer a store: `mlflow migrate-filestore` makes a database of one."
        )
    if scheme in ("http", "https") and not urlsplit(uri).hostname:
        raise SettingsError(f"{named_by} {uri}: found no host; allowed: {scheme}://HOST:PORT")


def _check_file(url: str, named_by: str) -> None:
    """A SQLite database that other processes can open too: the servers of `search.ui`, the next run."""
    if not url.startswith("sqlite"):
        return
    import sqlalchemy

    try:
        parsed = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.host or not parsed.database or parsed.database == ":memory:" or parsed.query:
        raise SettingsError(
            f"{named_by} {url}: found no file; allowed: sqlite:///FILE, or sqlite:////FOLDER/FILE from the root (with "
            "%3F for a question mark in a name)"
        )


def check_names(places: Places, tracking_by: str) -> None:
    """Whether MLflow, where it is no server, can keep its files in the folders that are named.

    It writes addresses in UTF-8: of a folder whose name is in Latin-1, MLflow 3.17 opens no database, and puts
    artifacts into a folder of another name.

    Args:
        places: the addresses, of a stack that was found, too.
        tracking_by: what named MLflow's.

    Raises:
        SettingsError: a name is not UTF-8.
    """
    if places.artifacts is None:
        return
    if not is_utf8(str(places.runs)):
        folder = os.fsencode(places.runs).decode("utf-8", "backslashreplace")
        raise SettingsError(
            f"{folder}: the name of the folder of runs is not UTF-8, so that MLflow can keep no files in it; allowed: "
            f"another folder (--runs or ${RUNS}), or an MLflow server (--tracking-uri http://...)"
        )
    if not is_utf8(places.tracking_uri):
        raise SettingsError(f"{tracking_by} {shown_url(places.tracking_uri)}: the file's name is not UTF-8")


def _place(url: str) -> tuple[object, ...]:
    """What two addresses of one database have in common."""
    if url.startswith(("http://", "https://")):
        return ("server", url)
    import sqlalchemy

    try:
        parsed = sqlalchemy.make_url(normal_url(url))
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return ("unknown", url)
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return (kind, Path(parsed.database or "").absolute())
    return (kind, parsed.host, parsed.port, parsed.database)
