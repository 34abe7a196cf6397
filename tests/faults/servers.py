"""A Postgres and an MLflow server that can be stopped and started again, at the same address."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from tests.conftest import postgres_programs, server_user

PATIENCE_S = 180.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(process: subprocess.Popen[bytes], probe: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(probe, timeout=10) as response:
            if response.status == 200:
                return
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.05)


class Cluster:
    """A Postgres cluster. Stopping it breaks every connection, as a crash does."""

    def __init__(self, folder: Path, options: str) -> None:
        programs = postgres_programs()
        if programs is None:
            pytest.skip("no Postgres programs (initdb, pg_ctl): apt install postgresql")
        self._programs, self._data, self._log = programs, folder / "cluster", folder / "log"
        self._password, self._port = secrets.token_hex(8), free_port()
        identity = server_user()
        self._run: dict[str, Any] = {
            "cwd": folder,
            "check": True,
            "stdout": subprocess.DEVNULL,
            "stdin": subprocess.DEVNULL,
            **identity,
        }
        secret = folder / "password"
        secret.write_text(self._password)
        if "user" in identity:
            for path in (folder, secret):
                shutil.chown(path, identity["user"])
        command = [programs / "initdb", "-D", self._data, "-U", "tester", "--auth=scram-sha-256"]
        command += [f"--pwfile={secret}", "--no-sync", "--locale=C", "--encoding=UTF8"]
        subprocess.run(command, **self._run)
        self._options = f"-p {self._port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off "
        # Without synchronous_commit, a stop at once would take back what was committed.
        self._options += f"-c synchronous_commit=on -c shared_buffers=16MB {options}"

    def start(self) -> None:
        """Returns when it answers."""
        self._control("-l", self._log, "-w", "-o", self._options, "start")

    def stop(self) -> None:
        """At once, without a word to those who are connected."""
        self._control("-w", "-m", "immediate", "stop")

    def restart(self) -> None:
        self.stop()
        self.start()

    def _control(self, *arguments: str | Path) -> None:
        subprocess.run([self._programs / "pg_ctl", "-D", self._data, *arguments], **self._run)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg2://tester:{self._password}@127.0.0.1:{self._port}/{database}"

    def database(self) -> str:
        """The URL of a new, empty one."""
        name = f"test_{secrets.token_hex(6)}"
        engine = sqlalchemy.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return self.url(name)

    def log(self) -> str:
        return self._log.read_text(errors="replace")


@contextlib.contextmanager
def cluster(options: str = "") -> Iterator[Cluster]:
    """One that runs."""
    # Under /tmp by name: the folder of a test cannot be entered by the server's user.
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        made = Cluster(Path(folder), options)
        made.start()
        try:
            yield made
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):  # a test may have stopped it
                made.stop()


class MlflowServer:
    """MLflow's own server, on SQLite unless told otherwise. It is not started yet."""

    def __init__(self, folder: Path, database: str | None = None) -> None:
        folder.mkdir(parents=True)
        self.database = database or f"sqlite:///{folder / 'mlflow.db'}"
        self.url = f"http://127.0.0.1:{free_port()}"
        self._log, self._artifacts = folder / "log", folder / "artifacts"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers and its database does."""
        environment = {
            **os.environ,
            "MLFLOW_BACKEND_STORE_URI": self.database,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        place, port = self._artifacts.as_uri(), self.url.rpartition(":")[2]
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1"]
        command += ["--artifacts-destination", place, "--serve-artifacts"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        wait_until_it_answers(self._process, f"{self.url}/api/2.0/mlflow/experiments/search?max_results=1", self._log)

    def stop(self) -> None:
        """At once, with all its workers."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
