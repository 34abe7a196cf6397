"""Where the engine is, and whether this user may use it."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket

import docker

from search.engine.refusals import EngineError

USUAL_SOCKET = "unix:///var/run/docker.sock"


def engine_address() -> str:
    """Where the `docker` command would find the engine: $DOCKER_HOST, its current context, the usual socket."""
    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    with contextlib.suppress(Exception):  # contexts are files that anyone may have broken
        context = docker.ContextAPI.get_current_context()
        if context is not None and context.Host:
            return str(context.Host)
    return USUAL_SOCKET


def reach(address: str) -> None:
    """Tries a connection of our own first: the SDK's errors do not say what is wrong.

    Raises:
        EngineError: nobody listens there, or this user may not connect.
    """
    if not address.startswith("unix://"):
        raise EngineError(
            f"The Docker engine is at {address}: containers of trainers need the engine of this machine, by a socket "
            "(unix://...).",
            "Unset DOCKER_HOST, or: docker context use default",
        )
    path = address.removeprefix("unix://")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(10)
            probe.connect(path)
    except PermissionError:
        raise EngineError(
            f"This user may not use the Docker engine: no permission on {path}.",
            f"Allow it, then log in anew:\n  sudo usermod -aG docker {getpass.getuser()}",
        ) from None
    except OSError as error:
        mend = "sudo systemctl start docker"
        if shutil.which("docker") is None and shutil.which("dockerd") is None:
            mend = "curl -fsSL https://get.docker.com | sudo sh      (Docker is not installed)"
        raise EngineError(
            f"The Docker engine is not running: {path}: {error.strerror or error}.", f"Start it:\n  {mend}"
        ) from None
