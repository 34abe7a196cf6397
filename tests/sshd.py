"""A real sshd of one's own, on a high port, with its own host key and its own list of keys that may log in."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from search.executors import HostSettings

PROGRAMS = ("sshd", "ssh", "ssh-keygen")


def program(name: str) -> str:
    """The path of one of OpenSSH's programs; skips the test where it is missing."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"no {name}: apt install openssh-server openssh-client")
    return found


class Sshd:
    """A server, and a client's configuration that reaches it.

    Args:
        folder: for keys, configurations and the log.
        name: that the client calls it by.
        address: that it listens on.
        inside: the words that run it elsewhere, as `ip netns exec NAME`.
    """

    def __init__(
        self, folder: Path, name: str = "lab1", address: str = "127.0.0.1", inside: Sequence[str] = ()
    ) -> None:
        self.folder, self.name, self.address, self._inside = folder, name, address, list(inside)
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "config"
        self.log = folder / "log"
        self.port = 2222 if inside else _free_port()
        for key in ("host_key", "key", "stranger"):
            make = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
            subprocess.run(make, check=True, stdin=subprocess.DEVNULL)
        shutil.copy(folder / "key.pub", folder / "authorized_keys")
        self.know()
        self.use("key")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # an empty folder that sshd wants, as the system's service makes it
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Returns when it listens."""
        settings = {
            "Port": str(self.port),
            "ListenAddress": self.address,
            "HostKey": str(self.folder / "host_key"),
            "AuthorizedKeysFile": str(self.folder / "authorized_keys"),
            "PidFile": "none",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "StrictModes": "no",
            "UsePAM": "no",
        }
        (self.folder / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
        command = [*self._inside, program("sshd"), "-D", "-e", "-f", str(self.folder / "sshd_config")]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert self._process.stderr is not None
        said = []
        for line in self._process.stderr:
            said.append(line.decode())
            if "Server listening" in said[-1]:
                break
        else:
            pytest.fail("sshd did not start:\n" + "".join(said))
        threading.Thread(target=self._drain, args=(self._process,), daemon=True).start()

    def _drain(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        with process.stderr as stderr, open(self.log, "ab") as log:
            for line in stderr:
                log.write(line)

    def use(self, key: str, port: int | None = None) -> None:
        """The client shows this key."""
        self.config.write_text(
            f"Host {self.name}\n"
            f"  HostName {self.address}\n"
            f"  Port {port or self.port}\n"
            f"  User {getpass.getuser()}\n"
            f"  IdentityFile {self.folder / key}\n"
            "  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {self.folder / 'known_hosts'}\n"
            "  GlobalKnownHostsFile /dev/null\n"
        )

    def know(self, key: str = "host_key") -> None:
        """The client knows this key of the server."""
        public = (self.folder / f"{key}.pub").read_text().rpartition(" ")[0]
        where = f"[{self.address}]:{self.port}"
        (self.folder / "known_hosts").write_text(f"{where} {public}\n")

    @property
    def prefix(self) -> tuple[str, ...]:
        return (program("ssh"), "-F", str(self.config), self.name)

    def host(self, cache: Path, **settings: object) -> HostSettings:
        """The machine behind it, with this Python."""
        values = {"name": self.name, "prefix": self.prefix, "python": sys.executable, "cache": str(cache), **settings}
        return HostSettings.model_validate(values)

    def stop(self) -> None:
        """Ends the server; connections that are open stay."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running_sshd(folder: Path, **where: object) -> Iterator[Sshd]:
    """One that is stopped at the end; skips where a program is missing."""
    for name in PROGRAMS:
        program(name)
    server = Sshd(folder, **where)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        server.stop()
