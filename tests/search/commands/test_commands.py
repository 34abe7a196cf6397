"""How a command ends that the file system, or whoever reads its output, does not let go on."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from search.answer import answer_of
from search.commands import ExitStatus, ended
from search.controller.ending import Outcome
from search.folder.load import StoredStudy
from search.run import _report
from search.settings import Places
from tests.search.fabricate import trial_record
from tests.search.workshop import hunt, question

ROOT = Path(__file__).resolve().parents[3]


def test_a_file_of_another_user_is_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "lock"))

    assert ended(work) == ExitStatus.BAD_INPUT
    said = capsys.readouterr().err
    assert said.startswith(f"{tmp_path / 'lock'}: permission denied: it is ")
    assert "--runs DIR" in said


@pytest.mark.parametrize(
    ("untold", "refused", "done", "told"),
    [
        ({}, [], True, True),
        ({"MLflow": 1}, [], True, False),
        ({}, ["trial 0: no"], True, False),
        ({}, [], False, False),
    ],
)
def test_a_study_is_told_when_both_stores_know_its_end(
    untold: dict[str, int], refused: list[str], done: bool, told: bool
) -> None:
    """Else `search.run` ends with status 1."""
    answer = answer_of(StoredStudy("rates", question(), None, "run", ()))
    outcome = Outcome("rates", "finished", Path(), [], untold, refused, answer, 0.0, ended=done)
    assert outcome.is_told is told


def test_a_run_that_is_out_of_time_says_how_to_go_on_and_how_to_end(tmp_path: Path) -> None:
    places = Places(tmp_path, f"sqlite:///{tmp_path}/optuna.db", f"sqlite:///{tmp_path}/mlflow.db")
    trials = (trial_record(0, {"learning_rate": 0.01, "depth": 2}, role="search"),)
    for study, records, more in (
        (question(), (), ""),
        (
            hunt(9, confirm=5),
            trials,
            " With --n-trials 1 it ends the search with the 1 trial that it has, trains the best of them again, and "
            "recommends one.",
        ),
    ):
        answer = answer_of(StoredStudy(study.name, study, None, "run", records))
        console = Console(file=io.StringIO(), width=300)
        _report(study, Outcome(study.name, "timeout", tmp_path, [], {}, [], answer, 0.0), places, console)
        assert isinstance(console.file, io.StringIO)
        assert f"Out of time. Run the same command to go on.{more}\n" in console.file.getvalue()


def test_a_command_works_without_standard_streams(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LC_ALL": "C", "PYTHONUTF8": "0"}
    line = f"'{sys.executable}' -m search.list --runs runs"
    for shell in (">&-", ">&- 2>&- <&-", ">/dev/full"):
        ran = subprocess.run(["sh", "-c", f"{line} {shell}"], cwd=tmp_path, env=environment, check=False)
        assert ran.returncode == 0, shell
