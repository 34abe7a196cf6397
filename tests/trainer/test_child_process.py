"""What a process finds that works for this one."""

from __future__ import annotations

import importlib
import json
import os
import signal
from pathlib import Path

import pytest

from trainer.child_process import end_child, start_child
from trainer.environment import FIXED, KEPT

ROOT = Path(__file__).resolve().parents[2]


def test_its_environment_is_built_from_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "told.py").write_text("import json, os; print(json.dumps(dict(os.environ)))")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for name in ("MPLBACKEND", "OMP_NUM_THREADS", "OPENCV_LOG_LEVEL", "LC_ALL", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "7")
    process = start_child("told")
    assert process.stdout is not None
    found = json.loads(process.stdout.readline())
    end_child(process)
    assert found.keys() - FIXED.keys() <= set(KEPT)
    assert {name: found[name] for name in FIXED} == FIXED
    assert found["PYTHONPATH"] == f"{ROOT}{os.pathsep}{tmp_path}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_what_a_terminal_sends_is_its_parents(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "from trainer.child_process import leave_signals_to_parent\n"
    program += "leave_signals_to_parent(); print('ready', flush=True); print(input())"
    (tmp_path / "worker.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    process = start_child("worker")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    process.stdin.write(b"still there\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"still there\n"
    end_child(process)
    assert process.returncode == 0


@pytest.mark.parametrize("module", ["trainer.data.cache.decoding_process", "trainer.data.photographs.finding_process"])
def test_who_works_for_another_leaves_signals_to_it_first(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class LeftError(Exception):
        pass

    def leave() -> None:
        raise LeftError

    found = importlib.import_module(module)
    monkeypatch.setattr(found, "leave_signals_to_parent", leave)
    with pytest.raises(LeftError):
        found.main()
