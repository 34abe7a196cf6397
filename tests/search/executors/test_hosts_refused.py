"""What is said of machines that cannot be used, before anything is started there; over a real ssh on loopback."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import trainer.events
from search.errors import ExecutorError
from search.executors import HostSettings, HostsExecutor, Resources, TrainerSource
from search.executors.hosts.look import PACKAGES, data_there
from tests.sshd import Sshd, program
from trainer.fingerprint import code_fingerprint


@pytest.fixture
def source(tmp_path: Path) -> TrainerSource:
    place = tmp_path / "it's here"
    for name in ("data", "cache"):
        (place / name).mkdir(parents=True)
    return TrainerSource(place / "data", place / "cache", place / "models")


def refused(
    source: TrainerSource,
    *hosts: HostSettings,
    command: tuple[str, ...] | None = ("true",),
    gpus: tuple[int, ...] | None = (),
) -> str:
    """What `check` says of machines that cannot be used."""
    executor = HostsExecutor(source, source.cache.parent / "logs", hosts, Resources(gpus=gpus), command=command)
    with executor, pytest.raises(ExecutorError) as caught:
        executor.check()
    return str(caught.value)


def test_the_code_of_the_trainer_is_sent_once(server: Sshd, source: TrainerSource) -> None:
    folder = source.cache / "code" / code_fingerprint()
    for _ in range(2):
        with HostsExecutor(source, source.cache, [server.host(source.cache)], command=("true",)) as executor:
            executor.check()
        assert code_fingerprint.__wrapped__(folder / "trainer") == code_fingerprint()
        assert [path.name for path in folder.parent.iterdir()] == [folder.name]
        (folder / "was here").touch()
    assert (folder / "was here").exists()


def test_code_that_was_changed_there_is_sent_again(server: Sshd, source: TrainerSource) -> None:
    changed = source.cache / "code" / code_fingerprint() / "trainer" / "events.py"
    for _ in range(2):
        with HostsExecutor(source, source.cache, [server.host(source.cache)], command=("true",)) as executor:
            executor.check()
        assert changed.read_bytes() == Path(trainer.events.__file__).read_bytes()
        changed.write_text("PROTOCOL = 0")


def test_what_slots_run_on(server: Sshd, source: TrainerSource) -> None:
    hosts = [server.host(source.cache, slots=2), server.host(source.cache, slots=1, name="lab2")]
    with HostsExecutor(source, source.cache, hosts, Resources(gpus=()), command=("true",)) as executor:
        first, second = executor.check().split("; ")
        assert first.startswith("lab1: 2 slots on ")
        assert second.startswith("lab2: 1 slot on ")
        assert executor.default_slots() == 3
        assert [machine.host.name for machine, _ in executor._places()] == ["lab1", "lab2", "lab1"]
        assert not executor.on_gpu


def test_the_demo_set_is_drawn_there(server: Sshd, source: TrainerSource) -> None:
    demo = TrainerSource(source.cache / "demo", source.cache, source.output)
    assert data_there(server.host(source.cache), demo) == "demo"
    assert data_there(server.host(source.cache), source) == str(source.data)
    assert data_there(server.host(source.cache, data="/scans"), source) == "/scans"


def test_a_machine_whose_key_is_not_known(server: Sshd, source: TrainerSource) -> None:
    (server.folder / "known_hosts").write_text("")
    try:
        said = refused(source, server.host(source.cache))
    finally:
        server.know()
    assert said == (
        "lab1: its key is not known on this machine. Log in once and accept it: "
        f"{program('ssh')} -F {server.config} lab1 true"
    )


def test_a_machine_whose_key_is_another_one(server: Sshd, source: TrainerSource) -> None:
    server.know("stranger")
    try:
        said = refused(source, server.host(source.cache))
    finally:
        server.know()
    assert said.startswith(
        "lab1: its key is another one than was known. If the machine was set up anew: ssh-keygen -R "
    )


def test_a_machine_that_wants_a_password(server: Sshd, source: TrainerSource) -> None:
    server.use("stranger")
    try:
        said = refused(source, server.host(source.cache))
    finally:
        server.use("key")
    assert said == "lab1: there is no login without a password. Give it your key: ssh-copy-id lab1"


def test_a_machine_without_ssh(server: Sshd, source: TrainerSource) -> None:
    server.use("key", port=1)
    try:
        said = refused(source, server.host(source.cache))
    finally:
        server.use("key")
    assert said == "lab1: nothing listens for ssh there. Start it there: sudo apt install openssh-server"


def test_a_name_that_is_none(source: TrainerSource) -> None:
    program("ssh")
    said = refused(source, HostSettings(name="no-such-machine.invalid"))
    assert said.startswith(
        "no-such-machine.invalid: no machine has this name. Give its address in ~/.ssh/config (Host "
    )


def test_no_ssh_on_this_machine(source: TrainerSource) -> None:
    said = refused(source, HostSettings(name="lab1", prefix=("/no/such/ssh", "lab1")))
    assert said == "lab1: there is no program /no/such/ssh on this machine: sudo apt install openssh-client"


def test_a_machine_without_python(server: Sshd, source: TrainerSource) -> None:
    said = refused(source, server.host(source.cache, python="/opt/none/python"))
    assert said == (
        "lab1: there is no program /opt/none/python. Install Python 3.11 to 3.13 there, or say in hosts.toml where it "
        "is (python)"
    )


def test_a_python_that_is_too_old(server: Sshd, source: TrainerSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.executors.hosts.look.OLDEST", (4, 0))
    version = ".".join(map(str, sys.version_info[:3]))
    assert refused(source, server.host(source.cache)) == (
        f"lab1: {sys.executable} there is Python {version}; allowed: 3.11 to 3.13. Say in hosts.toml where one is "
        "(python)"
    )


def test_a_machine_without_keras(server: Sshd, source: TrainerSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGES, "not_there", "not-there")
    said = refused(source, server.host(source.cache), command=None)
    assert said.startswith("lab1: Python there has no not-there: ")
    assert said.endswith(f" lab1 '{sys.executable} -m pip install not-there'")


def test_all_that_is_wrong_with_all_machines_is_told_at_once(server: Sshd, source: TrainerSource) -> None:
    blocked = source.cache / "a file"
    blocked.touch()
    one = server.host(source.cache, data="/no/such/scans")
    two = server.host(blocked, name="lab2")
    source.data.rmdir()
    copied = f"rsync -a '{source.data}'/ lab2:'{source.data}'/".replace("it's", "it'\"'\"'s")
    assert refused(source, one, two, command=("/no/such/program",)).split("\n  ") == [
        "Machines that cannot be used:",
        "lab1: The trainer cannot be started: /no/such/program is not there.",
        "lab1: there is no folder /no/such/scans. Copy the images: rsync -a /no/such/scans/ lab1:/no/such/scans/, or "
        "say in hosts.toml where they are (data)",
        "lab2: The trainer cannot be started: /no/such/program is not there.",
        f"lab2: the cache {blocked} there cannot be written: File exists. Name another in hosts.toml (cache)",
        f"lab2: there is no folder {source.data} (the path of this machine). Copy the images: {copied}, or say in "
        "hosts.toml where they are (data)",
    ]


def test_a_gpu_that_is_not_there(server: Sshd, source: TrainerSource) -> None:
    said = refused(source, server.host(source.cache, gpus=[31]))
    assert re.fullmatch(
        r"lab1: GPU 31 was asked for, and nvidia-smi shows \d+ there\. Correct `gpus` in hosts\.toml", said
    )
    said = refused(source, server.host(source.cache), gpus=(31,))
    mend = r"Correct --gpus, or give this machine `gpus` of its own in hosts\.toml \(\[\]: its CPU\)"
    assert re.fullmatch(rf"lab1: GPU 31 was asked for, and nvidia-smi shows \d+ there\. {mend}", said)


def test_gpus_are_dealt_out_by_machine(server: Sshd, source: TrainerSource, tmp_path: Path) -> None:
    """By what a made-up nvidia-smi there says."""
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho NVIDIA A; echo NVIDIA B\n")
    smi.chmod(0o755)
    link = tmp_path / "link"
    link.write_text(f'#!/bin/sh\nPATH="{tmp_path}:$PATH" exec "$@"\n')
    link.chmod(0o755)
    all_of_them = HostSettings(name="lab1", prefix=(str(link),), python=sys.executable, cache=str(source.cache))
    second = all_of_them.model_copy(update={"name": "lab2", "gpus": (1,), "slots": 2})
    with HostsExecutor(source, source.cache, [all_of_them, second], command=("true",)) as executor:
        assert executor.check() == (
            "lab1: 2 slots on NVIDIA A, NVIDIA B; lab2: 2 slots on NVIDIA B; the devices differ, so that all levels of "
            "a seed are kept on devices of one kind where they can"
        )
        assert [(machine.host.name, gpu) for machine, gpu in executor._places()] == [
            ("lab1", 0),
            ("lab2", 1),
            ("lab1", 1),
            ("lab2", 1),
        ]
        assert executor.on_gpu
