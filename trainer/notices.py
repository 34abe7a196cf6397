"""TensorFlow's own log lines, kept out of the output of commands.

TensorFlow 2.21 writes some at its import and at its first look for a GPU, whatever `TF_CPP_MIN_LOG_LEVEL` says: before
absl's log is set up, every line goes to stderr. They come from C++, so they are taken from the file descriptor.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Iterator

# absl/log/internal/log_format.cc: severity, month and day, time, thread, file and line. Fatal ones (F) are shown.
NOTICE = re.compile(rb"(?:[IWE]\d{4} \d\d:\d\d:[\d.]+ +\d+ [\w./-]+:\d+\] |WARNING: All log messages before absl::)")


@contextlib.contextmanager
def without_notices() -> Iterator[None]:
    """Within, such lines that reach stderr are dropped; all others come through, as soon as they are whole.

    For imports and set-up alone: what a process writes just before it is killed would be lost.
    """
    before = os.dup(2)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)
    thread = threading.Thread(target=_pass_on, args=(reading, before), name="notices", daemon=True)
    thread.start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os.dup2(before, 2)
        thread.join()
        os.close(before)


def _pass_on(reading: int, to: int) -> None:
    with open(reading, "rb") as lines:
        for line in lines:
            if not NOTICE.match(line):
                with contextlib.suppress(OSError):  # nobody reads any more
                    os.write(to, line)
