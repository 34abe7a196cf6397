"""`python -m search.ui`: real servers on stores that were told for real, seen in a real browser."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import psutil
import pytest

from search import ui
from search.addresses.urls import TRAINING_VIEW
from search.errors import SettingsError, StorageError
from search.folder.record import StudyRecord
from search.settings import Places
from search.stack import access, embedded
from search.stores.mlflow import Sample, Tracker
from search.stores.optuna import open_storage
from tests.search.fabricate import study_record, trial_record

ROOT = Path(__file__).resolve().parents[2]
LEVELS = ("max", "average", "blur")

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
]


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as response:
        return json.load(response)


def tell(tracker: Tracker, study: StudyRecord) -> str:
    """Six trials of a study, one of which failed. Returns the run of the first."""
    tracker.open_study(study)
    runs = []
    for number, level in enumerate(LEVELS * 2):
        end = "error" if number == 5 else "finished"
        record = trial_record(number, {"pooling": level}, study=study.name, seed=number // 3, end=end, n_epochs=6)
        runs.append(tracker.begin_trial(study, record))
        tracker.log_system(
            runs[-1], [Sample(record.started_at + 1, {"system/cpu_utilization_percentage": 97.0})], record.started_at
        )
        tracker.finish_trial(study, record)
    tracker.close_study(study, "FINISHED", "**Blur** pooling is best.", {"trials": 6})
    return runs[0]


class Opened:
    """A UI on stores with one study: its first run, and the two addresses."""

    def __init__(self, places: Places, servers: list[embedded.Server], run_id: str) -> None:
        self.places, self.run_id, self.servers = places, run_id, servers
        self.mlflow, self.optuna = (server.url for server in servers)
        self.processes = [psutil.Process(server.process.pid) for server in servers]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """One for all tests: the servers take seconds to start."""
    places = Places.of(str(tmp_path_factory.mktemp("ui") / "Ada's runs"))
    tracker = Tracker(places.tracking_uri, places.artifacts)
    run_id = tell(tracker, study_record())
    tracker.close()
    study = optuna.create_study(study_name="pooling", storage=open_storage(places.storage_url), direction="maximize")
    for level in LEVELS:
        study.enqueue_trial({"pooling": level})
    for value in (0.6, 0.7):
        trial = study.ask({"pooling": optuna.distributions.CategoricalDistribution(LEVELS)})
        trial.report(value, 1)
        trial.set_user_attr("mlflow_run", run_id)
        study.tell(trial, value)
    with ui.opened(places, threading.Event()) as servers:
        yield Opened(places, servers, run_id)


def test_both_answer_from_the_stores(opened: Opened) -> None:
    run = get(f"{opened.mlflow}/api/2.0/mlflow/runs/get?run_id={opened.run_id}")["run"]
    assert run["info"]["status"] == "FINISHED"
    artifact = f"{opened.mlflow}/get-artifact?run_uuid={opened.run_id}&path=confusion_matrix.png"
    with urllib.request.urlopen(artifact, timeout=60) as response:
        assert response.read(4) == b"\x89PNG"
    (study,) = get(f"{opened.optuna}/api/studies")["study_summaries"]
    assert study["study_name"] == "pooling"


def test_they_listen_on_this_machine_alone(opened: Opened) -> None:
    family = [process for parent in opened.processes for process in (parent, *parent.children(recursive=True))]
    listening = {c.laddr.ip for process in family for c in process.net_connections() if c.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}


def test_a_foreign_host_is_refused(opened: Opened) -> None:
    request = urllib.request.Request(f"{opened.mlflow}/api/2.0/mlflow/experiments/search?max_results=1")
    request.add_header("Host", "evil.example:80")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=60)


@pytest.mark.parametrize(
    ("path", "origin", "words"),
    [
        ("/api/2.0/mlflow/experiments/create", "http://127.0.0.1:9999", "A page of 'http://127.0.0.1:9999' may change"),
        ("/ajax-api/3.0/mlflow/assistant/message", None, "MLflow's assistant is off here"),
    ],
)
def test_what_mlflow_alone_would_let_through_is_refused(
    opened: Opened, path: str, origin: str | None, words: str
) -> None:
    """Pages of other ports, and an assistant that runs programs as this user for whoever reaches 127.0.0.1."""
    headers = {"Content-Type": "application/json", **({"Origin": origin} if origin else {})}
    body = json.dumps({"name": "of another page", "message": "list my files"}).encode()
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(urllib.request.Request(opened.mlflow + path, body, headers), timeout=60)
    with raised.value as refusal:
        assert (refusal.code, words in refusal.read().decode()) == (403, True)


def test_each_study_has_its_page_in_both(opened: Opened) -> None:
    mlflow, dashboard = opened.servers
    assert ui._on_dashboard(dashboard) == {"pooling": f"{opened.optuna}/dashboard/studies/1"}
    (page,) = (page for name, page in ui._studies(mlflow).items() if name == "pooling")
    assert page.startswith(f"{opened.mlflow}/#/experiments/")
    assert TRAINING_VIEW in page


def test_accounts_stand_in_no_database_of_the_users(opened: Opened) -> None:
    with contextlib.closing(sqlite3.connect(opened.places.runs / "mlflow.db")) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert "experiments" in tables
    assert not {"users", "alembic_version_auth"} & tables


def test_a_tracker_tells_a_server_what_it_tells_a_database(opened: Opened) -> None:
    study = study_record(name="over-http")
    record = trial_record(7, study=study.name, n_epochs=3, gpu=True)
    tracker = Tracker(opened.mlflow, None)
    run_id = tracker.finish_trial(study, record)
    assert Tracker(opened.mlflow, None).finish_trial(study, record) == run_id
    page = tracker.run_url(run_id)
    assert page is not None and page.startswith(opened.mlflow)
    run = get(f"{opened.mlflow}/api/2.0/mlflow/runs/get?run_id={run_id}")["run"]
    metrics = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
    assert (run["info"]["status"], metrics["vram_process_mib"]) == ("FINISHED", 2410.0)
    history = get(f"{opened.mlflow}/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key=val_loss")["metrics"]
    assert [point["value"] for point in history] == [epoch.val_loss for epoch in record.epochs]
    files = get(f"{opened.mlflow}/api/2.0/mlflow/artifacts/list?run_id={run_id}")["files"]
    assert [file["path"] for file in files] == ["confusion_matrix.png", "learning_curves.png", "measures.json"]


@pytest.mark.slow
def test_the_pages_in_a_browser(opened: Opened, chromium: str, tmp_path: Path) -> None:
    """Screenshots go to $SCREENSHOTS, for people to look at."""
    from playwright.sync_api import sync_playwright

    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    experiment = get(f"{opened.mlflow}/api/2.0/mlflow/runs/get?run_id={opened.run_id}")["run"]["info"]["experiment_id"]
    runs, view = f"{opened.mlflow}/#/experiments/{experiment}/runs", TRAINING_VIEW
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        errors: list[str] = []

        def visit(name: str, url: str, *texts: str) -> Any:
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(f"{name}: {error}"))
            page.goto(url)
            for text in texts:
                page.get_by_text(text).first.wait_for(timeout=60_000)
            page.screenshot(path=shots / f"{name}.png")
            return page

        page = visit("experiment", f"{runs}?{view}", "Model training", "pooling", "7 matching runs")
        page.locator("button[data-component-id*=runnamecellrenderer]").first.click()  # unfolds
        for level in LEVELS:
            page.get_by_text(f"{level} s0").first.wait_for()
        page.screenshot(path=shots / "child_runs.png")
        visit("run", f"{runs}/{opened.run_id}?{view}", "max s0", "not measured: no GPU")
        visit("metrics", f"{runs}/{opened.run_id}/model-metrics?{view}", "final_val_accuracy")
        visit("system", f"{runs}/{opened.run_id}/system-metrics?{view}", "cpu_utilization_percentage")
        page = visit("artifact", f"{runs}/{opened.run_id}/artifacts/learning_curves.png?{view}", "measures.json")
        picture = page.locator("img[src^=blob]").or_(page.locator("img[src*=learning_curves]")).first
        picture.wait_for()
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 990
        visit("dashboard", f"{opened.optuna}/dashboard", "pooling")
        visit("dashboard_trials", f"{opened.optuna}/dashboard/studies/1/trials", "Trial 1", "Waiting")
        browser.close()
    assert errors == []


# -------------------------------------------------------------------------------------------------------- the command


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "search.ui", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.mark.slow
def test_it_opens_on_empty_stores_asks_for_the_login_and_leaves_nothing_behind(tmp_path: Path) -> None:
    runs = tmp_path / "Ada's new runs"
    command = start("--runs", str(runs), "--login", "on")
    assert command.stdout is not None
    lines = [command.stdout.readline() for _ in range(4)]
    family = psutil.Process(command.pid).children(recursive=True)
    assert len(family) >= 2, command.stderr
    addresses = [re.fullmatch(r"(MLflow|Optuna dashboard): +(http://127\.0\.0\.1:\d+)\n", line) for line in lines[:2]]
    login = re.fullmatch(r"Login: +admin, with the password (\S{16}) until this ends\n", lines[2])
    assert login is not None, lines
    assert lines[3] == "Ctrl-C ends both.\n"
    for address, path in zip(addresses, ("/", "/dashboard"), strict=True):
        assert address is not None
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(address[2] + path, timeout=60)
        header = {"Authorization": access.authorization(login[1])}
        with urllib.request.urlopen(urllib.request.Request(address[2] + path, headers=header), timeout=60) as response:
            assert b"<html" in response.read()
    assert not any(login[1] in " ".join(process.cmdline()) for process in family), "everybody can list arguments"
    assert (runs / "mlflow.db").exists()
    assert (runs / "optuna.db").exists()
    command.send_signal(signal.SIGINT)
    _, err = command.communicate(timeout=60)
    assert (command.returncode, err) == (0, "Starting ...\n")
    assert psutil.wait_procs(family, timeout=10)[1] == []


def test_who_is_asked_for_a_login(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where others have accounts on the machine, as `make up` decides it; a flag or LOGIN goes first."""
    passwords: list[str] = []

    @contextlib.contextmanager
    def opened(places: Places, over: threading.Event, mlflow: None, optuna: None, password: str) -> Iterator[list[Any]]:
        over.set()
        passwords.append(password)
        yield []

    monkeypatch.setattr(ui, "opened", opened)
    for others, arguments, login, asked, words in (
        ([], [], "", False, ""),
        (["bob"], [], "", True, "Login:            admin, with the password "),
        (["bob"], ["--login", "off"], "", False, "They ask for no login, and bob may reach them from this machine."),
        (["bob"], [], "off", False, "They ask for no login, and bob may reach them from this machine."),
        ([], ["--login", "on"], "off", True, "Login:            admin, with the password "),
    ):
        monkeypatch.setattr(ui, "others_here", lambda others=others: others)
        monkeypatch.setenv("LOGIN", login)
        options = ui.parser().parse_args(["--runs", "nowhere", *arguments])
        monkeypatch.setattr(ui, "chosen", lambda *_: SimpleNamespace(places=Places.of("nowhere")))
        assert ui._main(options, threading.Event()) == 0
        said = capsys.readouterr().out
        assert (bool(passwords[-1]), words in said, "ogin" in said) == (asked, True, bool(words))


def test_a_server_that_dies_is_said_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database, it is a long enough text to be told apart from one" * 20)
    run = start("--runs", str(tmp_path))
    out, err = run.communicate(timeout=120)
    assert (run.returncode, out) == (2, "")
    assert "MLflow ended with status 1. Its last words:\n  " in err
    assert "file is not a database" in err


def test_a_server_that_dies_later(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "import sys, time; print('out of cells', flush=True); sys.exit(3)"
    login = embedded.Login.in_folder(tmp_path, "s3cret", wanted=False)
    server = embedded.start("MLflow", [sys.executable, "-c", code], {}, embedded.listening(0), "/", log, login)
    server.process.wait(60)
    with pytest.raises(StorageError, match=r"MLflow ended with status 3\. Its last words:\n  out of cells"):
        server.answers()
    server.end()


def test_a_start_can_be_given_up(tmp_path: Path) -> None:
    over = threading.Event()
    over.set()
    begun = time.monotonic()
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with pytest.raises(KeyboardInterrupt), ui.opened(Places.of(str(tmp_path)), over):
        pytest.fail("it opened")
    assert time.monotonic() - begun < 30
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"--port-mlflow {port}: the port is taken"):
            ui._listening(port, "--port-mlflow", 5050)
        with ui._listening(None, "--port-mlflow", port) as other:  # the usual one is taken
            assert embedded.port_of(other) not in (0, port)


def test_no_other_program_takes_a_port_before_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its choice on: stores are made and links mended before the servers start."""
    tried: list[str] = []

    def start(url: str, artifacts: Path, listener: socket.socket, *rest: Any) -> embedded.Server:
        with pytest.raises(OSError, match="Address already in use"):
            embedded.listening(embedded.port_of(listener))
        tried.append(url)
        raise StorageError("not started")

    monkeypatch.setattr(ui, "start_mlflow", start)
    with pytest.raises(StorageError, match="not started"), ui.opened(Places.of(str(tmp_path)), threading.Event()):
        pytest.fail("it opened")
    assert tried == [f"sqlite:///{tmp_path}/mlflow.db"]


def test_a_server_gets_the_socket_and_frees_the_port_at_its_end(tmp_path: Path) -> None:
    program = (
        "import os, socket; connection, _ = socket.socket(fileno=0).accept(); "
        "connection.recv(9999); connection.send(b'HTTP/1.0 200 OK\\r\\n\\r\\nhello'); connection.close()"
    )
    login = embedded.Login.in_folder(tmp_path, "s3cret", wanted=False)
    listener = embedded.listening(0)
    port = embedded.port_of(listener)
    server = embedded.start("Greeter", [sys.executable, "-c", program], {}, listener, "/", tmp_path / "log", login)
    assert listener.fileno() == -1, "else connections wait for a server that is gone"
    with server.get("/", timeout_s=60) as response:
        assert response.read() == b"hello"
    server.process.wait(60)
    embedded.listening(port).close()


def test_under_nohup_both_outlive_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    seen: list[Any] = []
    monkeypatch.setattr(ui, "ended", lambda _: seen.append(signal.getsignal(signal.SIGHUP)) or 0)
    try:
        for given in (signal.SIG_DFL, signal.SIG_IGN):
            signal.signal(signal.SIGHUP, given)
            assert ui.main([]) == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert callable(seen[0])
    assert seen[1] == signal.SIG_IGN


def test_passwords_stand_in_no_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(embedded, "start", lambda *arguments: started.append(arguments))
    url = 'postgresql://ada:se"cr\\et@127.0.0.1:9/db'
    login = embedded.Login.in_folder(tmp_path, "s3cret", wanted=True)
    assert oct(login.file.stat().st_mode & 0o777) == "0o600"
    with embedded.listening(0) as listener:
        embedded.start_mlflow(url, tmp_path, listener, tmp_path, login)
        embedded.start_dashboard(url, listener, tmp_path, login)
    for _, command, environment, *_ in started:
        assert "ada" not in " ".join(command)
        assert "s3cret" not in str((command, environment))
    assert started[0][2]["MLFLOW_BACKEND_STORE_URI"] == 'postgresql+psycopg2://ada:se"cr\\et@127.0.0.1:9/db'
    assert started[1][2]["SEARCH_STORAGE_URL"] == 'postgresql+psycopg2://ada:se"cr\\et@127.0.0.1:9/db'
    assert ui._without_password("http://ada:secret@host:5000/x") == "http://host:5000/x"


def test_a_storage_that_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"Optuna's storage postgresql.*127.0.0.1:9/db cannot be used") as caught:
        ui._make_optuna_tables("postgresql://ada:secret@127.0.0.1:9/db")
    assert "secret" not in str(caught.value)
