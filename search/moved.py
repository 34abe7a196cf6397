"""A study whose stores are others than those it was recorded in: a server that is down, or one that is new."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from search.errors import StorageError
from search.noted import read_noted
from search.optuna_store import shown_url
from search.settings import Places


def check_storage(name: str, folder: Path, places: Places) -> None:
    """A study that a server records is not gone on with in the folder of runs, only because the server is down.

    Raises:
        StorageError: it would be.
    """
    recorded = (read_noted(folder) or {}).get("storage", "sqlite:")
    if not recorded.startswith("sqlite:") and places.storage_url == Places.embedded_storage(places.runs):
        raise StorageError(
            f"The study {name} is recorded in {recorded}, which no flag, no variable and no running stack names now. "
            "Start the stack (docker compose up -d), or name the database with --storage-url; or start a new study "
            "beside it with --fresh."
        )


def say_moved(folder: Path, places: Places, say: Callable[[str], None]) -> None:
    """Says where MLflow is another one than before: it is told of every trial, whatever the other one knows."""
    now = shown_url(places.tracking_uri)
    recorded = (read_noted(folder) or {}).get("tracking", now)
    if recorded != now:
        say(f"MLflow was {recorded} so far; the one of now is told everything that the journals know")
