"""Opens MLflow and the Optuna dashboard on what was run.

    python -m search.ui

Both listen on this machine alone. A password in an address is handed over in the environment or in a file that only
the user can read, never in an argument, which everyone can list.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy

from search.addresses.ports import note_ports, noted_ports
from search.addresses.urls import mlflow_ui, normal_url, runs_page, shown_url
from search.commands import ExitStatus, add_runs_option, ended, new_parser
from search.environment import chosen
from search.errors import SettingsError, StorageError
from search.folder.manifest import study_folders
from search.settings import STORAGE, Places
from search.stack.dashboard import ALLOWED_HOSTS
from search.stores.mlflow.embedded import follow_move, making_tables
from search.stores.optuna import open_storage
from search.stores.optuna.notes import Notes
from search.stores.relinking import mover, relink
from trainer.command import Shown
from trainer.environment import server_environment

HOST = "127.0.0.1"
STUDIES_SHOWN = 10
START_TIMEOUT_S = 180  # MLflow makes its tables at the first start: 5 s on two idle cores
END_TIMEOUT_S = 5
SQLITE = "sqlite:///"
# What a server of MLflow's does not need here (mlflow/environment_variables.py); as in docker-compose.yml.
OFF = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_AI_GATEWAY": "false",
    "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # servers on this machine are asked by no proxy


@dataclass(frozen=True)
class Server:
    """A server process, in a session of its own, so that Ctrl-C reaches this program alone."""

    name: str
    url: str
    probe: str  # an address that answers once the server and its database do
    log: Path
    process: subprocess.Popen[bytes]

    def answers(self) -> bool:
        """Whether the server answers requests.

        Raises:
            StorageError: the process has ended; quotes the end of its log.
        """
        if self.process.poll() is not None:
            raise StorageError(
                f"{self.name} ended with status {self.process.returncode}. Its last words:\n{self._tail()}"
            )
        with contextlib.suppress(OSError), DIRECT.open(self.url + self.probe, timeout=5) as response:
            return bool(response.status == 200)
        return False

    def wait_until_it_answers(self, over: threading.Event) -> None:
        """Returns when it does.

        Raises:
            StorageError: it ended, or the time is over.
            KeyboardInterrupt: `over` was set.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            if over.is_set():
                raise KeyboardInterrupt
            if time.monotonic() > deadline:
                raise StorageError(f"{self.name} does not answer after {START_TIMEOUT_S} s. Its log:\n{self._tail()}")
            time.sleep(0.1)

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-20:]) or "  (none)"

    def end(self) -> None:
        """Ends the process and all that it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(END_TIMEOUT_S)


@contextlib.contextmanager
def opened(
    places: Places, over: threading.Event, port_mlflow: int | None = None, port_optuna: int | None = None
) -> Iterator[list[Server]]:
    """The servers, once all of them answer. They end with the context.

    Where MLflow is a server already, the dashboard is the only one.

    Args:
        places: the stores.
        over: set by a signal; the start is given up.
        port_mlflow: None for a free one.
        port_optuna: None for a free one.

    Raises:
        SettingsError: a port is taken.
        StorageError: a database cannot be used, or a server does not start.
        KeyboardInterrupt: `over` was set.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="search-ui-")))
        places.runs.mkdir(parents=True, exist_ok=True)
        before = noted_ports(f"{SQLITE}{places.runs}/")
        after = {
            "mlflow": _port(port_mlflow, "--port-mlflow", before["mlflow"]) if places.artifacts else before["mlflow"],
            "optuna": _port(port_optuna, "--port-optuna", before["optuna"]),
        }
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
            servers.append(_start_mlflow(places.tracking_uri, places.artifacts, after["mlflow"], folder))
            stack.callback(servers[-1].end)
        _make_optuna_tables(places.storage_url)
        if after != before:
            _relink_notes(places, mover(before, after))
            note_ports(places.runs, after)
        servers.append(_start_dashboard(places.storage_url, after["optuna"], folder))
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


def _start_mlflow(uri: str, artifacts: Path, port: int, folder: Path) -> Server:
    environment = {
        **OFF,
        "MLFLOW_BACKEND_STORE_URI": normal_url(uri),
    }
    place = artifacts.absolute().as_uri()
    options = ["--default-artifact-root", place, "--artifacts-destination", place, "--workers", "1"]
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), *options]
    probe = "/api/2.0/mlflow/experiments/search?max_results=1"  # /health does not ask the database
    return _start("MLflow", command, environment, port, probe, folder / "mlflow.log")


def _make_optuna_tables(url: str) -> None:
    """The dashboard crashes on an empty database."""
    try:
        open_storage(url)
    except Exception as error:  # SQLAlchemy's, the driver's, the file system's
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise StorageError(f"Optuna's storage {shown_url(url)} cannot be used: {reason}") from error


def _start_dashboard(url: str, port: int, folder: Path) -> Server:
    environment = {
        STORAGE: normal_url(url),
        ALLOWED_HOSTS: f"{HOST}:{port},localhost:{port}",
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),  # this project's own, wherever the user is
    }
    command = [sys.executable, "-P", "-m", "search.stack.dashboard", HOST, str(port)]
    return _start("Optuna dashboard", command, environment, port, "/api/studies", folder / "dashboard.log")


def _start(name: str, command: list[str], environment: dict[str, str], port: int, probe: str, log: Path) -> Server:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**server_environment(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Server(name, f"http://{HOST}:{port}", probe, log, process)


def _port(wanted: int | None, flag: str, usual: int) -> int:
    """The port that is wanted, else the usual one, else any that is free."""
    for port in (wanted,) if wanted else (usual, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was just left is free
            probe.bind((HOST, port))
            return int(probe.getsockname()[1])
    raise SettingsError(f"{flag} {wanted}: the port is taken or not allowed; without {flag} a free one is found")


def _studies(mlflow_url: str) -> dict[str, str]:
    """The page of each study's runs, by name; those of the last ten that changed."""
    query = (
        f"{mlflow_url}/api/2.0/mlflow/experiments/search?max_results={STUDIES_SHOWN}&order_by=last_update_time%20DESC"
    )
    with DIRECT.open(query, timeout=30) as response:
        found = json.load(response).get("experiments", [])
    return {
        experiment["name"]: runs_page(mlflow_url, experiment["experiment_id"])
        for experiment in found
        if experiment["name"] != "Default"
    }


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
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options = parser().parse_args(arguments)
    over = threading.Event()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the last: the terminal was closed
        signal.signal(number, lambda *_: over.set())  # and not an exception, which could hit between start and note
    return ended(lambda: _main(options, over))


def _main(options: argparse.Namespace, over: threading.Event) -> int:
    places = chosen(options.runs, None, None).places
    if places.dashboard_url and places.artifacts is None:
        print("Both are served already.")
        print(f"{'MLflow:':<17} {mlflow_ui(places.tracking_uri)}")
        print(f"{'Optuna dashboard:':<17} {places.dashboard_url}/dashboard")
        return ExitStatus.DONE
    print("Starting ...", file=sys.stderr, flush=True)
    with (
        contextlib.suppress(KeyboardInterrupt),
        opened(places, over, options.port_mlflow, options.port_optuna) as servers,
    ):
        if places.artifacts is None:
            print(f"{'MLflow:':<17} {_without_password(places.tracking_uri)}")
        for server in servers:
            print(f"{server.name + ':':<17} {server.url}")
            for name, page in _studies(server.url).items() if server.name == "MLflow" else ():
                print(f"  {name:<15} {page}")
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
