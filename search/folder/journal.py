"""The journal: what a trainer said of each trial, on disk before anybody else is told.

A file a trial, `00012.jsonl` in the study's folder. The first line says what the trial is; each attempt opens with the
slot that makes it; then come its events as the trainer sent them. A trial that is trained again, after a crash or an
interruption, gets a new attempt, and only the last attempt counts. A line that was cut short by a crash is dropped.

Each line ends with a checksum of itself and of everything before it: a digit that flipped, a line that is missing or
there twice is noticed. Lines of version 0.1 have none, and are read as they stand.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from search.errors import StorageError
from search.folder.record import Role, TrialRecord
from search.study.space import ParamValue
from trainer.config import TrainConfig
from trainer.errors import ConfigError
from trainer.events import TERMINAL, Epoch, Event, Ready, parse

VERSION = 1
_SUM = re.compile(rb',"crc32":"([0-9a-f]{8})"}\n$')


class TrialJournal:
    """The journal of one trial, open for appending.

    Every method raises StorageError where the disk refuses; what was written before stays readable.
    """

    def __init__(self, folder: Path, study: str, number: int, params: Mapping[str, ParamValue], role: Role) -> None:
        self.study, self.number, self.params, self.role = study, number, dict(params), role
        self._path = trial_path(folder, number)
        self._file: IO[bytes] | None = None
        self._sum = 0  # of the file so far
        self._began = time.time(), time.monotonic()

    def begin(self, config: TrainConfig, ready: Ready, slot: int) -> TrialRecord:
        """A new attempt, by this slot. Returns the trial's record, without events."""
        opened = {"journal": VERSION, "study": self.study, "number": self.number, "params": self.params}
        self._began = time.time(), time.monotonic()
        attempt = {"at": self._began[0], "slot": slot, "config": config.model_dump(), "ready": ready.model_dump()}
        try:
            if self._path.exists():
                drop_cut_line(self._path)
            self._file = open(self._path, "ab")
            self._sum = zlib.crc32(self._path.read_bytes())
            fresh = self._file.tell() == 0  # a crash may have left a file without a whole line
        except OSError as error:
            raise cannot_write(self._path, error) from None
        try:
            if fresh:
                self._append(_encoded({**opened, "role": self.role}))
            self._append(_encoded(attempt))
        except StorageError:
            with contextlib.suppress(StorageError):
                self.close()
            raise
        return _record(opened | {"role": self.role}, attempt, [])

    def add(self, record: TrialRecord, event: Event) -> TrialRecord:
        """Appends an event, safe on disk at the end of each epoch and of the trial. Returns the record with it."""
        now = self._now()
        line = b'{"at":%s,"event":%s}' % (json.dumps(now).encode(), event.model_dump_json().encode())
        self._append(line, sync=isinstance(event, (Epoch, *TERMINAL)))
        over = isinstance(event, TERMINAL)
        if over:
            self.close()
        return TrialRecord(
            **{**record.__dict__, "events": (*record.events, event), "finished_at": now if over else None}
        )

    def close(self) -> None:
        """Closes the file."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:  # what did not fit on the disk is tried again here
                raise cannot_write(self._path, error) from None

    def _now(self) -> float:
        """Seconds since 1970, by the clock as it was at the start: one that is set meanwhile changes no duration."""
        began, then = self._began
        return began + time.monotonic() - then

    def _append(self, line: bytes, *, sync: bool = False) -> None:
        if self._file is None:
            raise RuntimeError("the journal is not open: call begin first")
        try:
            summed, total = with_sum(line, self._sum)
            self._file.write(summed)
            self._file.flush()
            self._sum = total
            if sync:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(self._path, error) from None


def trial_path(folder: Path, number: int) -> Path:
    """The journal's file of a trial."""
    return folder / f"{number:05d}.jsonl"


def read_trial(path: Path) -> TrialRecord | None:
    """The last attempt at a trial; None where no attempt was written whole.

    Raises:
        StorageError: the file is no journal.
    """
    opened: dict[str, Any] | None = None
    attempt: dict[str, Any] | None = None
    events: list[tuple[float, Event]] = []
    try:
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        check_sums(path, whole)
        for line in whole.splitlines():
            entry = json.loads(line)
            if "journal" in entry:
                opened = entry
            elif "slot" in entry:
                attempt, events = entry, []
            else:
                events.append((entry["at"], parse(json.dumps(entry["event"]))))
        if opened is None or attempt is None:
            return None
        return _record(opened, attempt, events)
    except (OSError, ValueError, KeyError, TypeError, ValidationError, ConfigError) as error:
        raise StorageError(f"{path}: this is no journal of a trial, or another version's: {error}") from None


def with_sum(line: bytes, before: int) -> tuple[bytes, int]:
    """A JSON object with its checksum and the end of its line, and the CRC-32 of everything with it.

    Args:
        line: the object, without the end of a line.
        before: the CRC-32 of everything before it.
    """
    opened = line[:-1]
    of_opened = zlib.crc32(opened, before)  # gone through once, as the last event of a trial has 100 kB
    end = b',"crc32":"%08x"}\n' % zlib.crc32(b"}", of_opened)
    return opened + end, zlib.crc32(end, of_opened)


def _encoded(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode()


def check_sums(path: Path, content: bytes) -> None:
    """Whether the whole lines of a journal are those that were written, in their order.

    Raises:
        StorageError: they are not.
    """
    before, summed = 0, False
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        found = _SUM.search(line)
        if found is None and summed:
            raise _changed(path, number, "has no checksum")
        if found is not None:
            summed = True
            if int(found[1], 16) != zlib.crc32(line[: found.start()] + b"}", before):
                raise _changed(path, number, "has a checksum that is not its own")
        before = zlib.crc32(line, before)


def _changed(path: Path, number: int, what: str) -> StorageError:
    return StorageError(
        f"{path}: line {number} {what}: it was changed, or a line before it was, or is missing, or is there twice. "
        "Bring the file back from a copy, or start a new study beside it with --fresh"
    )


def read_trials(folder: Path) -> Iterator[TrialRecord]:
    """Every trial that has a journal, by number."""
    for path in sorted(folder.glob("[0-9]*.jsonl")):
        record = read_trial(path)
        if record is not None:
            yield record


def _record(opened: Mapping[str, Any], attempt: Mapping[str, Any], events: list[tuple[float, Event]]) -> TrialRecord:
    over = events and isinstance(events[-1][1], TERMINAL)
    return TrialRecord(
        study=opened["study"],
        number=opened["number"],
        params=opened["params"],
        role=opened["role"],
        config=TrainConfig.of(_translated(attempt["config"])),
        ready=Ready.model_validate(attempt["ready"]),
        events=tuple(event for _, event in events),
        started_at=attempt["at"],
        finished_at=events[-1][0] if over else None,
        slot=attempt["slot"],
    )


def _translated(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config as this version has it. Version 0.1 validated on a share of the photographs, where folds are now."""
    translated = dict(config)
    share = translated.pop("validation_fraction", None)
    if share:
        translated.setdefault("folds", max(2, round(1 / share)))
    return translated


def drop_cut_line(path: Path) -> None:
    """Takes a line without its end, which a crash in the middle of a write leaves, off the end of a file."""
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end < len(content):
        os.truncate(path, end)


def cannot_write(path: Path, error: OSError) -> StorageError:
    """The error of a disk that refuses a journal."""
    return StorageError(f"{path}: the journal cannot be written: {error.strerror or error}")
