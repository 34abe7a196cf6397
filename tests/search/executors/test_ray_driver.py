"""Ray's driver as a process of its own, without Ray: what happens where it ends by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from search.errors import ExecutorError
from search.executors import RayExecutor, TrainerSource
from search.executors.ray import driver
from search.executors.ray.cluster import Lost
from search.executors.ray.driver import Driver
from search.executors.ray.relay import Launch

LAUNCH = Launch((), {}, (), "", "", None, False)
RAYS_WORDS = (
    "[2026-11-28 18:55:50,034 E 13367 13536] rpc_client.h:204: Failed to connect to GCS within 60 seconds. GCS may "
    "have been killed. The program will terminate. "
)
# Answers what it is asked, has a relay say that it lives, and then ends as Ray ends a driver's process.
DIES = f"""
import os, sys
from multiprocessing.connection import Connection
pipe = Connection(int(sys.argv[1]))
while True:
    number, method, arguments = pipe.recv()
    if method == "start":
        pipe.send((number, "said", [("machine", "node")]))
        print({RAYS_WORDS!r}, file=sys.stderr, flush=True)
        os._exit(1)
    pipe.send((number, "failed", "no such node") if method == "nodes" else (number, "done", 7))
"""


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "PROGRAM", DIES)
    monkeypatch.setattr(driver, "check_installed", lambda: None)


@pytest.mark.usefixtures("mortal")
def test_a_driver_that_ends_is_the_end_of_its_relays_and_another_one_may_follow() -> None:
    made = Driver("head:6379")
    made.connect()
    assert made.keep(b"code") == 7
    with pytest.raises(ExecutorError, match=r"^no such node$"):
        made.nodes()
    actor = made.start(LAUNCH, 7, None, cpus=1, gpu_share=0.0)
    assert actor.read() == [("machine", "node")]
    why = "Ray's driver ended (Failed to connect to GCS within 60 seconds)"
    with pytest.raises(Lost) as lost:
        actor.read()
    assert str(lost.value) == made.lost == why
    actor.send("into the void")
    actor.end()
    for refused in (lambda: made.start(LAUNCH, 7, None, cpus=1, gpu_share=0.0), lambda: made.keep(b"code")):
        with pytest.raises(ExecutorError) as said:
            refused()
        assert str(said.value) == why
    made.connect()
    assert (made.lost, made.keep(b"code")) == ("", 7)
    made.close()
    made.close()
    assert made.lost == ""


@pytest.mark.usefixtures("mortal")
def test_a_cluster_that_was_lost_and_is_not_back_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executor = RayExecutor(TrainerSource(tmp_path, tmp_path, tmp_path), tmp_path, address="head:6379")
    executor._cluster.lost = "Ray's driver ended (status 1)"
    said = "There is no Ray cluster at head:6379: nobody is there\nStart one here: ray start --head"

    def refuse(_: object) -> None:
        raise ExecutorError(said)

    monkeypatch.setattr(Driver, "connect", refuse)
    for _ in range(2):  # it is tried again
        with pytest.raises(ExecutorError) as refused:
            executor.start(0, None)  # type: ignore[arg-type]
        assert str(refused.value) == (
            "The Ray cluster at head:6379 was lost: Ray's driver ended (status 1). There is no Ray cluster at "
            "head:6379: nobody is there. Run the same command to go on when it is back: ray status says so."
        )


# A driver whose cluster starts a relay only once that was sent a line, and ended.
LATE = """
import sys, threading
from multiprocessing.connection import Connection
from search.executors.ray.driver_process import DriverProcess

class Cluster:
    ended = threading.Event()
    lines = []

    def start(self, launch, *_, **__):
        while not (process._unwanted if launch.own else process._early):
            threading.Event().wait(0.01)
        return self

    def read(self):
        return [("line", line) for line in self.lines] + [("exit", 0)]

    def send(self, line):
        self.lines.append(line)

    def end(self):
        self.ended.set()

    def nodes(self):
        return ["ended" if self.ended.wait(60) else "left on its node"]

    def connect(self): ...
    def look(self): ...
    def keep(self, content): return content
    def close(self): ...

process = DriverProcess(Connection(int(sys.argv[1])), Cluster())
process.run()
"""


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    """Ray takes its time over the start of a relay where it is busy, and where the head is lost."""
    monkeypatch.setattr(driver, "PROGRAM", LATE)
    monkeypatch.setattr(driver, "check_installed", lambda: None)
    made = Driver("head:6379")
    made.connect()
    yield made
    made.close()


def test_a_relay_that_is_ended_before_it_was_started_is_ended_then(late: Driver) -> None:
    """It must not stay on its node."""
    code = late.keep(b"code")
    actor = late.start(replace(LAUNCH, own="never started otherwise"), code, None, cpus=1, gpu_share=0.0)
    actor.end()
    with pytest.raises(Lost, match="it was ended"):
        actor.read()
    assert late.nodes() == ["ended"]


def test_lines_to_a_relay_that_is_not_started_yet_wait_for_it(late: Driver) -> None:
    actor = late.start(LAUNCH, late.keep(b"code"), None, cpus=1, gpu_share=0.0)
    actor.send("a config")
    assert actor.read() == [("line", "a config"), ("exit", 0)]
