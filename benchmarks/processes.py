"""Runs a command to its end and watches what it and its children take."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
PYTHON = sys.executable
LOOK_EVERY_S = 0.05


@dataclass
class Ran:
    """A command that ended well.

    Attributes:
        wall_s: from its start to its end, the interpreter's own included.
        stdout: what it wrote.
        peaks: the command line and the most resident memory (MiB) of it and of each child, where asked for.
    """

    wall_s: float
    stdout: str
    peaks: list[tuple[str, float]] = field(default_factory=list)


class BenchmarkError(Exception):
    """A measure could not be taken."""


def run(command: Sequence[str], environment: dict[str, str] | None = None, *, watch_memory: bool = False) -> Ran:
    """Runs it from the checkout.

    Raises:
        BenchmarkError: it ended with another status than 0; quotes the end of what it wrote.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEARCH_", "MLFLOW_"))}
    leases = {name: value for name, value in os.environ.items() if name == "SEARCH_LEASES_DIR"}  # who else runs here
    settings = kept | leases
    settings |= {"TF_CPP_MIN_LOG_LEVEL": "2", "MLFLOW_DISABLE_TELEMETRY": "true", **(environment or {})}
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    peaks: dict[int, tuple[str, float]] = {}
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peaks, over), daemon=True)
    if watch_memory:
        watcher.start()
    stdout, stderr = process.communicate()
    wall_s = time.perf_counter() - begun
    if watch_memory:
        over.set()
        watcher.join()
    if process.returncode != 0:
        tail = "\n".join((stdout + stderr).splitlines()[-25:])
        raise BenchmarkError(f"{' '.join(command)} ended with status {process.returncode}:\n{tail}")
    return Ran(wall_s, stdout, list(peaks.values()))


def _watch(pid: int, peaks: dict[int, tuple[str, float]], over: threading.Event) -> None:
    """VmHWM is the kernel's own peak, so that looking now and then misses only what grows in the last moment."""
    root = psutil.Process(pid)
    while not over.wait(LOOK_EVERY_S):
        try:
            found = [root, *root.children(recursive=True)]
        except psutil.Error:
            return
        for process in found:
            try:
                command, peak = " ".join(process.cmdline()), peak_mib(process.pid)
            except psutil.Error:
                continue
            if command and peak is not None:  # of a process that just ended neither is there
                peaks[process.pid] = (command, peak)


def peak_mib(pid: int) -> float | None:
    """The most resident memory that a process had; None once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else None
