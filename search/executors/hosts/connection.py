"""Commands on another machine: the words that run one there, and what ssh says where it cannot."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

from search.errors import ExecutorError
from search.executors._host_settings import HostSettings

CONNECT_S = 10  # a machine of one's own network answers in milliseconds, one that is off never does
ALIVE_S, ALIVE_COUNT = 5, 3  # ssh ends a connection that answers none of three questions, 5 s apart
PERSIST_S = 60  # how long a shared connection outlives its last command
LOST_STATUS = 255  # of ssh itself, by its manual
COMMAND_S = 120.0  # for a command that looks or copies: a Python that starts from a slow disk takes some seconds
# What ssh writes, and what mends it. {ssh} is the command that a person would type.
REFUSALS = (
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", "its key is another one than was known. If the machine was set up anew: "
     "ssh-keygen -R {name}, then {ssh} true"),
    ("Host key verification failed", "its key is not known on this machine. Log in once and accept it: {ssh} true"),
    ("Permission denied", "there is no login without a password. Give it your key: ssh-copy-id {name}"),
    ("Too many authentication failures", "it refused one key after another. Name the right one in ~/.ssh/config "
     "(IdentityFile, IdentitiesOnly yes)"),
    ("Could not resolve hostname", "no machine has this name. Give its address in ~/.ssh/config "
     "(Host {name}, HostName)"),
    ("Connection refused", "nothing listens for ssh there. Start it there: sudo apt install openssh-server"),
    ("Connection timed out", "it does not answer. Is it on, and in this network? {ssh} -v true"),
    ("No route to host", "it does not answer. Is it on, and in this network? {ssh} -v true"),
    ("Network is unreachable", "it does not answer. Is it on, and in this network? {ssh} -v true"),
)  # fmt: skip


class Connections:
    """Shared connections of ssh, in a private folder whose path is short enough for sockets. Any thread may use it."""

    def __init__(self) -> None:
        # Not in TMPDIR: a socket's path has at most 104 bytes, of which ssh's own part takes 57.
        self.folder = Path(tempfile.mkdtemp(prefix="bcs-", dir="/tmp"))
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def words(self, host: HostSettings, command: Sequence[str], *, shared: bool = True) -> list[str]:
        """The words that run a command on the machine.

        Args:
            host: the machine.
            command: to be run there.
            shared: by the shared connection. A slot has one of its own: what keeps the shared one open also keeps the
                pipes of its commands, so that the end of one could not be told while its machine is cut off.
        """
        if not host.by_ssh:
            return [*host.command, *command]
        return [*host.command, *self._options(shared), shlex.join(command)]

    def run(self, host: HostSettings, command: Sequence[str], given: bytes = b"") -> bytes:
        """Runs a command on the machine. Returns what it wrote on stdout.

        Raises:
            Refused: it did not end well, or the machine was not reached.
        """
        words = self.words(host, command)
        try:
            ran = subprocess.run(words, input=given, capture_output=True, timeout=COMMAND_S, check=False)
        except FileNotFoundError:
            mend = "sudo apt install openssh-client" if host.by_ssh else "correct its prefix in hosts.toml"
            raise Refused(f"there is no program {words[0]} on this machine: {mend}") from None
        except OSError as error:
            raise Refused(f"{words[0]} cannot be run: {error.strerror or error}") from None
        except subprocess.TimeoutExpired:
            raise Refused(f"it did not answer within {COMMAND_S:g} s") from None
        if ran.returncode:
            raise Refused(explained(host, ran.returncode, ran.stderr.decode("utf-8", "replace")), status=ran.returncode)
        return ran.stdout

    def forget(self, host: HostSettings) -> None:
        """Ends the machine's shared connection, which may hang; the next command makes a new one."""
        if host.by_ssh:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                words = [*host.command, *self._options(), "-O", "exit"]
                subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False)

    def close(self) -> None:
        """Removes the folder; connections that are left end by themselves."""
        self._remove()

    def _options(self, shared: bool = True) -> list[str]:
        """They stand behind the machine's own words: of two settings ssh takes the first."""
        options = {
            "BatchMode": "yes",  # nobody is there to answer a question
            "ConnectTimeout": str(CONNECT_S),
            "ServerAliveInterval": str(ALIVE_S),
            "ServerAliveCountMax": str(ALIVE_COUNT),
            "ControlMaster": "auto" if shared else "no",
            "ControlPersist": str(PERSIST_S),
            "ControlPath": str(self.folder / "%C") if shared else "none",
        }
        return ["-T", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]


class Refused(ExecutorError):
    """A command on another machine did not end well: why, without the machine's name.

    Attributes:
        status: of the command; None where it was not run.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


def explained(host: HostSettings, status: int, stderr: str) -> str:
    """What a failed command says, and the command that mends it."""
    ssh = shlex.join(host.command)
    if host.by_ssh and status == LOST_STATUS:
        for sign, words in REFUSALS:
            if sign in stderr:
                return words.format(name=host.name, ssh=ssh)
        return f"ssh failed: {_last(stderr) or 'it said nothing'}. Try: {ssh} -v true"
    if status == 127:
        return (
            f"there is no program {host.interpreter}. Install Python 3.11 to 3.13 there, or say in hosts.toml where it "
            "is (python)"
        )
    return f"the command there ended with status {status}: {_last(stderr) or 'it said nothing'}"


def there(code: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """A trainer's command, for a shell to wait for: ssh itself does not tell which signal ended a command."""
    assignments = [f"{name}={value}" for name, value in environment.items()]
    return ["sh", "-c", '"$@"; exit $?', "sh", "env", *assignments, *code]


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
