"""`python -m trainer` as a slot: one real process, lines in, lines out."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.conftest import BASE, SMALL, Slot, numbers
from trainer import __version__
from trainer.data.layouts import allowed
from trainer.events import PROTOCOL, Alive, Epoch, Event, Failed, Finished, Model, Ready, Started, Stopped, parse
from trainer.fingerprint import code_fingerprint

ROOT = Path(__file__).resolve().parents[2]
TERMINAL = (Finished, Failed, Stopped)

# A slot whose libraries print: from Python and, as TensorFlow does, below it.
PRINTS = """
import os, sys
from trainer import fit
from trainer.__main__ import main
train = fit.Session.train
def noisy(*arguments):
    print("a library prints")
    os.write(1, b"so does its native part\\n")
    train(*arguments)
fit.Session.train = noisy
sys.exit(main(sys.argv[1:]))
"""


class Process:
    """A slot's process."""

    def __init__(self, arguments: list[str], log: Path) -> None:
        self.log = log
        with log.open("wb") as stderr:
            self.popen = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
            )

    def send(self, line: str | bytes | dict[str, Any]) -> None:
        raw = json.dumps(line) if isinstance(line, dict) else line
        self.popen.stdin.write((raw.encode() if isinstance(raw, str) else raw) + b"\n")
        self.popen.stdin.flush()

    def next(self) -> Event:
        line = self.popen.stdout.readline()
        assert line, f"the process ended:\n{self.log.read_text()[-3000:]}"
        return parse(line)

    def until(self, *kinds: type) -> list[Event]:
        """The events up to the first of these kinds."""
        events = [self.next()]
        while not isinstance(events[-1], kinds):
            events.append(self.next())
        return events

    def close(self) -> tuple[int, bytes]:
        """Ends stdin; the exit status, and what was still said."""
        self.popen.stdin.close()
        rest = self.popen.stdout.read()
        return self.popen.wait(60), rest


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    processes: list[Process] = []

    def start(*arguments: str) -> Process:
        processes.append(Process(list(arguments), tmp_path / f"stderr{len(processes)}"))
        return processes[-1]

    yield start
    for process in processes:
        process.popen.kill()
        process.popen.wait()
        process.popen.stdin.close()
        process.popen.stdout.close()


@pytest.fixture
def folders(slot: Slot, tmp_path: Path) -> list[str]:
    return ["--data", str(slot.data), "--cache", str(slot.cache), "--output", str(tmp_path / "models")]


def test_a_slot_from_its_first_line_to_its_last(
    started: Any, folders: list[str], base: list[Event], keras: Any, tmp_path: Path
) -> None:
    process = started("-c", PRINTS, *folders)
    process.send({**SMALL, **BASE})  # a line that comes before Keras is loaded waits
    ready = process.next()
    assert isinstance(ready, Ready)
    assert (ready.protocol, ready.device, ready.vram_measured, ready.threads) == (
        PROTOCOL,
        "cpu",
        False,
        os.cpu_count(),
    )
    assert (ready.backend, ready.pid) == (keras.backend.backend(), process.popen.pid)
    assert ready.versions["keras"] == keras.__version__
    assert {"python", "numpy", ready.backend} <= ready.versions.keys()

    events = process.until(*TERMINAL)
    assert numbers(events) == numbers(base), "another process gives other numbers"
    assert (tmp_path / "models" / "base.keras").is_file()

    garbage = [
        b"not json",
        b"\xff\xfe\x00",
        b"[" * 3000,
        b'{"trial": "\\ud800", "depth": "x"}',
        b"17",
        b'{"stop": 5}',
        b"\x00",
    ]
    for line in garbage:
        process.send(line)
    process.send({"trial": "wrong", "depth": 7, "colour": True})
    failures = [process.next() for _ in range(len(garbage) + 1)]
    assert {(type(event), event.kind) for event in failures} == {(Failed, "config")}
    assert [event.trial for event in failures] == ["", "", "", "?", "", "", "", "wrong"]
    assert failures[0].message.startswith("the whole: Invalid JSON: ")
    assert failures[-1].message == (
        "depth: Input should be less than or equal to 6 (found 7)\ncolour: Extra inputs are not permitted (found True)"
    )

    process.send({"stop": "nobody"})
    process.send({"stop": "long"})  # before there is such a training: not meant for a later one
    process.send({**SMALL, "trial": "long", "epochs": 100_000})
    assert not any(isinstance(event, Stopped) for event in (process.until(Epoch) + process.until(Epoch)))
    process.send({"stop": "long"})
    stopped = process.until(*TERMINAL)[-1]
    assert isinstance(stopped, Stopped)
    assert stopped.epoch >= 2
    process.send({"stop": "long"})  # too late: the next training of the label is another one
    process.send({**SMALL, "trial": "long"})
    process.send({**SMALL, "trial": "waits", "epochs": 100_000})
    process.send({"stop": "waits"})
    assert isinstance(process.until(*TERMINAL)[-1], Finished)
    assert [type(event) for event in process.until(*TERMINAL)] == [Started, Epoch, Stopped]

    process.send({**SMALL, "trial": "last"})
    process.popen.stdin.close()  # what was sent is still trained
    assert isinstance(process.until(*TERMINAL)[-1], Finished)
    assert process.popen.stdout.read() == b""
    assert process.popen.wait(60) == 0
    log = process.log.read_text()
    assert log.count("a library prints\n") == log.count("so does its native part\n") == 5


def test_with_its_controller_gone_a_slot_ends_in_the_middle_of_a_training(started: Any, folders: list[str]) -> None:
    process = started("-m", "trainer", *folders, "--exit-with-stdin", "--threads", "1")
    process.send({**SMALL, "epochs": 100_000})
    assert process.until(Epoch)[0].threads == 1
    status, rest = process.close()
    assert status == 0
    assert b'"finished"' not in rest
    assert b'"stopped"' not in rest


def test_a_slot_whose_reader_is_gone_ends(started: Any, folders: list[str]) -> None:
    process = started("-m", "trainer", *folders)
    process.send({**SMALL, "epochs": 100_000})
    process.until(Epoch)
    process.popen.stdout.close()
    assert process.popen.wait(60) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--data", "nowhere"],
            f"nowhere: no such folder (as given); it should hold {allowed()}\n",
        ),
        (["--threads", "0"], "--threads 0: at least 1\n"),
    ],
)
def test_a_slot_that_cannot_start_says_why_while_stdin_is_open(
    started: Any, arguments: list[str], message: str
) -> None:
    process = started("-m", "trainer", *arguments)
    assert process.popen.wait(60) == 2
    assert process.popen.stdout.read() == b""
    assert process.log.read_text() == message


def test_a_slot_on_another_machine(started: Any, folders: list[str], tmp_path: Path) -> None:
    """It says that it lives from the first moment on, says who it is, and sends its model and keeps none."""
    process = started("-m", "trainer", *folders, "--alive-s", "0.2", "--silence-s", "600", "--send-models")
    assert process.next() == Alive(), "before Keras is loaded"
    process.send({"alive": True})
    process.send({**SMALL, **BASE})
    events = process.until(*TERMINAL)
    ready = next(event for event in events if isinstance(event, Ready))
    assert (ready.version, ready.code, ready.machine) == (__version__, code_fingerprint(), os.uname().nodename)
    assert not any(isinstance(event, Failed) for event in events)
    *_, last, finished = [event for event in events if not isinstance(event, Alive)]
    assert isinstance(finished, Finished)
    parts = [event for event in events if isinstance(event, Model)]
    assert parts[-1] is last
    content = b"".join(base64.b64decode(part.data) for part in parts)
    assert {(part.file, part.size) for part in parts} == {(finished.model_file, len(content))}
    assert {part.sha256 for part in parts} == {hashlib.sha256(content).hexdigest()}
    with zipfile.ZipFile(io.BytesIO(content)) as keras_file:
        assert "config.json" in keras_file.namelist()
    assert not (tmp_path / "models").exists()
