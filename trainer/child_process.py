"""A Python process that works for this one, over its stdin and stdout.

A plain `python -m MODULE`, not `multiprocessing`: its spawned workers import the parent's main module again (for the
search that is Optuna and MLflow, a second or two each).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import trainer
from trainer.environment import process_environment


def start_child(module: str) -> subprocess.Popen[bytes]:
    """Start `python -m module`, with pipes to its stdin and from its stdout; it imports from where this one does.

    Its environment is built from a list, as that of every process that is started.
    """
    home = str(Path(trainer.__file__).parent.parent)
    environment = process_environment()
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [home, environment.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module],  # -P: not from the current folder
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )


def leave_signals_to_parent() -> None:
    """Call it in a child: Ctrl-C, or a terminal that is closed, reaches the parent as well, which ends its children."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def end_child(process: subprocess.Popen[bytes]) -> None:
    """Close the pipes of a child, which ends where its stdin does, and wait for its end."""
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):
            pipe.close()
    process.wait()
