"""Many trials on many slots: the budget is exact, connections suffice, memory and rate hold."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from search.settings import Places
from tests.faults.controllers import controllers, wait_until_no_trainer_is_left
from tests.faults.installation import Installation
from tests.faults.servers import Cluster, MlflowServer, free_port, wait_until_it_answers
from tests.search.workshop import Watcher, question

LONG = pytest.mark.faults


@contextmanager
def dashboard(storage_url: str, folder: Path) -> Iterator[str]:
    """Optuna's own, on a storage that has its tables."""
    url, config = f"http://127.0.0.1:{free_port()}", folder / "dashboard.toml"
    config.write_text(f'[optuna_dashboard]\nstorage = "{storage_url}"\n')
    code = "from optuna_dashboard._cli import main; main()"
    options = ["--from-config", str(config), "--host", "127.0.0.1", "--port", url.rpartition(":")[2]]
    with open(folder / "dashboard.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *options, "--server", "wsgiref"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until_it_answers(process, f"{url}/api/studies", folder / "dashboard.log")
        yield f"{url}/api/studies"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize(
    ("slots", "seeds"), [pytest.param(4, 8, id="short"), pytest.param(32, 250, id="long", marks=LONG)]
)
def test_postgres_with_few_connections(
    cluster: Cluster, tmp_path: Path, tiny_images: Path, slots: int, seeds: int
) -> None:
    """MLflow's server and the Optuna dashboard stand beside it, on the same Postgres of 40 connections."""
    optuna_url, mlflow_url = cluster.database(), cluster.database()
    server = MlflowServer(tmp_path / "mlflow server", mlflow_url)
    server.start()
    try:
        places = Places.of(str(tmp_path / "Ada's runs"), optuna_url, server.url)
        here = Installation(places, tiny_images, mlflow_url)
        study = question((0.1, 0.01, 0.001, 0.0001), seeds=seeds, epochs=2)
        here.run(study, slots=1, timeout_s=1e-9)  # makes Optuna's tables and the queue
        with dashboard(optuna_url, tmp_path) as page:
            looks = [0]

            def look(record: object) -> None:
                looks[0] += 1
                if looks[0] % (6 * seeds) == 0:
                    assert json.loads(read(page))["study_summaries"]

            outcome = here.run(study, slots=slots, view=Watcher(look))
        assert (outcome.end, outcome.untold, outcome.refused) == ("finished", {}, [])
        here.books.check("rates", 4 * seeds)
        assert here.books.attempts("rates") == 4 * seeds
    finally:
        server.stop()
    assert "too many clients" not in cluster.log()
    assert "remaining connection slots" not in cluster.log()


def read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as response:
        return bytes(response.read())


@pytest.mark.parametrize(
    ("slots", "seeds"), [pytest.param(4, 10, id="short"), pytest.param(8, 100, id="long", marks=LONG)]
)
def test_sqlite_is_never_locked(here: Installation, slots: int, seeds: int) -> None:
    """While another process reads both databases all the time."""
    code = (
        "import sqlite3, sys, time\n"
        "while True:\n"
        "    for path in sys.argv[1:]:\n"
        "        with sqlite3.connect(path, timeout=60) as connection:\n"
        "            for (table,) in list(connection.execute(\"select name from sqlite_master where type='table'\")):\n"
        "                list(connection.execute(f'select * from {table} limit 500'))\n"
        "        connection.close()\n"
        "    time.sleep(0.05)\n"
    )
    databases = [str(here.places.runs / name) for name in ("optuna.db", "mlflow.db")]
    reader = subprocess.Popen([sys.executable, "-c", code, *databases])
    try:
        view = Watcher()
        outcome = here.run(question((0.01, 0.001), seeds=seeds), slots=slots, view=view)
        assert reader.poll() is None
    finally:
        reader.kill()
        reader.wait()
    assert (outcome.end, outcome.untold, outcome.refused) == ("finished", {}, [])
    assert [said for said in view.said if "locked" in said or "does not answer" in said] == []
    here.books.check("rates", 2 * seeds)


@pytest.mark.faults
def test_ten_thousand_trials(here: Installation, tmp_path: Path) -> None:
    """MLflow is away all the time, which is the worst for memory: everything waits to be told."""
    seeds, step = 1000, 500
    levels = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001, 0.00003)
    samples = tmp_path / "samples"
    with controllers(tmp_path / "log", runs=str(here.places.runs), data=str(here.data), slots=16) as made:
        order = {"tracking": f"http://127.0.0.1:{free_port()}", "samples": str(samples), "every": step}
        made.begin(question(levels, seeds=seeds, epochs=1), **order)
        assert made.end() == 0, made.words()[-3000:]
    wait_until_no_trainer_is_left(here.places.runs)
    assert len(here.books.journals("rates")) == 10 * seeds
    found = [json.loads(line) for line in samples.read_text().splitlines()]
    at = {sample["over"]: sample for sample in found}
    growth = at[10_000]["rss"] / at[5_000]["rss"]
    first, last = (at[1_000]["s"] - at[0]["s"], at[10_000]["s"] - at[9_000]["s"])
    mib = [round(at[count]["rss"] / 2**20) for count in (0, 5_000, 10_000)]
    print(f"\n10,000 trials: {mib} MiB at 0, 5,000, 10,000; {1000 / first:.0f} trials/s first, {1000 / last:.0f} last")
    assert growth < 1.10
    assert first / last >= 0.70
    assert here.books.states("rates") == {"COMPLETE": 10_000}
