"""One controller a study. The operating system frees the lock of a controller that is gone, however it went."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType

from search.errors import LockedError, StorageError

# A lock without a name is one that `holder_of` looks at, or whose controller is about to write its name.
NAMELESS_S = 2.0


class StudyLock:
    """The lock of a study's folder, as a context manager.

    Raises:
        LockedError: another controller holds it; the message names it.
        StorageError: its file cannot be written.
    """

    def __init__(self, folder: Path, study: str) -> None:
        self._path, self._study = folder / "lock", study

    def __enter__(self) -> StudyLock:
        try:
            self._file = open(self._path, "a+", encoding="utf-8")
        except OSError as error:
            raise StorageError(f"{self._path}: the lock cannot be taken: {error.strerror or error}") from None
        deadline = time.monotonic() + NAMELESS_S
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                self._file.seek(0)
                holder = self._file.read()
                if holder or time.monotonic() > deadline:
                    self._file.close()
                    raise LockedError(_sentence(self._study, holder)) from None
            time.sleep(0.01)
        me = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        with contextlib.suppress(OSError):  # a full disk: it is held without a name
            self._file.truncate(0)
            self._file.write(json.dumps(me))
            self._file.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # a full disk
            self._file.truncate(0)
        with contextlib.suppress(OSError):
            self._file.close()  # frees the lock


def holder_of(folder: Path) -> str | None:
    """Who works on the study in this folder, in words; None for nobody."""
    path = folder / "lock"
    if not path.exists():
        return None
    with open(path, encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _who(file.read())
    return None


def _who(holder: str) -> str:
    try:
        found = json.loads(holder)
        return f"process {found['pid']} on {found['host']}, since {found['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"


def _sentence(study: str, holder: str) -> str:
    return (
        f"The study {study} is being worked on by {_who(holder)}. One controller a study: wait for it, stop it, or run "
        "another study beside it."
    )
