"""Figures drawn in a process of their own: matplotlib and its fonts would keep 70 MiB of the controller's memory."""

from __future__ import annotations

import atexit
import pickle
import subprocess
import threading
from typing import Any

from search.figures.drawing_process import load
from trainer.child_process import end_child, start_child


class DrawingError(ValueError):
    """A figure could not be drawn. The message ends with the traceback, where there is one."""


class DrawingProcess:
    """Calls functions in another process, one at a time. It is started when it is needed.

    Threads: any may call any method.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def call(self, module: str, function: str, *arguments: Any) -> Any:
        """The result of a module's function.

        Args:
            module: its name; imported there, not here.
            function: a name in it.
            arguments: of the function; all must be picklable, and so must the result.

        Raises:
            DrawingError: the function raised something, or the process died twice.
        """
        with self._lock:
            for _ in range(2):  # the process ends where it has nothing to do for a while, and may be killed
                answer = self._ask((module, function, arguments))
                if answer is not None:
                    done, result = answer
                    if not done:
                        raise DrawingError(f"{module}.{function} failed:\n{result}")
                    return result
            raise DrawingError(f"{module}.{function}: the process that draws dies (often of too little memory)")

    def load(self, module: str) -> None:
        """Have a module imported there, for a later call."""
        self.call("search.figures.drawing_process", load.__name__, module)

    def close(self) -> None:
        """Ends the process; the next call starts another."""
        with self._lock:
            self._end()

    def _ask(self, question: tuple[Any, ...]) -> tuple[bool, Any] | None:
        """The answer; None where the process is gone."""
        if self._process is None:
            self._process = start_child("search.figures.drawing_process")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(question, self._process.stdin)
            self._process.stdin.flush()
            answer: tuple[bool, Any] = pickle.load(self._process.stdout)
        except (BrokenPipeError, EOFError, pickle.UnpicklingError):
            self._end()
            return None
        return answer

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            end_child(process)


DRAWING = DrawingProcess()  # of this process: all of its figures are drawn by one
atexit.register(DRAWING.close)
