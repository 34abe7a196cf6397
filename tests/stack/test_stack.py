"""The real stack, under a name and ports of its own: `make test-stack`. It takes minutes, and leaves nothing.

Trainers are on the CPU, so that the tests say the same with and without a GPU.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest

from search.stack.access import authorization

ROOT = Path(__file__).resolve().parents[2]
SERVERS = ("postgres", "mlflow", "optuna-dashboard")
ONE_SHOTS = ("same-folder", "secrets", "databases", "migrate")
WANTED = "TEST_STACK"
MANIFEST = "study.json"
SMALL = ["--data", "demo", "--quick", "--seeds", "1", "--epochs", "1", "--set", "image_height=32", "--set"]
SMALL += ["image_width=40"]

pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get(WANTED), reason="builds and starts the whole stack: make test-stack"),
]


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Stack:
    """A stack of docker-compose.yml and docker-compose.cpu.yml. It asks for no login until it is told to."""

    login = ""  # the password, where one is asked for

    def __init__(self, folder: Path) -> None:
        self.project = f"test-stack-{secrets.token_hex(3)}"
        self.folder = folder
        self.ports = dict(zip(SERVERS, free_ports(3), strict=True))
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SEARCH_", "MLFLOW_", "BLOOD"))}
        self.environment = {
            **kept,
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_FILE": f"{ROOT / 'docker-compose.yml'}:{ROOT / 'docker-compose.cpu.yml'}",
            "POSTGRES_PORT": str(self.ports["postgres"]),
            "MLFLOW_PORT": str(self.ports["mlflow"]),
            "DASHBOARD_PORT": str(self.ports["optuna-dashboard"]),
            "SEARCH_MEMORY": "4g",
            "USER": "ada",
            "LOGIN": "off",
            "SEARCH_LEASES_DIR": str(folder / "leases"),  # this machine's other runs are not counted
        }

    def docker(self, *command: str) -> str:
        """Of the engine; stdout and stderr."""
        run = subprocess.run(["docker", *command], capture_output=True, text=True, check=False, env=self.environment)
        assert run.returncode == 0, f"docker {' '.join(command)}:\n{run.stdout}{run.stderr}"
        return run.stdout + run.stderr

    def compose(self, *command: str) -> str:
        return self.docker("compose", "--project-directory", str(ROOT), "--progress", "quiet", *command)

    def containers(self) -> dict[str, str]:
        """Ids by service, ended ones too."""
        lines = self.docker(
            "ps", "--all", "--no-trunc", "--filter", f"label=com.docker.compose.project={self.project}",
            "--format", '{{.Label "com.docker.compose.service"}} {{.ID}}',
        ).splitlines()  # fmt: skip
        return dict(line.split() for line in lines)

    def inspect(self, service: str) -> dict[str, Any]:
        return dict(json.loads(self.docker("inspect", self.containers()[service]))[0])

    def password(self, role: str) -> str:
        service = {"optuna": "optuna-dashboard", "mlflow": "mlflow", "pages": "mlflow"}[role]
        return self.compose("exec", "--no-TTY", service, "cat", f"/secrets/{role}/password").strip()

    def url(self, service: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}{path}"

    def json(self, service: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": authorization(self.login)} if self.login else {}
        )
        request = urllib.request.Request(self.url(service, path), data, headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def run(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """`python -m search.run` on this machine, which has to find the stack by itself."""
        run = subprocess.run(
            [sys.executable, "-m", "search.run", *arguments, "--runs", str(self.folder / "Ada's runs")],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env=self.environment,
        )
        assert run.returncode == status, run.stdout + run.stderr
        return run


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker Compose: https://docs.docker.com/compose/install/")
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine answers: sudo systemctl start docker")
    one = Stack(tmp_path_factory.mktemp("stack"))
    try:
        one.compose("--profile", "search", "build")
        one.compose("up", "--detach", "--wait")
        yield one
    finally:
        one.compose("--profile", "search", "down", "--volumes", "--remove-orphans", "--timeout", "10")
        for target in ("services", "trainer", "search"):
            subprocess.run(["docker", "image", "rm", f"{one.project}-{target}"], capture_output=True, check=False)
        for kind in ("container", "volume", "network"):
            left = one.docker(kind, "ls", "--filter", f"label=com.docker.compose.project={one.project}", "--quiet")
            assert left == "", f"a {kind} is left"
        assert one.project not in one.docker("image", "ls")


def test_all_are_healthy_and_up_again_changes_nothing(stack: Stack) -> None:
    before = stack.containers()
    assert set(before) == {*SERVERS, *ONE_SHOTS}, "and no trainer, which is an image alone"
    for _ in range(2):
        for service in SERVERS:
            assert stack.inspect(service)["State"]["Health"]["Status"] == "healthy"
        for service in ONE_SHOTS:
            assert stack.inspect(service)["State"]["ExitCode"] == 0
        stack.compose("up", "--detach", "--wait")
        assert stack.containers() == before


def test_a_second_folder_of_this_name_is_refused(stack: Stack) -> None:
    other = stack.folder / "another" / ROOT.name
    other.mkdir(parents=True)
    said = subprocess.run(
        ["docker", "compose", "--project-directory", str(other), "up", "--detach", "--no-build", "same-folder"],
        capture_output=True, text=True, check=False, env=stack.environment,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    container = stack.containers()["same-folder"]
    assert stack.docker("wait", container).strip() == "1"
    words = stack.docker("logs", container)
    assert words.startswith(f"The stack {stack.project} belongs to another folder: it was made from ")
    stack.compose("up", "--detach", "--wait")
    assert stack.inspect("same-folder")["State"]["ExitCode"] == 0


def test_only_loopback_listens(stack: Stack) -> None:
    ports = set(stack.ports.values())
    listening = {
        (c.laddr.ip, c.laddr.port)
        for c in psutil.net_connections("tcp")
        if c.status == psutil.CONN_LISTEN and c.laddr.port in ports
    }
    assert listening == {("127.0.0.1", port) for port in ports}


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1"])
@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("mlflow", "/"),
        ("mlflow", "/api/2.0/mlflow/experiments/search?max_results=1"),
        ("optuna-dashboard", "/api/studies"),
    ],
)
def test_a_foreign_host_is_refused(stack: Stack, service: str, path: str, host: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(urllib.request.Request(stack.url(service, path), headers={"Host": host}), timeout=30)
    assert raised.value.code == 403
    raised.value.close()
    with urllib.request.urlopen(stack.url(service, path), timeout=30) as response:
        assert response.status == 200


def login(stack: Stack, role: str, database: str, password: str) -> None:
    psycopg2.connect(
        host="127.0.0.1", port=stack.ports["postgres"], user=role, dbname=database, password=password
    ).close()


def test_a_role_connects_to_its_own_database_alone(stack: Stack) -> None:
    passwords = {role: stack.password(role) for role in ("optuna", "mlflow")}
    for role, other in (("optuna", "mlflow"), ("mlflow", "optuna")):
        login(stack, role, role, passwords[role])
        for database in (other, "postgres", "template1"):
            with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
                login(stack, role, database, passwords[role])
        for wrong in (passwords[other], "", role, "postgres"):
            with pytest.raises(psycopg2.OperationalError, match="password"):
                login(stack, role, role, wrong)
    for guess in ("", "postgres", passwords["optuna"]):
        with pytest.raises(psycopg2.OperationalError, match="password"):
            login(stack, "postgres", "postgres", guess)


@pytest.mark.parametrize("service", SERVERS)
def test_a_service_has_no_rights(stack: Stack, service: str) -> None:
    """Of every process in it: user, capabilities, no new privileges; and a root file system that nobody writes."""
    script = (
        "for p in /proc/[0-9]*; do grep -hE '^(Uid|CapEff|CapBnd|NoNewPrivs):' $p/status 2>/dev/null; done; "
        "touch /usr/x 2>&1 || true"
    )
    said = stack.compose("exec", "--no-TTY", service, "sh", "-c", script)
    assert set(re.findall(r"^Cap\w+:\t(\w+)$", said, flags=re.MULTILINE)) == {"0" * 16}
    assert set(re.findall(r"^NoNewPrivs:\t(\d)$", said, flags=re.MULTILINE)) == {"1"}
    users = {number for line in re.findall(r"^Uid:\t(.*)$", said, flags=re.MULTILINE) for number in line.split()}
    assert users
    assert "0" not in users
    assert "Read-only file system" in said


def test_a_study_with_containers_of_trainers(stack: Stack) -> None:
    """Found without a flag; then seen through both servers."""
    said = stack.run("--study", "pooling", *SMALL, "--slots", "2").stdout
    assert f"Executor: docker (the stack {stack.project} is up)" in said
    assert f"containers of {stack.project}-trainer on the CPU" in said
    assert f"MLflow:    {stack.url('mlflow', '')}/#/experiments/" in said
    recorded(stack, "pooling-demo-quick", stack.url("mlflow", ""))
    listed = stack.docker("ps", "--all", "--filter", "label=blood-cell-search.slot", "--quiet")
    assert listed == "", "a trainer is left"


def test_a_study_without_python_on_the_host(stack: Stack) -> None:
    said = stack.compose("run", "--rm", "--no-TTY", "search", "--study", "learning_rate", *SMALL, "--slots", "2")
    assert "Executor: local (as given)" in said
    assert 'docker compose run --rm --entrypoint "python -m search.list" search    all studies' in said
    assert f"/runs is the volume {stack.project}_runs. To take a file out of it: docker compose run" in said
    (page,) = re.findall(r"(/runs/\S+/answer\.html)", said)
    taken = stack.compose("run", "--rm", "--no-TTY", "--entrypoint", "cat", "search", page)
    assert taken.lstrip().lower().startswith("<!doctype html>")
    manifest = page.replace("answer.html", MANIFEST)
    taken = stack.compose("run", "--rm", "--no-TTY", "--entrypoint", "cat", "search", manifest)
    noted, _ = json.JSONDecoder().raw_decode(taken.lstrip())
    assert noted["command"].startswith("docker compose run --rm search --study learning_rate --data demo")
    assert noted["owner"] == f"ada@{stack.project}"
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if (ROOT / ".git").is_dir():  # a worktree's commits are elsewhere
        assert noted["git_commit"].removesuffix("-dirty") == head.stdout.strip()
    assert f"MLflow:    {stack.url('mlflow', '')}/#/experiments/" in said
    recorded(stack, "learning_rate-demo-quick", stack.url("mlflow", ""))


def recorded(stack: Stack, name: str, pages: str) -> None:
    """Every trial stands in both, with its accuracies; the dashboard leads to MLflow's run, by an attribute, or by the
    trial's note where the trial was over before MLflow had made the run.
    """
    found = stack.json("mlflow", f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}")
    experiment = found["experiment"]["experiment_id"]
    runs = stack.json("mlflow", "/api/2.0/mlflow/runs/search", {"experiment_ids": [experiment], "max_results": 100})
    children = {}
    for run in runs["runs"]:
        assert run["info"]["status"] == "FINISHED"
        tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
        if "mlflow.parentRunId" in tags:
            metrics = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
            assert {"test_accuracy", "final_val_accuracy", "parameters"} <= metrics.keys()
            children[int(tags["trial"])] = (run["info"]["run_id"], metrics)
    artifacts = stack.json("mlflow", f"/api/2.0/mlflow/artifacts/list?run_id={children[0][0]}")
    assert artifacts["files"], "artifacts go through the server"
    studies = stack.json("optuna-dashboard", "/api/studies")["study_summaries"]
    (study,) = [one for one in studies if one["study_name"] == name]
    trials = stack.json("optuna-dashboard", f"/api/studies/{study['study_id']}?after=0")["trials"]
    assert len(trials) == len(children) >= 4
    for trial in trials:
        run_id, metrics = children[trial["number"]]
        attributes = {one["key"]: one["value"] for one in trial["user_attrs"]}
        assert trial["state"] == "Complete"
        assert trial["values"] == [pytest.approx(metrics["final_val_accuracy"])]
        assert float(attributes["test_accuracy"]) == pytest.approx(metrics["test_accuracy"])
        page = f"{pages}/#/experiments/{experiment}/runs/{run_id}"
        assert page in attributes.get("mlflow_run", trial["note"]["body"])


@pytest.mark.parametrize("origin", ["http://localhost:9999", "https://evil.example", "null"])
def test_pages_of_others_change_nothing(stack: Stack, origin: str) -> None:
    """Of another port of this machine neither, which MLflow alone would let through."""
    for service, path, body in (
        ("mlflow", "/api/2.0/mlflow/experiments/create", {"name": f"of {origin}"}),
        ("optuna-dashboard", "/api/studies", {"study_name": f"of {origin}", "directions": ["minimize"]}),
    ):
        headers = {"Content-Type": "application/json", "Origin": origin}
        request = urllib.request.Request(stack.url(service, path), json.dumps(body).encode(), headers)
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(request, timeout=60)
        assert raised.value.code == 403
        raised.value.close()


def test_the_addresses_are_said(stack: Stack) -> None:
    assert f"MLflow:            {stack.url('mlflow', '')}\n" in stack.compose("logs", "--no-log-prefix", "mlflow")
    said = stack.compose("logs", "--no-log-prefix", "optuna-dashboard")
    assert f"Optuna dashboard:  {stack.url('optuna-dashboard', '')}/dashboard\n" in said


def test_no_password_is_seen_anywhere(stack: Stack) -> None:
    """In logs, in what `docker inspect` and `docker history` show, and in the lists of processes and environments."""
    passwords = [stack.password(role) for role in ("optuna", "mlflow", "pages")]
    places = {"processes": _processes()}
    for service, container in stack.containers().items():
        places[f"log of {service}"] = stack.docker("logs", container)
        places[f"inspect of {service}"] = stack.docker("inspect", container)
    for service in SERVERS:
        places[f"environments in {service}"] = stack.compose(
            "exec", "--no-TTY", service, "sh", "-c", "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null || true"
        )
    for target in ("services", "trainer", "search"):
        image = f"{stack.project}-{target}"
        places[f"image {target}"] = stack.docker("history", "--no-trunc", image) + stack.docker("inspect", image)
    for file in (stack.folder / "Ada's runs").rglob("*"):
        if file.is_file() and file.suffix in (".json", ".jsonl", ".log"):
            places[str(file)] = file.read_text(errors="replace")
    assert len(places) > 15
    assert [name for name, text in places.items() if any(password in text for password in passwords)] == []
    assert stack.project in places["inspect of mlflow"], "the places are read"


def _processes() -> str:
    """Every process of the machine: its arguments and, where this user may see it, its environment."""
    parts = []
    for process in psutil.process_iter(["cmdline"]):
        parts += process.info["cmdline"] or []
        try:
            parts += process.environ().values()
        except (psutil.Error, OSError):
            continue
    return "\n".join(parts)


def test_a_stack_that_is_down_is_missed_and_up_again_it_has_lost_nothing(stack: Stack) -> None:
    passwords = [stack.password(role) for role in ("optuna", "mlflow")]
    stack.compose("stop", "mlflow")
    said = stack.run("--study", "pooling", *SMALL, status=2).stderr
    assert said.startswith(
        f"The stack {stack.project} is up in part: mlflow not running. Start it: docker compose up -d"
    )
    stack.compose("down")
    said = stack.run("--study", "pooling", *SMALL, status=2).stderr
    assert said.startswith(
        "The study pooling-demo-quick is recorded in postgresql+psycopg2://optuna:***@127.0.0.1:"
        f"{stack.ports['postgres']}/optuna, which no flag, no variable and no running stack names now."
    )
    stack.compose("up", "--detach", "--wait")
    assert [stack.password(role) for role in ("optuna", "mlflow")] == passwords
    recorded(stack, "pooling-demo-quick", stack.url("mlflow", ""))
    assert "4 trials, 4 of them over" in stack.run("--study", "pooling", *SMALL).stdout


def test_a_login_is_asked_for_and_a_backup_goes_into_another_stack(stack: Stack) -> None:
    """The last of the tests: the stack asks for a login from here on."""
    stack.environment["LOGIN"] = "on"
    stack.compose("up", "--detach", "--wait")
    for service, path in (("mlflow", "/"), ("optuna-dashboard", "/api/studies")):
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(stack.url(service, path), timeout=60)
        assert raised.value.code == 401
        raised.value.close()
    stack.login = stack.password("pages")
    recorded(stack, "pooling-demo-quick", stack.url("mlflow", ""))
    said = stack.run("--study", "pooling", "--fresh", *SMALL, "--slots", "2").stdout
    assert stack.login not in said
    recorded(stack, "pooling-demo-quick-2", stack.url("mlflow", ""))

    backup = stack.folder / "Ada's backup"
    script(stack, "backup", str(backup))
    other = Stack(stack.folder / "other")
    try:
        for target in ("services", "trainer"):
            stack.docker("tag", f"{stack.project}-{target}", f"{other.project}-{target}")
        other.compose("up", "--detach", "--wait")
        script(other, "restore", str(backup), "--yes")
        recorded(other, "pooling-demo-quick-2", stack.url("mlflow", ""))
        assert other.password("pages") != stack.login, "each stack has its own"
    finally:
        other.compose("--profile", "search", "down", "--volumes", "--remove-orphans", "--timeout", "10")
        for target in ("services", "trainer"):
            subprocess.run(["docker", "image", "rm", f"{other.project}-{target}"], capture_output=True, check=False)


def script(stack: Stack, name: str, *arguments: str) -> None:
    run = subprocess.run(
        ["bash", str(ROOT / "search" / "stack" / f"{name}.sh"), *arguments],
        capture_output=True, text=True, check=False, env=stack.environment,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
