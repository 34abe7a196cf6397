"""What every command begins and ends with: output that cannot stop it, and refusals of the file system in words."""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from trainer.environment import set_up_matplotlib


class Shown:
    """A standard stream whose reader may go away: what cannot be shown is lost, and the work goes on.

    Args:
        stream: the stream; what it cannot encode is written as escapes.
        last: where it is said, once, that nobody reads any more; None: nowhere.
    """

    def __init__(self, stream: TextIO, last: Shown | None = None) -> None:
        self._stream, self._last, self._gone = stream, last, False
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        """Writes as a file does, and never raises."""
        if not self._gone:
            try:
                return self._stream.write(text)
            except (OSError, ValueError) as error:  # a pipe without a reader, a full disk; a stream that was closed
                self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Flushes as a file does, and never raises."""
        if not self._gone:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._lose(error)

    @property
    def has_reader(self) -> bool:
        """Whether somebody may read it: of a pipe that is known at once, of others when something was written."""
        if self._gone:
            return False
        with contextlib.suppress(OSError, ValueError):
            watch = select.poll()
            watch.register(self._stream.fileno(), 0)
            return not any(found & select.POLLERR for _, found in watch.poll(0))
        return True

    def _lose(self, error: Exception) -> None:
        self._gone = True
        if self._stream in (sys.__stdout__, sys.__stderr__):
            with contextlib.suppress(OSError, ValueError):  # else the interpreter complains when it flushes at its end
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
        if self._last is not None:
            why = getattr(error, "strerror", None) or error
            self._last.write(f"What is printed here arrives nowhere ({why}); the work goes on without it.\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def command() -> Iterator[None]:
    """Within, nothing that is shown can end or hold up the work, and no setting of a person's is Matplotlib's."""
    _fill_standard_streams()
    set_up_matplotlib()
    before = sys.stdout, sys.stderr
    errors = Shown(sys.stderr or open(os.devnull, "w", encoding="utf-8"))
    output = Shown(sys.stdout or open(os.devnull, "w", encoding="utf-8"), errors)
    sys.stdout, sys.stderr = output, errors
    try:
        yield
    finally:
        output.flush()
        sys.stdout, sys.stderr = before


def _fill_standard_streams() -> None:
    """Where one is closed, the next file that is opened would take its number, and get what C libraries print."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def refused(error: PermissionError) -> str:
    """What a person can do about a file that is another's, in a sentence."""
    if error.filename is None:
        return str(error)
    path = Path(os.fsdecode(error.filename))
    owner = None
    for place in (path, *path.parents):
        with contextlib.suppress(OSError, KeyError):
            owner = pwd.getpwuid(place.stat().st_uid).pw_name
            break
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = f"user {os.getuid()}"
    theirs = f"it is {owner}'s, and this is {user}" if owner else f"this is {user}"
    return (
        f"{path}: permission denied: {theirs}. Work in a folder of your own (--runs DIR), or have its owner allow it: "
        f"sudo chown -R {user} '{path}'"
    )
