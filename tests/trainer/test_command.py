"""What every command begins and ends with: output whose reader goes away, and files of another user."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trainer.command import Shown, command, refused

ROOT = Path(__file__).resolve().parents[2]
# Prints more than a pipe holds, then leaves a sign that its work went on, in a file of a number of its own.
PROGRAM = """
import sys
from rich.console import Console
from trainer.command import command
with command():
    console = Console()
    for number in range(3000):
        console.print(f"line {number} of a long listing \\u00e9")
        print("plain", number)
    with open(sys.argv[1], "w") as file:
        file.write(f"done {file.fileno() > 2}")
"""


class Failing(io.StringIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "Broken pipe"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (ValueError("I/O operation on closed file."), "I/O operation on closed file."),
    ],
)
def test_what_cannot_be_shown_is_lost_with_one_word(error: Exception, why: str) -> None:
    last = io.StringIO()
    shown = Shown(Failing(error), Shown(last))
    assert [shown.write("a line\n"), shown.write("another\n")] == [7, 8]
    shown.flush()
    assert last.getvalue() == f"What is printed here arrives nowhere ({why}); the work goes on without it.\n"


def test_a_pipe_without_a_reader_is_known_at_once() -> None:
    """For a server, which writes no more: `python -m search.ui | head -3`."""
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        shown = Shown(stream)
        assert shown.has_reader
        os.close(read)
        assert not shown.has_reader
    with open(os.devnull, "w") as file:
        assert Shown(file).has_reader
    assert Shown(io.StringIO()).has_reader


def test_letters_that_a_stream_does_not_know_are_escaped() -> None:
    binary = io.BytesIO()
    shown = Shown(io.TextIOWrapper(binary, encoding="ascii"))
    shown.write("café caf\udce9")
    shown.flush()
    assert binary.getvalue() == b"caf\\xe9 caf\\udce9"


def test_the_streams_are_put_back() -> None:
    before = sys.stdout, sys.stderr
    with command():
        assert isinstance(sys.stdout, Shown)
    assert (sys.stdout, sys.stderr) == before


def run(folder: Path, shell: str) -> subprocess.CompletedProcess[str]:
    """The program behind some redirection of a shell's."""
    script = folder / "program.py"
    script.write_text(PROGRAM)
    environment: dict[str, Any] = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
    }
    line = f"'{sys.executable}' program.py sign {shell}"
    return subprocess.run(["sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("shell", "said"),
    [
        ("| head -n 2", "What is printed here arrives nowhere (Broken pipe); the work goes on without it.\n"),
        (">&-", ""),
        (">&- 2>&- <&-", ""),
        (
            ">/dev/full",
            "What is printed here arrives nowhere (No space left on device); the work goes on without it.\n",
        ),
        ("2>&1 | head -n 2", ""),
    ],
)
def test_the_work_goes_on_without_a_reader(shell: str, said: str, tmp_path: Path) -> None:
    ran = run(tmp_path, shell)
    assert (tmp_path / "sign").read_text() == "done True"  # C libraries print to 1 and 2
    assert (ran.returncode, ran.stderr) == (0, said)


def test_a_file_of_another_user_is_said_with_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    path.touch()
    sentence = refused(PermissionError(errno.EACCES, "Permission denied", str(path)))
    assert sentence.startswith(f"{path}: permission denied: it is ")
    assert "Work in a folder of your own (--runs DIR), or have its owner allow it: sudo chown -R " in sentence
    assert sentence.endswith(f"'{path}'")
    assert refused(PermissionError("made up")) == "made up"
