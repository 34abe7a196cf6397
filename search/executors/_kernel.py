"""Whether the kernel ended a process for its memory: from its log, or from the count that the memory's group keeps."""

from __future__ import annotations

import re
import subprocess
import threading
from pathlib import Path

from trainer.environment import process_environment

GROUPS = Path("/sys/fs/cgroup")


class KernelKills:
    """Tells an end by the kernel for memory from another SIGKILL.

    The kernel's log names the process, and often only root may read it. Then the count of such ends in this process's
    control group, which its children share, tells: one that no other slot's end has explained is this one's.
    """

    def __init__(self, counter: Path | None = None) -> None:
        self._counter = counter or memory_counter()
        self._explained = _count(self._counter)
        self._lock = threading.Lock()

    def ended(self, pid: int) -> bool:
        """Whether the kernel ended this process, which died by SIGKILL, for its memory."""
        log = _kernel_log()
        with self._lock:
            one_more = _count(self._counter) > self._explained
            if one_more if log is None else f"Killed process {pid} " in log:
                self._explained += one_more
                return True
        return False


def memory_counter() -> Path | None:
    """The file in which this process's control group counts; None where there is none."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        _, kinds, path = line.split(":", 2)
        mounts = (GROUPS / "memory" / "memory.oom_control",) if "memory" in kinds.split(",") else ()
        candidates = [mount.parent / path.lstrip("/") / mount.name for mount in mounts] + list(mounts)
        if not kinds:  # version 2
            candidates = [GROUPS / path.lstrip("/") / "memory.events", GROUPS / "memory.events"]
        for file in candidates:
            if file.is_file():
                return file
    return None


def _count(counter: Path | None) -> int:
    try:
        found = re.search(r"^oom_kill (\d+)$", counter.read_text(encoding="utf-8"), re.MULTILINE) if counter else None
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _kernel_log() -> str | None:
    """The kernel's log; None where it cannot be read."""
    try:
        environment = process_environment()
        ran = subprocess.run(
            ["dmesg"], capture_output=True, text=True, errors="replace", timeout=5, check=False, env=environment
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ran.stdout if ran.returncode == 0 else None
