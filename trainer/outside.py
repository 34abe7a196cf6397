"""What is printed and recorded in the container of `docker compose run --rm search`, as it is of use on the host.

There the container, its paths and its commands are gone. docker-compose.yml says in SEARCH_OUTSIDE how the container
was called; without that variable everything is said as it stands here.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable

OUTSIDE = "SEARCH_OUTSIDE"  # `docker compose run --rm`
VOLUME = "SEARCH_OUTSIDE_RUNS"  # the name of the volume that is the folder of runs
SERVICE = "search"  # of docker-compose.yml
ENTRYPOINT, GIVEN = "search.run", ("--executor", "local")  # what its image runs, with arguments that nobody typed


def typed(module: str, *arguments: str) -> str:
    """The command line that runs one of our modules where it is read; arguments stand in it as they are."""
    if not (caller := os.environ.get(OUTSIDE)):
        return " ".join((f"python -m {module}", *arguments))
    if module != ENTRYPOINT:
        caller = f'{caller} --entrypoint "python -m {module}"'
    return " ".join((caller, SERVICE, *arguments))


def typed_line(module: str, arguments: Iterable[str]) -> str:
    """The same of arguments as a program gets them, quoted where a shell needs it."""
    arguments = tuple(arguments)
    if OUTSIDE in os.environ and module == ENTRYPOINT and arguments[: len(GIVEN)] == GIVEN:
        arguments = arguments[len(GIVEN) :]
    return typed(module, *map(shlex.quote, arguments))


def files_note(runs: object) -> str:
    """How to get at what is in the folder of runs; empty where it is on this machine."""
    if not (caller := os.environ.get(OUTSIDE)):
        return ""
    copy = f"{caller} --no-TTY --entrypoint cat {SERVICE} FILE > COPY"
    return f"{runs} is the volume {os.environ.get(VOLUME, 'runs')}. To take a file out of it: {copy}"
