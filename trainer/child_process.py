"""A Python process that works for this one, over its stdin and stdout.

A plain `python -m MODULE`, not `multiprocessing`: its spawned workers import the parent's main module again (for the
search that is Optuna and MLflow, a second or two each).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import trainer


def start_child(module: str) -> subprocess.Popen[bytes]:
    """Start `python -m module`, with pipes to its stdin and from its stdout; it imports from where this one does."""
    home = str(Path(trainer.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module],  # -P: not from the current folder
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )


def end_child(process: subprocess.Popen[bytes]) -> None:
    """Close the pipes of a child, which ends where its stdin does, and wait for its end."""
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):
            pipe.close()
    process.wait()
