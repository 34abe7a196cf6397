"""A study is the same whoever starts it: from a login, cron or systemd, with a strict umask, when the terminal is gone.

Each circumstance is a real controller with real stores; what it trained is compared with what a login's trained. The
trainers train nothing, and tell what their environment is; `tests/search/executors/test_circumstances.py` trains.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from search.study import Study
from tests.faults.controllers import Controllers, controllers, wait_until_no_trainer_is_left
from tests.faults.installation import Installation, embedded
from tests.search import noop_command
from tests.search.workshop import PATIENCE_S, closed_gate, question

STUDY = question((0.01, 0.001), seeds=1)
TOML = """\
question = "What does the learning rate do?"
seeds = 1
[scientific.learning_rate]
levels = [0.01, 0.001]
reference = 0.001
[fixed]
epochs = 3
"""
INTERRUPTED = 130


class Trained(NamedTuple):
    """What a trial was, and what came of it."""

    params: dict[str, Any]
    config: dict[str, Any]
    state: str
    accuracies: dict[str, float]
    environment: dict[str, str]


def trained(here: Installation) -> list[Trained]:
    """The trials of the study, on which journals, Optuna and MLflow agree; so they do on the trainer's environment."""
    records = here.books.check(STUDY.name, 2)
    in_mlflow = {number: json.loads(text) for number, text in here.books.tags(STUDY.name, "environment").items()}
    assert in_mlflow == {record.number: record.ready.environment for record in records}
    found = []
    for record in records:
        assert record.finished is not None
        accuracies = {split: measures.accuracy for split, measures in record.finished.splits.items()}
        config = record.config.model_dump(exclude={"trial"})
        found.append(Trained(dict(record.params), config, record.state, accuracies, record.ready.environment))
    return found


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# --------------------------------------------------------------------------------------------- what a command is given


def environment(**variables: str) -> dict[str, str]:
    """Nothing but what the Python of the tests needs, where it needs it, and what keeps other runs out of this one."""
    needed = ("LD_LIBRARY_PATH", "KERAS_BACKEND", "SEARCH_LEASES_DIR")
    return {"PATH": "/usr/bin:/bin", **{name: os.environ[name] for name in needed if name in os.environ}, **variables}


def of_login(folder: Path, **variables: str) -> dict[str, str]:
    """What a person has who has a terminal and a language."""
    home = folder / "home"
    home.mkdir()
    names = {"HOME": str(home), "USER": "ada", "LOGNAME": "ada", "SHELL": "/bin/bash"}
    return environment(**names, TERM="xterm", LANG="en_US.UTF-8", **variables)


def command(here: Installation) -> list[str]:
    """The study's command line."""
    study = here.places.runs.parent / f"{STUDY.name}.toml"
    study.write_text(TOML)
    options = ["--study", str(study), "--data", str(here.data), "--runs", str(here.places.runs), "--no-stack"]
    return [*noop_command.COMMAND, noop_command.NO_FIGURES, "search.run", *options, "--slots", "1", "--gpus", "none"]


def command_in(here: Installation, variables: dict[str, str]) -> list[Trained]:
    """Runs `search.run` with these variables alone, to its end."""
    given: dict[str, Any] = {"env": variables, "stdin": subprocess.DEVNULL, "capture_output": True}
    ran = subprocess.run(command(here), check=False, **given)
    assert (ran.returncode, ran.stderr) == (0, b""), ran.stdout[-2000:]
    return trained(here)


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory, tiny_images: Path, templates: Path) -> list[Trained]:
    """What is trained from a login."""
    folder = tmp_path_factory.mktemp("login")
    return command_in(embedded(folder / "Ada's runs", tiny_images, templates), of_login(folder))


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({"HOME": "{home}", "SHELL": "/bin/sh", "LOGNAME": "ada"}, id="cron"),
        pytest.param({"INVOCATION_ID": "0" * 32, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, id="systemd, no home"),
        pytest.param({"HOME": "/proc", "USER": "root", "LANG": "tr_TR.ISO-8859-9"}, id="a home of another's"),
    ],
)
def test_the_environment_changes_nothing(here: Installation, login: list[Trained], variables: dict[str, str]) -> None:
    """In /proc, which is there, nobody makes a file: not even root, as whom tests may run."""
    home = here.places.runs.parent / "home"
    home.mkdir()
    given = {name: value.format(home=home) for name, value in variables.items()}
    assert command_in(here, environment(**given)) == login


# ---------------------------------------------------------------------------------- how the process is, and its signals


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controllers]:
    """For all tests, which begin no two controllers at once."""
    with controllers(tmp_path_factory.mktemp("controllers") / "log") as made:
        yield made


class Made(NamedTuple):
    """Controllers of this installation."""

    here: Installation
    controllers: Controllers

    def begin(self, study: Study, **order: Any) -> int:
        return self.controllers.begin(study, runs=str(self.here.places.runs), data=str(self.here.data), **order)

    def end(self, status: int) -> None:
        assert self.controllers.end() == status, self.controllers.words()

    def run(self, study: Study, **order: Any) -> None:
        self.begin(study, **order)
        self.end(0)


@pytest.fixture
def made(here: Installation, shared: Controllers) -> Made:
    return Made(here, shared)


def accuracies(found: list[Trained]) -> list[tuple[Any, ...]]:
    """Without the environment, which is that of the tests here."""
    return [trial[:-1] for trial in found]


def test_a_strict_umask(here: Installation, made: Made, login: list[Trained]) -> None:
    """Its owner reads all and others nothing; who comes later with another umask goes on, and shows what is new."""

    def rights(path: Path) -> int:
        return path.stat().st_mode & 0o777

    for path in here.places.runs.iterdir():
        path.chmod(0o600)  # databases, which were made for the tests
    made.run(STUDY, umask=0o077)
    assert accuracies(trained(here)) == accuracies(login)
    paths = set(here.places.runs.rglob("*"))
    assert {(path.is_dir(), rights(path)) for path in paths} == {(True, 0o700), (False, 0o600)}
    made.run(question((0.01, 0.001), seeds=2), umask=0o022)
    here.books.check(STUDY.name, 4)
    new = {path for path in here.places.runs.rglob("*") if path not in paths}
    assert {path.name for path in new} >= {"00002.jsonl", "00003.jsonl"}
    assert {(path.is_dir(), rights(path)) for path in new} <= {(True, 0o755), (False, 0o644)}


def under_way(here: Installation, epochs: int) -> bool:
    path = here.books.folder(STUDY.name) / "00000.jsonl"
    text = path.read_text() if path.exists() else ""
    return '"event":"started"' in text and text.count('"event":"epoch"') >= epochs


@pytest.mark.usefixtures("heard_hangups")
@pytest.mark.parametrize("disowned", [True, False], ids=["disowned", "not disowned"])
def test_a_terminal_that_is_closed(
    here: Installation, made: Made, login: list[Trained], tmp_path: Path, disowned: bool
) -> None:
    """A study goes on without it where SIGHUP is ignored, as under `nohup`; else it is interrupted as by Ctrl-C."""
    if shutil.which("setsid") is None:
        pytest.skip("no setsid: apt install util-linux")
    shell = ["setsid", "--ctty", "sh", "-c", f"""{"trap '' HUP; " if disowned else ""}exec "$@\"""", "sh"]
    with closed_gate(tmp_path / "gate") as open_gate:  # a training is under way, and waits
        settings = {"gate": str(tmp_path / "gate")} if disowned else {"steps": True}
        variables = of_login(tmp_path, NOOP_TRAINER=json.dumps(settings))
        window, inside = os.openpty()
        os.set_blocking(window, False)
        process = subprocess.Popen([*shell, *command(here)], env=variables, stdin=inside, stdout=inside, stderr=inside)
        os.close(inside)

        def is_under_way() -> bool:
            with contextlib.suppress(BlockingIOError):
                os.read(window, 1 << 16)  # else whoever writes waits for a reader
            return under_way(here, 0 if disowned else 1)

        try:
            wait_for(is_under_way)
            os.close(window)
            open_gate()
            assert process.wait(PATIENCE_S) == (0 if disowned else INTERRUPTED)
        finally:
            process.kill()
            process.wait()
    if disowned:
        assert trained(here) == login
        return
    wait_until_no_trainer_is_left(here.places.runs)
    assert here.books.states(STUDY.name) == {"WAITING": 2}
    log = (here.places.study(STUDY.name) / "controller.log").read_text()
    assert "Interrupted: 1 trial is trained to the end of the epoch" in log
    assert "Interrupted again" not in log
    made.run(STUDY)
    assert accuracies(trained(here)) == accuracies(login)
