"""Opens MLflow and the Optuna dashboard on what was run.

    python -m search.ui

Both listen on this machine alone, where other people's accounts reach them, too: there they ask for a login, whose
password is made at each start (`--login`).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy

from search.addresses.ports import note_ports, noted_ports
from search.addresses.urls import dashboard_study, mlflow_ui, runs_page, shown_url
from search.commands import ExitStatus, add_runs_option, ended, new_parser
from search.controller.signals import ending_signals
from search.environment import chosen
from search.errors import SettingsError, StorageError
from search.folder.manifest import study_folders
from search.settings import Places
from search.stack.access import LOGIN, USER, login_is_wanted, others_here
from search.stack.embedded import Login, Server, listening, port_of, start_dashboard, start_mlflow
from search.stores.mlflow.embedded import follow_move, making_tables
from search.stores.optuna import open_storage
from search.stores.optuna.notes import Notes
from search.stores.relinking import mover, relink
from trainer.command import Shown

STUDIES_SHOWN = 10
SQLITE = "sqlite:///"
PASSWORD_BYTES = 12  # 96 bits, of a password that ends with these servers


@contextlib.contextmanager
def opened(
    places: Places,
    over: threading.Event,
    port_mlflow: int | None = None,
    port_optuna: int | None = None,
    password: str = "",
) -> Iterator[list[Server]]:
    """The servers, once all of them answer. They end with the context.

    Where MLflow is a server already, the dashboard is the only one.

    Args:
        places: the stores.
        over: set by a signal; the start is given up.
        port_mlflow: None for a free one.
        port_optuna: None for a free one.
        password: that both ask for; empty for none.

    Raises:
        SettingsError: a port is taken.
        StorageError: a database cannot be used, or a server does not start.
        KeyboardInterrupt: `over` was set.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="search-ui-")))
        login = Login.in_folder(folder, password or secrets.token_urlsafe(PASSWORD_BYTES), wanted=bool(password))
        places.runs.mkdir(parents=True, exist_ok=True)
        before = noted_ports(f"{SQLITE}{places.runs}/")
        wanted = {"optuna": port_optuna} | ({"mlflow": port_mlflow} if places.artifacts else {})
        listeners = {
            name: stack.enter_context(_listening(port, f"--port-{name}", before[name])) for name, port in wanted.items()
        }
        after = {**before, **{name: port_of(listener) for name, listener in listeners.items()}}
        servers = []
        if places.artifacts is not None:
            if places.tracking_uri.startswith(SQLITE):
                # Until it answers. What the controller would write meanwhile waits.
                stack.enter_context(tables := contextlib.ExitStack())
                database = Path(sqlalchemy.make_url(places.tracking_uri).database or "")
                tables.enter_context(making_tables(database))
                follow_move(database, places.artifacts)
                if after != before:
                    relink(places.runs, mover(before, after))
            servers.append(start_mlflow(places.tracking_uri, places.artifacts, listeners["mlflow"], folder, login))
            stack.callback(servers[-1].end)
        _make_optuna_tables(places.storage_url)
        if after != before:
            _relink_notes(places, mover(before, after))
            note_ports(places.runs, after)
        servers.append(start_dashboard(places.storage_url, listeners["optuna"], folder, login))
        stack.callback(servers[-1].end)
        for server in servers:
            server.wait_until_it_answers(over)
            if server.name == "MLflow" and places.tracking_uri.startswith(SQLITE):
                tables.close()
        yield servers


def _relink_notes(places: Places, move: Callable[[str], str]) -> None:
    for name in study_folders(places):
        with contextlib.suppress(StorageError), contextlib.closing(Notes(places.storage_url, name)) as notes:
            notes.relink(move)


def _make_optuna_tables(url: str) -> None:
    """The dashboard crashes on an empty database."""
    try:
        open_storage(url)
    except Exception as error:  # SQLAlchemy's, the driver's, the file system's
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise StorageError(f"Optuna's storage {shown_url(url)} cannot be used: {reason}") from error


def _listening(wanted: int | None, flag: str, usual: int) -> socket.socket:
    """On the port that is wanted, else the usual one, else any that is free."""
    for port in (wanted,) if wanted else (usual, 0):
        with contextlib.suppress(OSError, OverflowError):  # the latter of what is no port
            return listening(port)
    raise SettingsError(f"{flag} {wanted}: the port is taken or not allowed; without {flag} a free one is found")


def _studies(mlflow: Server) -> dict[str, str]:
    """The page of each study's runs, by name; those of the last ten that changed."""
    query = f"/api/2.0/mlflow/experiments/search?max_results={STUDIES_SHOWN}&order_by=last_update_time%20DESC"
    with mlflow.get(query) as response:
        found = json.load(response).get("experiments", [])
    return {
        experiment["name"]: runs_page(mlflow.url, experiment["experiment_id"])
        for experiment in found
        if experiment["name"] != "Default"
    }


def _on_dashboard(dashboard: Server) -> dict[str, str]:
    """The page of each study on the dashboard, by name; the last ten that were begun."""
    with dashboard.get("/api/studies") as response:
        found = json.load(response)["study_summaries"]
    latest = sorted(found, key=lambda study: -study["study_id"])[:STUDIES_SHOWN]
    return {study["study_name"]: dashboard_study(study["study_id"], dashboard.url) for study in latest}


def _about_login(password: str, others: list[str]) -> list[str]:
    if password:
        return [f"{'Login:':<17} {USER}, with the password {password} until this ends"]
    if others:
        return [f"They ask for no login, and {', '.join(others[:3])} may reach them from this machine."]
    return []


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = new_parser("ui", "Open MLflow and the Optuna dashboard on what was run. Ctrl-C ends both.")
    result.epilog = "SEARCH_STORAGE_URL and MLFLOW_TRACKING_URI name other stores than those in the folder of runs."
    add_runs_option(result)
    result.add_argument("--port-mlflow", type=int, metavar="N", help="default: the last one, if it is free")
    result.add_argument("--port-optuna", type=int, metavar="N", help="default: the last one, if it is free")
    result.add_argument(
        "--login",
        choices=("on", "off"),
        help="whether both ask for a password (default: where the machine has accounts of other people)",
    )
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options = parser().parse_args(arguments)
    over = threading.Event()
    for kind in ending_signals():
        signal.signal(kind, lambda *_: over.set())  # and not an exception, which could hit between start and note
    return ended(lambda: _main(options, over))


def _main(options: argparse.Namespace, over: threading.Event) -> int:
    places = chosen(options.runs, None, None).places
    if places.dashboard_url and places.artifacts is None:
        print("Both are served already.")
        print(f"{'MLflow:':<17} {mlflow_ui(places.tracking_uri)}")
        print(f"{'Optuna dashboard:':<17} {places.dashboard_url}/dashboard")
        return ExitStatus.DONE
    print("Starting ...", file=sys.stderr, flush=True)
    others = others_here()
    if options.login:
        os.environ[LOGIN] = options.login
    wanted = login_is_wanted() or (bool(others) and not os.environ.get(LOGIN, "").strip())
    password = secrets.token_urlsafe(PASSWORD_BYTES) if wanted else ""
    with (
        contextlib.suppress(KeyboardInterrupt),
        opened(places, over, options.port_mlflow, options.port_optuna, password) as servers,
    ):
        if places.artifacts is None:
            print(f"{'MLflow:':<17} {_without_password(places.tracking_uri)}")
        for server in servers:
            pages = _studies(server) if server.name == "MLflow" else _on_dashboard(server)
            print(f"{server.name + ':':<17} {server.url}")
            width = max([15, *map(len, pages)])
            for name, page in pages.items():
                print(f"  {name:<{width}} {page}")
        for line in _about_login(password, others):
            print(line)
        print("Ctrl-C ends both." if len(servers) > 1 else "Ctrl-C ends it.", flush=True)
        while not over.wait(0.5):
            if isinstance(sys.stdout, Shown) and not sys.stdout.has_reader:
                print("Nobody reads any more where they are; they end.", file=sys.stderr)
                break
            for server in servers:
                if server.process.poll() is not None:
                    server.answers()  # says how it ended
    return ExitStatus.DONE


if __name__ == "__main__":
    sys.exit(main())
