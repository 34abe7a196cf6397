"""Addresses: of databases, for their driver and for people; of pages, as a browser on the user's machine reaches them.

`python -m search.ui` opens both pages on the ports that `search.addresses.ports` has noted. Where a server stands
elsewhere, or where the controller knows a server by another name than the user's browser does, as in containers, the
environment says so: SEARCH_MLFLOW_UI and SEARCH_DASHBOARD_UI.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, urlsplit

from search.addresses.ports import noted_ports
from search.text import plain

MLFLOW_UI, DASHBOARD_UI = "SEARCH_MLFLOW_UI", "SEARCH_DASHBOARD_UI"
TRAINING_VIEW = "workflowType=machine_learning"  # MLflow 3.17 shows its pages for language models without it
VIEW = "search"  # the name in the tag of the experiment's shared view (`search.stores.mlflow.view`)


def mlflow_ui(tracking_uri: str) -> str:
    """The address of MLflow's pages: the server's, or `search.ui`'s for a database."""
    if named := os.environ.get(MLFLOW_UI):
        return named.rstrip("/")
    address = urlsplit(tracking_uri)
    if address.scheme not in ("http", "https"):
        return f"http://127.0.0.1:{noted_ports(tracking_uri)['mlflow']}"
    return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl().rstrip("/")  # without a password


def mlflow_experiment(tracking_uri: str, experiment_id: str) -> str:
    """The table of a study's runs, with the columns that matter: MLflow's page for trainings, in our shared view."""
    return runs_page(mlflow_ui(tracking_uri), experiment_id)


def runs_page(pages: str, experiment_id: str) -> str:
    """The same, of the MLflow whose pages are at an address."""
    return f"{pages}/#/experiments/{experiment_id}/runs?{TRAINING_VIEW}&viewStateShareKey={VIEW}"


def mlflow_run(tracking_uri: str, experiment_id: str, run_id: str) -> str:
    """The page of a run."""
    return f"{mlflow_ui(tracking_uri)}/#/experiments/{experiment_id}/runs/{run_id}?{TRAINING_VIEW}"


def dashboard_study(study_id: int, dashboard_url: str | None = None, storage_url: str = "") -> str:
    """The page of a study on the Optuna dashboard.

    Args:
        study_id: its number in the storage.
        dashboard_url: where the dashboard is known to be (`Places.dashboard_url`); None: `search.ui`'s.
        storage_url: of the storage, which tells on which port `search.ui` shows it.
    """
    port = noted_ports(storage_url)["optuna"]
    address = os.environ.get(DASHBOARD_UI) or dashboard_url or f"http://127.0.0.1:{port}"
    return f"{address.rstrip('/')}/dashboard/studies/{study_id}"


def sqlite_url(file: Path) -> str:
    """The address of a SQLite database in a file whose path may have any letters: SQLAlchemy 2.1 unescapes them."""
    escaped = str(file).replace("%", "%25").replace("?", "%3F").replace("#", "%23")
    return f"sqlite:///{escaped}"


def normal_url(url: str) -> str:
    """A database's address for the project's driver, psycopg2: SQLAlchemy 2.1 reads `postgresql://` as psycopg 3."""
    scheme, mark, rest = url.partition("://")
    return f"postgresql+psycopg2://{rest}" if mark and scheme in ("postgres", "postgresql") else url


def with_password(url: str, password: str) -> str:
    """The address of a server, with a password where it has a user and none; any other address as it is."""
    parts = urlsplit(url)
    if not parts.username or parts.password is not None or parts.scheme not in ("http", "https"):
        return url
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl()


def shown_url(url: str) -> str:
    """The address of a database or a server for people: of a database without its password, of a server without the
    login, which is a person's and not the server's.
    """
    if url.startswith(("http://", "https://")):
        parts = urlsplit(url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    import sqlalchemy  # 0.3 s, which a command that shows no address need not wait for

    try:
        parsed = sqlalchemy.make_url(plain(url))  # which has no spelling of bytes that are no UTF-8
        hidden = {name: "***" for name in parsed.query if "password" in name}  # as libpq takes it, too
        return parsed.update_query_dict(hidden).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return "(no URL of a database)"
