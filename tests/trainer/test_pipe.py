"""The two ends of a slot's pipe, in small processes that load no Keras."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trainer.events import Alive, Model, parse
from trainer.pipe import GONE_STATUS, PART_BYTES, Inbox, model_parts

ROOT = Path(__file__).resolve().parents[2]
HEAD = "import ctypes, signal, sys, threading; from pathlib import Path; from trainer import pipe\n"
READS = (
    "inbox = pipe.Inbox(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    "threading.Thread(target=inbox.read, args=(True, {}), daemon=True).start()\n"
)
BEATS = "pipe.Outbox().beat({})\n"

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a program, with a folder for records and one for rubbish."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    started: list[subprocess.Popen[bytes]] = []
    (tmp_path / "rubbish").mkdir()

    def start(program: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", HEAD + program, str(tmp_path), str(tmp_path / "rubbish")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, **pipes))  # type: ignore[call-overload]
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()


def test_a_trainer_says_that_it_lives_while_it_computes(start: Start) -> None:
    process = start(BEATS.format(0.05) + "while True: pass")
    assert process.stdout is not None
    assert [parse(process.stdout.readline()) for _ in range(5)] == [Alive()] * 5


def test_a_trainer_ends_when_its_controller_keeps_silent(start: Start, tmp_path: Path) -> None:
    process = start(READS.format(0.3) + "signal.pause()")
    assert process.stdin is not None
    process.stdin.write(b'{"alive": true}\n')
    process.stdin.flush()  # and stays open
    assert process.wait(60) == GONE_STATUS == 75
    assert process.stderr is not None
    assert process.stderr.read().decode() == "The controller said nothing for 0.3 s: this trainer ends.\n"
    assert not (tmp_path / "rubbish").exists()


def test_a_trainer_whose_library_keeps_pythons_lock_ends_too(start: Start) -> None:
    """No thread of Python's runs any more, and the dead man's switch works all the same."""
    process = start("pipe.STARVED_S = 0.3\n" + READS.format(0.2) + "inbox.lines.get(); ctypes.PyDLL(None).pause()")
    assert process.stdin is not None
    process.stdin.write(b"{}\n")  # a config: by then stdin is being read
    process.stdin.flush()
    assert process.wait(60) == 1
    assert process.stderr is not None
    assert process.stderr.read().decode().startswith("Timeout (0:00:00.500000)!")


def test_a_trainer_whose_controller_speaks_goes_on(start: Start) -> None:
    """For twice the silence that would end it; the time passes by its own signs of life."""
    process = start(BEATS.format(0.1) + READS.format(1.5) + "signal.pause()")
    assert process.stdin is not None
    assert process.stdout is not None
    for _ in range(30):
        assert parse(process.stdout.readline()) == Alive()
        process.stdin.write(b'{"alive": true}\n')
        process.stdin.flush()
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(60) == 0


def test_a_record_of_photographs_is_kept_in_the_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inbox = Inbox(tmp_path / "cache")
    name = "photographs-0123456789abcdef.json"
    inbox.take(json.dumps({"record": name, "text": '{"id": "0123456789abcdef"}'}))
    assert json.loads((tmp_path / "cache" / name).read_text()) == {"id": "0123456789abcdef"}
    for wrong in ("../../etc/passwd", "photographs-1.json", "photographs-0123456789abcdef.json/x"):
        inbox.take(json.dumps({"record": wrong, "text": "{}"}))
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [name]
    assert capsys.readouterr().err.splitlines()[0] == "../../etc/passwd: no name of a record, ignored"
    assert inbox.lines.empty(), "what is no config is not trained"


@pytest.mark.parametrize(("size", "parts"), [(0, 1), (5, 1), (PART_BYTES, 1), (2 * PART_BYTES + 1, 3)])
def test_a_model_goes_in_parts(tmp_path: Path, size: int, parts: int) -> None:
    file = tmp_path / "t-00001.keras"
    file.write_bytes(bytes(index % 251 for index in range(size)))
    sent = list(model_parts("t-00001", file))
    assert all(isinstance(part, Model) for part in sent)
    assert [part.part for part in sent] == list(range(parts))
    assert {(part.trial, part.file, part.parts, part.size) for part in sent} == {("t-00001", file.name, parts, size)}
