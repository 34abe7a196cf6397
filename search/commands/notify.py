"""A word at the end: the command of `--notify` is told how a study ended, on its standard input.

Whatever becomes of that command, the run ends as it would have without it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from search.errors import SettingsError

if TYPE_CHECKING:
    from search.controller.ending import Outcome

TIMEOUT_S = 30.0  # mail and chat answer in a second or two; nobody waits longer for them


class Notifier:
    """Tells a command how studies end. It is a line for the shell, and has this process's own environment: the token of
    a chat, or the sender of a mail, is the user's to give.

    Args:
        command: the line; None: nobody is told.
        say: called with a sentence where the command fails.
        timeout_s: how long it may take; then it is ended.

    Raises:
        SettingsError: the line is empty.
    """

    def __init__(self, command: str | None, say: Callable[[str], None], timeout_s: float = TIMEOUT_S) -> None:
        if command is not None and not command.strip():
            raise SettingsError("--notify: found no command; allowed: a line for the shell, as 'mail -s study ada'")
        self._command, self._say, self._timeout_s = command, say, timeout_s

    def ended(self, outcome: Outcome) -> None:
        """A run has ended: `state` is finished, interrupted or timeout."""
        if self._command is None:
            return
        states = [record.state for record in outcome.records]
        page = outcome.folder / "answer.html"
        self._tell(
            {
                "study": outcome.name,
                "state": outcome.end,
                "headline": outcome.answer.headline if outcome.records else "",
                "trials": len(states),
                "failed": states.count("FAIL"),
                "recorded": outcome.is_told,
                "folder": str(outcome.folder),
                "page": str(page) if page.exists() else None,
            }
        )

    def failed(self, study: str, error: BaseException) -> None:
        """A run has ended by an error: `state` is failed, and `headline` says why; a Ctrl-C is `interrupted`."""
        if self._command is None:
            return
        state = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        self._tell({"study": study, "state": state, "headline": str(error) or type(error).__name__})

    def _tell(self, note: Mapping[str, object]) -> None:
        try:
            problem = self._run(json.dumps(note))
        except (Exception, KeyboardInterrupt) as error:
            problem = f"{type(error).__name__}: {error}"
        if problem:
            with contextlib.suppress(Exception):
                self._say(f"--notify: {self._command}: {problem}")

    def _run(self, note: str) -> str:
        """What went wrong, in a few words; empty: nothing."""
        assert self._command is not None
        # Files, not pipes: who reads nothing, or leaves a child behind that keeps a pipe open, holds nobody up.
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
            stdin.write(note.encode() + b"\n")
            stdin.seek(0)
            process = subprocess.Popen(
                self._command,
                shell=True,
                stdin=stdin,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,  # so that what it started ends with it
            )
            try:
                status = process.wait(self._timeout_s)
            except subprocess.TimeoutExpired:
                return f"it took more than {self._timeout_s:g} s, and was ended"
            finally:
                if process.poll() is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            if status == 0:
                return ""
            stderr.seek(0)
            last = stderr.read().decode(errors="replace").strip().splitlines()[-1:]
            return ": ".join([f"it ended with status {status}", *last])
