"""One controller a study, with real processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from search.errors import LockedError
from search.folder import lock
from search.folder.lock import StudyLock, holder_of

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import sys
from pathlib import Path
from search.folder.lock import StudyLock
with StudyLock(Path(sys.argv[1]), "pooling"):
    print("locked", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_controller(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process


def test_the_second_names_the_first(tmp_path: Path) -> None:
    with another_controller(tmp_path) as first:
        with pytest.raises(LockedError) as raised, StudyLock(tmp_path, "pooling"):
            pass
        named = rf"process {first.pid} on {re.escape(os.uname().nodename)}, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"
        assert re.fullmatch(
            rf"The study pooling is being worked on by {named}\. One controller a study: wait for it, stop it, or run "
            r"another study beside it\.",
            str(raised.value),
        )
        assert re.fullmatch(named, holder_of(tmp_path) or "")
    assert holder_of(tmp_path) is None


def test_the_lock_of_a_controller_that_was_killed_is_taken_over(tmp_path: Path) -> None:
    with another_controller(tmp_path) as first:
        first.kill()
        first.wait()
        assert str(first.pid) in (tmp_path / "lock").read_text()  # it had no time to take its name away
        assert holder_of(tmp_path) is None
        with StudyLock(tmp_path, "pooling"):
            assert f"process {os.getpid()} " in (holder_of(tmp_path) or "")


def test_the_lock_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with StudyLock(tmp_path, "pooling"):
            assert holder_of(tmp_path)
        assert (tmp_path / "lock").read_text() == ""
    with pytest.raises(ZeroDivisionError), StudyLock(tmp_path, "pooling"):
        raise ZeroDivisionError
    assert holder_of(tmp_path) is None


def test_studies_do_not_lock_each_other(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with StudyLock(tmp_path / "a", "a"), StudyLock(tmp_path / "b", "b"):
        assert holder_of(tmp_path / "a")


@pytest.mark.parametrize("name", ["", "nonsense", "[]", '{"pid": 1}'])
def test_a_holder_without_a_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "NAMELESS_S", 0.02)
    with StudyLock(tmp_path, "pooling"):
        (tmp_path / "lock").write_text(name)
        message = "The study pooling is being worked on by another process. "
        with pytest.raises(LockedError, match=message), StudyLock(tmp_path, "pooling"):
            pass


def test_a_folder_without_a_lock_has_no_holder(tmp_path: Path) -> None:
    assert holder_of(tmp_path) is None
