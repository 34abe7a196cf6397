"""What it was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import psutil

PACKAGES = ("tensorflow", "jax", "torch", "keras", "optuna", "mlflow", "sqlalchemy", "numpy")
ROOT = Path(__file__).resolve().parents[1]


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0))


def describe() -> dict[str, str]:
    """The machine, the versions and the commit, for people."""
    return {
        "CPU": f"{_cpu()}, {cores()} cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "load": f"{os.getloadavg()[0]:.1f} at the start (above 1: others work here, do not trust the times)",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {version}" for name in PACKAGES if (version := _version(name))),
        "commit": _commit(),
    }


def _version(package: str) -> str:
    """Empty where it is not there: one backend of Keras is enough."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"
