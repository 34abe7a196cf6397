from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.figures.in_process import DrawingError, DrawingProcess


@pytest.fixture
def process() -> Iterator[DrawingProcess]:
    process = DrawingProcess()
    yield process
    process.close()


def test_functions_are_called_in_one_other_process(process: DrawingProcess) -> None:
    pids = {process.call("os", "getpid") for _ in range(2)}
    assert len(pids) == 1
    assert os.getpid() not in pids
    assert process.call("operator", "add", "ö", "\udcff") == "ö\udcff"


def test_what_a_function_raises_is_told_with_its_traceback(process: DrawingProcess) -> None:
    with pytest.raises(DrawingError, match=r"operator\.truediv failed:\nTraceback(.|\n)*ZeroDivisionError"):
        process.call("operator", "truediv", 1, 0)
    assert process.call("operator", "add", 1, 2) == 3


def test_what_is_printed_there_is_no_answer(process: DrawingProcess) -> None:
    assert process.call("builtins", "print", "a library's warning") is None


def test_a_matplotlibrc_changes_no_figure(
    process: DrawingProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "matplotlibrc").write_text("font.size: 40")
    monkeypatch.chdir(tmp_path)
    process.load("trainer.fonts")  # as whatever draws does
    assert process.call("builtins", "eval", "__import__('matplotlib').rcParams['font.size']") == 10


def test_a_process_that_is_gone_is_started_again(process: DrawingProcess) -> None:
    process.load("decimal")
    first = process.call("os", "getpid")
    os.kill(first, signal.SIGKILL)
    assert process.call("os", "getpid") != first
    process.close()
    assert process.call("operator", "add", 1, 2) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_what_a_terminal_sends_is_the_commands(process: DrawingProcess, number: signal.Signals) -> None:
    pid = process.call("os", "getpid")
    os.kill(pid, number)
    assert process.call("os", "getpid") == pid


def test_a_home_of_anothers_is_no_matter_of_its_user(
    process: DrawingProcess, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Matplotlib, which keeps a list of fonts there, would say at each start that it cannot."""
    monkeypatch.setenv("HOME", "/proc")  # where nobody makes a file, not even root
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    process.load("matplotlib")
    process.close()
    assert capfd.readouterr() == ("", "")


def test_a_process_that_dies_of_a_question_is_told(process: DrawingProcess) -> None:
    with pytest.raises(DrawingError) as caught:
        process.call("os", "_exit", 3)
    assert str(caught.value) == "os._exit: the process that draws dies (often of too little memory)"


def test_a_process_that_is_asked_nothing_ends() -> None:
    program = "from search.figures.drawing_process import main; main(idle_s=0.0)"
    held, nobody_writes = os.pipe()
    ended = subprocess.run([sys.executable, "-c", program], stdin=held, capture_output=True, timeout=120, check=True)
    os.close(held)
    os.close(nobody_writes)
    assert ended.stdout == b""
