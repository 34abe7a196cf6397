"""Machines in network namespaces: each has a sshd, and a link to this one that can be cut. Only root can make them."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sshd import PROGRAMS, Sshd, program

FIRST = 213  # of 10.213.N.0/24, which few networks use


class Namespace:
    """A machine that shares everything with this one but its network.

    Args:
        folder: for keys and logs.
        name: of the machine.
        number: of its network, up to 255.
    """

    def __init__(self, folder: Path, name: str, number: int) -> None:
        mark = secrets.token_hex(3)
        self._space, self._link = f"bcs-{mark}", f"bcs{mark}"
        address = f"10.{FIRST}.{number}"
        _ip("netns", "add", self._space)
        try:
            _ip("link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", self._space)
            _ip("address", "add", f"{address}.1/24", "dev", self._link)
            _ip("link", "set", self._link, "up")
            _ip("-n", self._space, "address", "add", f"{address}.2/24", "dev", "eth0")
            _ip("-n", self._space, "link", "set", "lo", "up")
            self.mend()
            inside = ("ip", "netns", "exec", self._space)
            self.server = Sshd(folder / name, name, f"{address}.2", inside)
        except BaseException:
            _ip("netns", "delete", self._space)
            raise

    def cut(self) -> None:
        """From now on nothing arrives, and nobody is told."""
        _ip("-n", self._space, "link", "set", "eth0", "down")

    def mend(self) -> None:
        """The link is whole again."""
        _ip("-n", self._space, "link", "set", "eth0", "up")

    def close(self) -> None:
        """Ends the server and what it started, and removes the network."""
        self.server.stop()
        for pid in _ip("netns", "pids", self._space).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), 9)
        _ip("netns", "delete", self._space)


def _ip(*words: str) -> str:
    ran = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise OSError(f"ip {' '.join(words)}: {ran.stderr.strip()}")
    return ran.stdout


@contextlib.contextmanager
def namespaces(folder: Path, *names: str) -> Iterator[list[Namespace]]:
    """Machines of these names; skips where they cannot be made."""
    if os.geteuid() != 0:
        pytest.skip("only root can make network namespaces")
    if shutil.which("ip") is None:
        pytest.skip("no ip: apt install iproute2")
    for name in PROGRAMS:
        program(name)
    try:
        attempt = f"bcs-{secrets.token_hex(3)}"
        _ip("netns", "add", attempt)
        _ip("netns", "delete", attempt)
    except OSError as error:
        pytest.skip(f"no network namespace can be made: {error}")
    with contextlib.ExitStack() as stack:
        made = []
        for number, name in zip(random.SystemRandom().sample(range(256), len(names)), names, strict=True):
            made.append(Namespace(folder, name, number))
            stack.callback(made[-1].close)
        yield made
