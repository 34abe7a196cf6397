"""What a process finds that works for this one."""

from __future__ import annotations

import json
import os
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
