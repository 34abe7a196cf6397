"""Machines in network namespaces, each with a link to the others that can be cut. Only root can make them."""

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


class Machine:
    """A machine that shares everything with this one but its network.

    Args:
        network: where it is.
        number: its place there, from 2; this machine has 1.
    """

    def __init__(self, network: Network, number: int) -> None:
        self._space, self.address = f"{network.space}-{number}", f"{network.prefix}.{number}"
        self.inside = ("ip", "netns", "exec", self._space)
        _ip("netns", "add", self._space)
        try:
            network.plug(number, "eth0", "netns", self._space)
            _ip("-n", self._space, "address", "add", f"{self.address}/24", "dev", "eth0")
            _ip("-n", self._space, "link", "set", "lo", "up")
            self.mend()
        except BaseException:
            _ip("netns", "delete", self._space)
            raise

    def cut(self) -> None:
        """From now on nothing arrives, and nobody is told."""
        _ip("-n", self._space, "link", "set", "eth0", "down")

    def mend(self) -> None:
        """The link is whole again."""
        _ip("-n", self._space, "link", "set", "eth0", "up")

    @property
    def pids(self) -> set[int]:
        """What runs there."""
        return set(map(int, _ip("netns", "pids", self._space).split()))

    def close(self) -> None:
        """Ends what runs there, and removes the machine."""
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        _ip("netns", "delete", self._space)


class Network:
    """A switch with this machine and others on it. It is in a namespace too, out of reach of this machine's firewall.

    Args:
        number: of the network, up to 255.
    """

    def __init__(self, number: int) -> None:
        mark = secrets.token_hex(3)
        self.space, self.prefix = f"bcs-{mark}", f"10.{FIRST}.{number}"
        self.address = f"{self.prefix}.1"
        _ip("netns", "add", self.space)
        try:
            _ip("-n", self.space, "link", "add", "switch", "type", "bridge")
            _ip("-n", self.space, "link", "set", "switch", "up")
            self.plug(1, f"bcs{mark}")
            _ip("address", "add", f"{self.address}/24", "dev", f"bcs{mark}")
            _ip("link", "set", f"bcs{mark}", "up")
        except BaseException:
            self.close()
            raise

    def plug(self, number: int, *interface: str) -> None:
        """Makes an interface that is plugged into this port."""
        port = f"port{number}"
        _ip("link", "add", port, "netns", self.space, "type", "veth", "peer", "name", *interface)
        _ip("-n", self.space, "link", "set", port, "master", "switch")
        _ip("-n", self.space, "link", "set", port, "up")

    def close(self) -> None:
        """Removes the switch."""
        _ip("netns", "delete", self.space)


class Namespace(Machine):
    """A machine with a sshd.

    Args:
        folder: for keys and logs.
        name: of the machine.
        network: where it is.
        number: its place there.
    """

    def __init__(self, folder: Path, name: str, network: Network, number: int) -> None:
        super().__init__(network, number)
        try:
            self.server = Sshd(folder / name, name, self.address, self.inside)
        except BaseException:
            super().close()
            raise

    def close(self) -> None:
        """Ends the server and what it started, and removes the network."""
        self.server.stop()
        super().close()


def _ip(*words: str) -> str:
    ran = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise OSError(f"ip {' '.join(words)}: {ran.stderr.strip()}")
    return ran.stdout


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """An empty one; skips where it cannot be made."""
    if os.geteuid() != 0:
        pytest.skip("only root can make network namespaces")
    if shutil.which("ip") is None:
        pytest.skip("no ip: apt install iproute2")
    try:
        made = Network(random.SystemRandom().randrange(256))
    except OSError as error:
        pytest.skip(f"no network namespace can be made: {error}")
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def namespaces(folder: Path, *names: str) -> Iterator[list[Namespace]]:
    """Machines of these names, each with a sshd; skips where they cannot be made."""
    for name in PROGRAMS:
        program(name)
    with contextlib.ExitStack() as stack:
        where = stack.enter_context(network())
        made = []
        for number, name in enumerate(names, 2):
            made.append(Namespace(folder, name, where, number))
            stack.callback(made[-1].close)
        yield made
