"""`--notify`: what the command is told, and that nothing it does changes how a run ends."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from search import run
from search.answer import answer_of
from search.commands import ExitStatus
from search.commands.notify import Notifier
from search.controller.ending import Outcome
from search.errors import ExecutorError, SettingsError
from search.folder.load import StoredStudy
from tests.search.workshop import question

ANSWER = answer_of(StoredStudy("rates", question(), None, "run", ()))


def outcome(folder: Path, **changes: Any) -> Outcome:
    values = {"name": "rates", "end": "finished", "folder": folder, "records": [], "untold": {}, "refused": []}
    return Outcome(**{**values, "answer": ANSWER, "critical_s": 0.0, **changes})


def writes(file: Path) -> str:
    """A command that keeps what it is told."""
    return f"cat > {shlex.quote(str(file))}"


def test_it_gets_study_state_and_headline(tmp_path: Path) -> None:
    from tests.search.fabricate import trial_record

    said: list[str] = []
    file = tmp_path / "Ada's note"
    records = [trial_record(0, {"learning_rate": 0.01}), trial_record(1, {"learning_rate": 0.001}, end="error")]
    (tmp_path / "answer.html").write_text("")
    Notifier(writes(file), said.append).ended(outcome(tmp_path, records=records, untold={"MLflow": 1}))
    assert json.loads(file.read_text()) == {
        "study": "rates",
        "state": "finished",
        "headline": ANSWER.headline,
        "trials": 2,
        "failed": 1,
        "recorded": False,
        "folder": str(tmp_path),
        "page": str(tmp_path / "answer.html"),
    }
    assert ANSWER.headline
    Notifier(writes(file), said.append).failed("rates", ExecutorError("There is no room"))
    assert json.loads(file.read_text()) == {"study": "rates", "state": "failed", "headline": "There is no room"}
    Notifier(writes(file), said.append).failed("rates", KeyboardInterrupt())
    assert json.loads(file.read_text())["state"] == "interrupted"
    assert said == []


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("echo out of paper >&2; exit 3", "it ended with status 3: out of paper"),
        ("exit 1", "it ended with status 1"),
        ("sleep 1000", "it took more than 0.2 s, and was ended"),
        ("trap '' TERM; sleep 1000 & wait", "it took more than 0.2 s, and was ended"),
    ],
)
def test_a_command_that_fails_or_hangs_is_said_and_changes_nothing(command: str, problem: str, tmp_path: Path) -> None:
    said: list[str] = []
    Notifier(command, said.append, timeout_s=0.2).ended(outcome(tmp_path))
    assert said == [f"--notify: {command}: {problem}"]


def test_a_child_that_it_leaves_behind_holds_nobody_up(tmp_path: Path) -> None:
    said: list[str] = []
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)"
    Notifier(f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}", said.append).ended(outcome(tmp_path))
    assert said == []


def test_an_empty_command_is_refused_and_nobody_is_told_without_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"--notify: found no command; allowed: a line for the shell"):
        Notifier("  ", print)
    Notifier(None, print).ended(outcome(tmp_path))


@pytest.mark.parametrize("command", ["exit 9", None])
def test_the_status_of_a_run_is_its_own(
    command: str | None, tmp_path: Path, tiny_images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that ends, and of one that is refused."""
    arguments = ["--study", "pooling", "--data", str(tiny_images), "--no-stack", "--runs", str(tmp_path)]
    arguments += ["--notify", command] if command else []
    monkeypatch.setattr(run, "run_study", lambda *_: outcome(tmp_path))
    assert run.main(arguments) == ExitStatus.DONE

    def refused(*_: object) -> Outcome:
        raise ExecutorError("There is no room")

    monkeypatch.setattr(run, "run_study", refused)
    assert run.main(arguments) == ExitStatus.BAD_INPUT


def test_each_study_of_all_is_told_and_counted(
    tmp_path: Path, tiny_images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "notes"
    monkeypatch.setattr(run, "run_study", lambda study, *_: outcome(tmp_path, name=study.name))
    two = ["--study", "pooling", "--study", "depth", "--data", str(tiny_images), "--no-stack", "--runs", str(tmp_path)]
    assert run.main([*two, "--notify", f"cat >> {shlex.quote(str(file))}"]) == ExitStatus.DONE
    assert [json.loads(line)["study"] for line in file.read_text().splitlines()] == ["pooling", "depth"]
    text = capsys.readouterr().out
    assert "1 of 2: pooling: What does the pooling" in text
    assert "2 of 2: depth: Can the model" in text
