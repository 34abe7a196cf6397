"""Slots are counted over all controllers on a machine: what is left, what is said, and leases of the dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from search.controller.room import PAUSE_S, room_for
from search.errors import ExecutorError
from search.executors import Capacity, Lease, Leases, LocalExecutor, Share, TrainerSource
from search.executors._leases import LEAST_MIB, share_of

ROOT = Path(__file__).resolve().parents[3]
TWO_CORES = Capacity(cores=2)
OTHER = Lease("pooling", 4711, slots=1, threads=1, since="2026-01-02 03:04")


@pytest.mark.parametrize(
    ("capacity", "others", "wanted", "share"),
    [
        (TWO_CORES, [], 2, Share(2)),
        (TWO_CORES, [], 100, Share(100)),  # whoever is alone may ask for more than there are
        (TWO_CORES, [OTHER], 2, Share(1)),
        (TWO_CORES, [OTHER, OTHER], 2, Share(0)),
        (TWO_CORES, [Lease("x", 1, slots=9, threads=9)], 2, Share(0)),
        (Capacity(cores=8, threads=4), [OTHER], 2, Share(1)),
        (TWO_CORES, [Lease("x", 1, slots=1, gpus=(0,))], 2, Share(2)),  # its trainer is on a GPU
        (Capacity(8, gpus=(0, 1)), [], 2, Share(2, (0, 1))),
        (Capacity(8, gpus=(0, 1)), [Lease("x", 1, slots=1, gpus=(0,))], 2, Share(1, (1,))),
        (Capacity(8, gpus=(0, 1)), [OTHER], 2, Share(2, (0, 1))),
        (Capacity(8, gpus=(0,)), [Lease("x", 1, slots=1, gpus=(0,))], 1, Share(0)),
        (Capacity(8, gpus=(0, 1), slots_per_gpu=2), [Lease("x", 1, slots=1, gpus=(0,))], 4, Share(3, (0, 1, 1))),
        (Capacity(8, gpus=(0, 1), slots_per_gpu=None), [], 8, Share(8, (0, 1))),
        (Capacity(8, gpus=(0, 1), slots_per_gpu=None), [Lease("x", 1, slots=1, gpus=(0,))], 8, Share(4, (1,))),
        (Capacity(8, gpus=(0, 1), slots_per_gpu=None), [Lease("x", 1, slots=1, gpus=(0,))], 1, Share(1, (1,))),
        (Capacity(16, gpus=(0, 1, 2, 3), slots_per_gpu=None), [Lease("x", 1, 2, gpus=(0, 1))], 2, Share(2, (2, 3))),
        (Capacity(8, gpus=(0, 1), slots_per_gpu=2), [Lease("x", 1, 1, gpus=(0,), alone=True)], 4, Share(2, (1, 1))),
        (Capacity(8, gpus=(0,), slots_per_gpu=None), [Lease("x", 1, slots=1, gpus=(0,))], 8, Share(0)),
        (Capacity(8, gpus=(0,), slots_per_gpu=2), [Lease("x", 1, slots=8, gpus=(0,) * 8)], 2, Share(0)),
        (Capacity(8, gpus=(2,), slots_per_gpu=2), [Lease("x", 1, slots=1, gpus=(0,))], 2, Share(2, (2,))),
    ],
)
def test_what_is_left(capacity: Capacity, others: list[Lease], wanted: int, share: Share) -> None:
    assert share_of(capacity, others, wanted) == share


def test_memory_is_promised_once() -> None:
    """One slot of two places gets its half, so that the next controller has the other."""
    capacity = Capacity(cores=2, memory_mib=20_000, places=2)
    assert share_of(capacity, [], 2) == Share(2, (), 10_000)
    first = share_of(capacity, [], 1)
    assert first == Share(1, (), 10_000)
    second = share_of(capacity, [Lease("x", 1, slots=1, threads=1, memory_mib=10_000)], 2)
    assert second == Share(1, (), 10_000)
    crowded = Lease("x", 1, slots=1, threads=1, memory_mib=20_000 - LEAST_MIB + 1)
    assert share_of(capacity, [crowded], 1).slots == 0


def test_a_lease_ends_with_its_holder(tmp_path: Path) -> None:
    leases = Leases(tmp_path / "leases")
    with leases.taken("pooling", TWO_CORES, 1, all_of_it=False) as share:
        assert share == Share(1)
        (lease,) = leases.others()
        assert (lease.study, lease.pid, lease.threads) == ("pooling", os.getpid(), 1)
    assert leases.others() == []
    assert (tmp_path / "leases").stat().st_mode & 0o777 == 0o700


def test_leases_of_processes_that_died_are_ignored(tmp_path: Path) -> None:
    """Also of one that was killed, and of a number that another process has by now."""
    leases = Leases(tmp_path)
    code = (
        "import os, signal; from pathlib import Path; from search.executors import Capacity, Leases\n"
        f"with Leases(Path({str(tmp_path)!r})).taken('dead', Capacity(cores=2), 2, all_of_it=False):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    ours = {"study": "old", "pid": os.getpid(), "slots": 2, "threads": 2, "gpus": [], "memory_mib": 0, "since": ""}
    (tmp_path / f"{os.getpid()}-old.json").write_text(json.dumps(ours))
    assert len(list(tmp_path.glob("*.json"))) == 2
    assert leases.others() == []
    assert list(tmp_path.glob("*.json")) == []


def test_a_folder_of_another_user_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    with pytest.raises(PermissionError, match="is not a folder of this user's"):
        Leases(tmp_path / "link").others()


class Room:
    """Runs that ask for room, one in another, on a machine of two cores or two GPUs."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.leases, self.said = Leases(folder / "leases"), list[str]()
        self._source = TrainerSource(folder, folder, folder)
        monkeypatch.setattr("search.executors._local.available_cores", lambda: 2)

    def executor(self, *gpus: int) -> LocalExecutor:
        return LocalExecutor(self._source, self._source.cache, gpus=gpus)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    return Room(tmp_path, monkeypatch)


def test_a_second_run_takes_what_is_left_and_says_so(room: Room) -> None:
    with room_for(room.executor(), "first", 1, wait=False, say=room.said.append, leases=room.leases) as slots:
        assert (slots, room.said) == (1, [])
        with room_for(room.executor(), "second", 2, wait=False, say=room.said.append, leases=room.leases) as left:
            assert left == 1
            (sentence,) = room.said
            assert sentence.startswith(f"1 of 2 slots, for first (process {os.getpid()}, since ")
            assert sentence.endswith(") has 1 core.")
            with (
                pytest.raises(ExecutorError) as raised,
                room_for(room.executor(), "third", 1, wait=False, say=room.said.append, leases=room.leases),
            ):
                pass
    message = str(raised.value)
    assert message.startswith("There is no room for 1 slot on 2 cores of this machine, none left: first (process ")
    assert "; second (process " in message
    assert message.endswith("Wait for them with --wait, or end one of them.")


def test_a_second_run_takes_the_gpu_that_is_left(room: Room) -> None:
    first, second = room.executor(0, 1), room.executor(0, 1)
    with (
        room_for(first, "first", 1, wait=False, say=room.said.append, leases=room.leases) as of_first,
        room_for(second, "second", 2, wait=False, say=room.said.append, leases=room.leases) as of_second,
    ):
        assert (of_first, of_second) == (1, 1)
        assert second.capacity().gpus == (1,)
        assert "first (process" in room.said[0] and room.said[0].endswith("has GPU 0.")


def test_with_wait_all_slots_are_waited_for(room: Room) -> None:
    with ExitStack() as first:
        first.enter_context(room_for(room.executor(), "first", 1, wait=False, say=room.said.append, leases=room.leases))
        paused: list[float] = []

        def pause(seconds: float) -> None:
            paused.append(seconds)
            if len(paused) == 3:
                first.close()

        with room_for(
            room.executor(), "second", 2, wait=True, say=room.said.append, leases=room.leases, pause=pause
        ) as slots:
            assert slots == 2
    assert paused == [PAUSE_S] * 3
    (sentence,) = room.said  # once
    assert sentence.startswith("There is no room for 2 slots on 2 cores of this machine, 1 left: first (process ")
    assert sentence.endswith("Waiting; Ctrl-C gives up.")


def test_a_folder_that_cannot_be_used_stops_no_run(room: Room, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    leases = Leases(tmp_path / "file" / "leases")
    with room_for(room.executor(), "first", 2, wait=False, say=room.said.append, leases=leases) as slots:
        assert slots == 2
    assert room.said[0].startswith("What other runs use of this machine is not known: ")
