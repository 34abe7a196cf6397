"""Where things are: the folder of runs, Optuna's storage, MLflow's store."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from search.addresses.urls import DASHBOARD_UI, sqlite_url, with_password
from search.errors import SettingsError

STORAGE, TRACKING, RUNS = "SEARCH_STORAGE_URL", "MLFLOW_TRACKING_URI", "SEARCH_RUNS_DIR"
PASSWORD_FILE = (
    "SEARCH_TRACKING_PASSWORD_FILE"  # of the user that the variable MLFLOW_TRACKING_URI names: http://ada@...
)


@dataclass(frozen=True)
class Places:
    """Addresses of one installation.

    Attributes:
        runs: the folder that holds everything embedded: journals, models, logs, caches, and the two databases.
        storage_url: Optuna's, as SQLAlchemy reads it.
        tracking_uri: MLflow's, a database or a server.
        dashboard_url: where an Optuna dashboard shows the storage already; None: nowhere that is known.
    """

    runs: Path
    storage_url: str
    tracking_uri: str
    dashboard_url: str | None = None

    @classmethod
    def of(cls, runs: str | None = None, storage_url: str | None = None, tracking_uri: str | None = None) -> Places:
        """From flags, else the environment, else embedded in the folder `runs`.

        Raises:
            SettingsError: a file with a password cannot be read.
        """
        folder = Path(runs or os.environ.get(RUNS) or "runs").absolute()
        return cls(
            runs=folder,
            storage_url=storage_url or os.environ.get(STORAGE) or cls.embedded_storage(folder),
            tracking_uri=tracking_uri or _tracking_server() or sqlite_url(folder / "mlflow.db"),
            dashboard_url=os.environ.get(DASHBOARD_UI) or None,
        )

    @staticmethod
    def embedded_storage(runs: Path) -> str:
        """Optuna's storage in the folder of runs."""
        return sqlite_url(runs / "optuna.db")

    @property
    def cache(self) -> Path:
        """Decoded images, shared by all studies."""
        return self.runs / "cache"

    @property
    def artifacts(self) -> Path | None:
        """Where MLflow's artifacts go; None with a server, which has a place of its own."""
        return None if self.tracking_uri.startswith(("http://", "https://")) else self.runs / "artifacts"

    @property
    def studies(self) -> Path:
        """The folder that holds the folders of all studies."""
        return self.runs / "studies"

    def study(self, name: str) -> Path:
        """The folder of a study."""
        return self.studies / name


def _tracking_server() -> str:
    """What the environment says of MLflow, with the password that a file has."""
    url, file = os.environ.get(TRACKING, ""), os.environ.get(PASSWORD_FILE)
    if not file:
        return url
    try:
        return with_password(url, Path(file).read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"${PASSWORD_FILE} {file}: cannot be read: {getattr(error, 'strerror', error)}") from None
