"""The two ends of a slot's pipe: what comes on stdin, and what is said on stdout. Imports no Keras.

Lines on stdin are JSON objects: a `TrainConfig`; {"stop": "TRIAL"}; {"check": ...}, which asks whether code of one's
own can be trained; {"alive": true}, which a controller on another machine says every few seconds; {"record": "NAME",
"text": "..."}, a file for the image cache (which image shows which photograph). A controller that is gone is noticed by
the end of stdin, and one that was cut off by its silence.
"""

from __future__ import annotations

import base64
import faulthandler
import hashlib
import json
import os
import queue
import re
import select
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NoReturn

from trainer.errors import DataError, DiskError
from trainer.events import Alive, Checked, Event, Finished, Model

PART_BYTES = 256 * 1024  # of a model's file, in a line: short enough for other lines to come between
STARVED_S = 10.0  # a thread that Python keeps waiting this long will not come to end the process
GONE_STATUS = 75  # EX_TEMPFAIL of sysexits.h: try again later
RECORD = re.compile(r"photographs-[0-9a-f]{16}\.json")


class Inbox:
    """What comes on stdin: configs in their order, and which of them should stop.

    One thread reads, another trains. A stop counts for the training of that label that runs or waits; one that comes
    after its end is forgotten, so that the same label can be trained again.

    Args:
        cache: the folder of decoded images, which records are written into.
        rubbish: a folder that goes when this ends the process.
    """

    def __init__(self, cache: Path, rubbish: Path | None = None) -> None:
        self.lines: queue.Queue[str | None] = queue.Queue()
        self._cache, self._rubbish = cache, rubbish
        self._open: Counter[str] = Counter()
        self._stopped: set[str] = set()
        self._lock = threading.Lock()

    def read(self, exit_at_end: bool, silence_s: float | None = None) -> None:
        """Reads to the end of stdin.

        Args:
            exit_at_end: ends the process there, also in the middle of a training.
            silence_s: ends the process when nothing came for so long; None: waits for ever.
        """
        for raw in lines_of(os.dup(0), silence_s):
            if raw is None:
                print(f"The controller said nothing for {silence_s:g} s: this trainer ends.", file=sys.stderr)
                self._end(GONE_STATUS)
            elif line := raw.decode("utf-8", "replace").strip():
                self.take(line)
        if exit_at_end:
            self._end(0)  # the controller is gone: nobody wants this training's result
        self.lines.put(None)

    def _end(self, status: int) -> NoReturn:
        if self._rubbish is not None:
            shutil.rmtree(self._rubbish, ignore_errors=True)
        sys.stderr.flush()
        os._exit(status)

    def take(self, line: str) -> None:
        """Does what a line asks for, or keeps its config."""
        if line == '{"alive": true}':
            return
        stop = value_in(line, "stop")
        if stop:
            with self._lock:
                self._stopped |= {stop} & self._open.keys()
            return
        if record := value_in(line, "record"):
            self._keep(record, line)
            return
        with self._lock:
            self._open[value_in(line, "trial")] += 1
        self.lines.put(line)

    def _keep(self, name: str, line: str) -> None:
        """Writes a record; where the disk refuses, the training that needs it says that it is not there."""
        from trainer.data.grouping.grouping import write_record

        if not RECORD.fullmatch(name):
            print(f"{name}: no name of a record, ignored", file=sys.stderr, flush=True)
            return
        try:
            write_record(self._cache / name, json.loads(json.loads(line)["text"]))
        except (DataError, ValueError, KeyError, TypeError) as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)

    def should_stop(self, label: str) -> bool:
        """Whether the training of this label was asked to end after its epoch."""
        with self._lock:
            return label in self._stopped

    def done(self, label: str) -> None:
        """Notes that the training of this label is over."""
        with self._lock:
            self._stopped.discard(label)
            self._open -= Counter([label])  # which forgets a label at 0


class Outbox:
    """Says events on the real stdout; what a library prints there goes to stderr from now on. Any thread may speak.

    Args:
        models: the folder whose models are sent in parts and then deleted; None: they stay where they were saved.
    """

    def __init__(self, models: Path | None = None) -> None:
        self._out = _private_stdout()
        self._models = models
        self._lock = threading.Lock()

    def say(self, event: Event | Checked) -> None:
        """Writes an event, or what became of code of one's own; before `finished`, the parts of its model.

        Raises:
            DiskError: the model that was saved cannot be read.
        """
        if self._models is not None and isinstance(event, Finished) and event.model_file:
            file = self._models / event.model_file
            try:
                for part in model_parts(event.trial, file):
                    self._write(part)
            except OSError as error:
                raise DiskError(f"the model cannot be read in {self._models}: {error.strerror or error}") from error
            finally:
                file.unlink(missing_ok=True)
        self._write(event)

    def beat(self, every_s: float) -> None:
        """Says that the trainer is alive, now and every so many seconds, for as long as the process lives."""

        def beat() -> None:
            waits = threading.Event()
            while True:
                try:
                    self._write(Alive())
                except OSError:  # whoever read the events is gone
                    os._exit(1)
                waits.wait(every_s)

        threading.Thread(target=beat, name="alive", daemon=True).start()

    def _write(self, event: Event | Checked) -> None:
        line = event.model_dump_json() + "\n"
        with self._lock:
            self._out.write(line)
            self._out.flush()


def model_parts(trial: str, file: Path) -> Iterator[Model]:
    """The file of a model as events.

    Raises:
        OSError: it cannot be read.
    """
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    parts = max(1, -(-len(content) // PART_BYTES))
    for part in range(parts):
        data = base64.b64encode(content[part * PART_BYTES : (part + 1) * PART_BYTES]).decode()
        yield Model(trial=trial, file=file.name, part=part, parts=parts, size=len(content), sha256=digest, data=data)


def value_in(line: str, key: str) -> str:
    """A string in a JSON object that may be no object, or no JSON; empty where it is not there."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    value = found.get(key, "") if isinstance(found, dict) else ""
    return value[:200].encode("utf-8", "replace").decode() if isinstance(value, str) else ""  # half a pair of JSON's \u


def lines_of(file: int, silence_s: float | None) -> Iterator[bytes | None]:
    """The lines of a file descriptor, the last one also without its end; None where nothing came for so long.

    Not sys.stdin, whose lock a waiting thread would hold at the end.
    """
    rest = b""
    while True:
        if silence_s is not None:
            # Also where a library keeps Python's lock, so that no thread of Python's comes to end the process.
            faulthandler.dump_traceback_later(silence_s + STARVED_S, exit=True)
            if not select.select([file], [], [], silence_s)[0]:
                yield None
        data = os.read(file, 1 << 20)
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _private_stdout() -> IO[str]:
    """The real stdout, kept for events: from now on what a library prints goes to stderr."""
    sys.stdout.flush()
    mine = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return mine
