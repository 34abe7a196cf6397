"""Which controller a container belongs to, and whether that one still lives."""

from __future__ import annotations

import os
import platform

import psutil


def controller_identity() -> str:
    """This process, in a form that `is_dead` understands: host, namespace of process ids, id and start."""
    return f"{platform.node()} {_namespace()} {os.getpid()} {psutil.Process().create_time():.2f}"


def is_dead(identity: str) -> bool:
    """Whether the controller is known to be gone."""
    try:
        host, namespace, pid, created = identity.rsplit(" ", 3)
        if (host, namespace) != (platform.node(), _namespace()):
            return False
        try:
            return abs(psutil.Process(int(pid)).create_time() - float(created)) > 1
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:  # it lives, and is another user's
            return False
    except ValueError:
        return False


def _namespace() -> str:
    """Process ids mean something within one; `-` where there are none, as on macOS."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return "-"
