"""Who runs a study, and where its folder lies: what stores show of it, and how a folder that is gone is recognized."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path


def owner() -> str:
    """This user on this machine, as `ada@lab1`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        name = f"user {os.getuid()}"
    return f"{name}@{socket.gethostname()}"


def noted_place(folder: Path) -> str:
    """Where a study's folder is, as `lab1:/data/runs/studies/pooling`."""
    return f"{socket.gethostname()}:{folder.absolute()}"


def folder_here(place: str) -> Path | None:
    """The folder that `noted_place` wrote down, where that was on this machine; None for another's, and for none."""
    host, mark, path = place.partition(":")
    return Path(path) if mark and host == socket.gethostname() else None
