"""MLflow and the Optuna dashboard as `python -m search.ui` runs them: on this machine alone, by the rules of the stack.

Both answer under their own names alone, take nothing from pages of other ports, and ask for a login where one is wanted
(`search.stack.access`). A password is handed over in the environment or in a file that only the user can read, never in
an argument, which everyone can list.

The socket that a server listens on is made here and handed over as its standard input, as process managers do it
(https://uvicorn.dev/deployment/): no other program can take the port before the server does.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

from search.addresses.urls import normal_url
from search.errors import StorageError
from search.settings import STORAGE
from search.stack.access import FURTHER_HOSTS, LOGIN, PASSWORD_FILE, authorization
from search.stack.dashboard import ALLOWED_HOSTS
from search.stack.dashboard import PASSWORD_FILE as DASHBOARD_PASSWORD_FILE
from search.stack.tracking import ACCOUNTS_DATABASE, DATABASE
from trainer.environment import server_environment

HOST = "127.0.0.1"
START_TIMEOUT_S = 180  # MLflow makes its tables at the first start: 5 s on two idle cores
END_TIMEOUT_S = 5
# What a server of MLflow's does not need here (mlflow/environment_variables.py); as in docker-compose.yml. Of its
# assistant there is the switch for other machines alone; `search.stack.tracking` refuses it altogether.
OFF = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_AI_GATEWAY": "false",
    "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
ROOT = Path(__file__).resolve().parents[2]
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # servers on this machine are asked by no proxy


@dataclass(frozen=True)
class Login:
    """What both pages ask for.

    Attributes:
        file: has the password, for the servers; only the user can read it.
        password: the same.
        wanted: whether it is asked for.
    """

    file: Path
    password: str
    wanted: bool

    @classmethod
    def in_folder(cls, folder: Path, password: str, *, wanted: bool) -> Login:
        """Writes the file."""
        file = folder / "password"
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
            opened.write(password)
        return cls(file, password, wanted)

    def environment(self) -> dict[str, str]:
        """What both servers are told of it, and of the names under which they are reached."""
        return {
            LOGIN: "on" if self.wanted else "off",
            FURTHER_HOSTS: os.environ.get(FURTHER_HOSTS, ""),
            PASSWORD_FILE: str(self.file),
            DASHBOARD_PASSWORD_FILE: str(self.file),
            "PYTHONPATH": str(ROOT),  # this project's own, wherever the user is
        }


@dataclass(frozen=True)
class Server:
    """A server process, in a session of its own, so that Ctrl-C reaches this program alone."""

    name: str
    url: str
    probe: str  # an address that answers once the server and its database do
    log: Path
    process: subprocess.Popen[bytes]
    password: str = ""

    def get(self, path: str, timeout_s: float = 30) -> HTTPResponse:
        """Asks for a path, as the user who may see it.

        Raises:
            OSError: no answer, or a status that is none of success.
        """
        headers = {"Authorization": authorization(self.password)} if self.password else {}
        answer: HTTPResponse = DIRECT.open(urllib.request.Request(self.url + path, headers=headers), timeout=timeout_s)
        return answer

    def answers(self) -> bool:
        """Whether the server answers requests.

        Raises:
            StorageError: the process has ended; quotes the end of its log.
        """
        if self.process.poll() is not None:
            raise StorageError(
                f"{self.name} ended with status {self.process.returncode}. Its last words:\n{self._tail()}"
            )
        with contextlib.suppress(OSError), self.get(self.probe, timeout_s=5) as response:
            return bool(response.status == 200)
        return False

    def wait_until_it_answers(self, over: threading.Event) -> None:
        """Returns when it does.

        Raises:
            StorageError: it ended, or the time is over.
            KeyboardInterrupt: `over` was set.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while not over.is_set():
            if self.answers():
                return
            if time.monotonic() > deadline:
                raise StorageError(f"{self.name} does not answer after {START_TIMEOUT_S} s. Its log:\n{self._tail()}")
            time.sleep(0.1)
        raise KeyboardInterrupt

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


def listening(port: int) -> socket.socket:
    """A socket that listens on a port of this machine, 0 for any that is free. What connects waits for its server.

    Raises:
        OSError: the port is taken or not allowed.
    """
    found = socket.socket()
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was just left is free
        found.bind((HOST, port))
        found.listen()
    except OSError:
        found.close()
        raise
    return found


def port_of(listener: socket.socket) -> int:
    """The port that a socket listens on."""
    return int(listener.getsockname()[1])


def start_mlflow(uri: str, artifacts: Path, listener: socket.socket, folder: Path, login: Login) -> Server:
    """MLflow on a database. Its accounts lie in `folder`, and not in that database.

    Args:
        uri: the database.
        artifacts: the folder of its artifacts.
        listener: of `listening`, closed here: it is the server's.
        folder: for its log and what it needs while it runs.
        login: what it asks for.
    """
    environment = {
        **OFF,
        **login.environment(),
        DATABASE: normal_url(uri),
        ACCOUNTS_DATABASE: f"sqlite:///{folder / 'accounts.db'}",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    }
    place = artifacts.absolute().as_uri()
    options = ["--default-artifact-root", place, "--artifacts-destination", place, "--workers", "1"]
    options += ["--uvicorn-opts", "--fd 0", "--allowed-hosts", _names(port_of(listener))]
    command = [sys.executable, "-P", "-m", "search.stack.tracking", *options]
    probe = "/api/2.0/mlflow/experiments/search?max_results=1"  # /health does not ask the database
    return start("MLflow", command, environment, listener, probe, folder / "mlflow.log", login)


def start_dashboard(url: str, listener: socket.socket, folder: Path, login: Login) -> Server:
    """The Optuna dashboard on a storage; as `start_mlflow`."""
    environment = {**login.environment(), STORAGE: normal_url(url), ALLOWED_HOSTS: _names(port_of(listener))}
    command = [sys.executable, "-P", "-m", "search.stack.dashboard"]
    return start("Optuna dashboard", command, environment, listener, "/api/studies", folder / "dashboard.log", login)


def _names(port: int) -> str:
    return ",".join(filter(None, [f"{HOST}:{port}", f"localhost:{port}", os.environ.get(FURTHER_HOSTS, "")]))


def start(
    name: str,
    command: list[str],
    environment: dict[str, str],
    listener: socket.socket,
    probe: str,
    log: Path,
    login: Login,
) -> Server:
    """Starts a server, which gets the socket as its standard input; it does not answer yet."""
    port = port_of(listener)
    with log.open("wb") as output, listener:
        process = subprocess.Popen(
            command,
            env={**server_environment(), **environment},
            stdin=listener.fileno(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Server(name, f"http://{HOST}:{port}", probe, log, process, login.password if login.wanted else "")
