"""Slots that are killed, that keep silent, and that the kernel ends for their memory."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search.errors import ExecutorError
from search.executors import LocalExecutor, Slot, SlotExit, TrainerSource
from search.executors._kernel import memory_counter
from search.folder.record import TrialRecord
from tests.faults.installation import Installation
from tests.search.noop_trainer import expected
from tests.search.workshop import PATIENCE_S, Watcher, question
from trainer import events
from trainer.events import Failed

LONG = pytest.mark.faults


class Ready(Watcher):
    """Knows the slots that are ready, by process id."""

    def __init__(self, on_trial: Callable[[TrialRecord], None]) -> None:
        super().__init__(on_trial)
        self.ready: set[int] = set()

    def slot_ready(self, slot: int, ready: events.Ready) -> None:
        self.ready.add(ready.pid)


@pytest.mark.parametrize(
    ("kills", "seeds"), [pytest.param(3, 10, id="short"), pytest.param(20, 100, id="long", marks=LONG)]
)
def test_random_slots_are_killed(here: Installation, kills: int, seeds: int) -> None:
    """At an epoch, each time that a share of the trials is over."""
    study = question((0.01, 0.001), seeds=seeds)
    choice = random.Random(0)
    killed: list[int] = []
    over: set[int] = set()

    def strike(record: TrialRecord) -> None:
        if record.terminal:
            over.add(record.number)
        elif record.epochs and len(killed) < kills and len(over) >= len(killed) * (2 * seeds // kills):
            assert here.executor is not None
            pid = here.executor.slot(choice.randrange(3))._process.pid  # type: ignore[attr-defined]
            if pid in view.ready:  # three ends in a row before that stop the study, as they should
                view.ready.remove(pid)
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    view = Ready(strike)
    outcome = here.run(study, slots=3, view=view)
    assert (outcome.end, outcome.untold) == ("finished", {})
    assert len(killed) == kills
    records = here.books.check("rates", 2 * seeds)
    assert 2 * seeds <= here.books.attempts("rates") <= 2 * seeds + kills
    for record in records:
        path = here.books.folder("rates") / f"{record.number:05d}.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        configs = [line["config"] for line in lines if "config" in line]
        assert configs == [configs[0]] * len(configs), "trained again with other params"
        assert record.finished is not None
        assert record.finished.splits["val"].accuracy == expected(record.config)["val"]
    assert all("was ended by SIGKILL" in said for said in view.said if "trained again" in said)


def test_a_trainer_that_keeps_silent(here: Installation) -> None:
    """Of three trials of one slot the second hangs."""
    view = Watcher()
    study = question((0.01, 0.001, 0.0001), seeds=1)
    settings = {"faults": {"0": ["hang", 2, 1]}, "marks": str(here.places.runs)}
    assert here.run(study, view=view, settings=settings, hang_s=3.0).end == "finished"
    records = here.books.check("rates", 3, {"COMPLETE": 2, "FAIL": 1})
    (failed,) = [record for record in records if record.finished is None]
    assert isinstance(failed.terminal, Failed)
    assert failed.terminal.kind == "error"
    assert failed.terminal.message == ("the trainer said nothing for 3 s (--hang-s) and was ended, attempt 1 of 3")
    assert len(failed.epochs) == 1
    assert len({record.ready.pid for record in records}) == 2  # the slot was replaced


def test_a_trainer_that_is_never_ready(here: Installation) -> None:
    with pytest.raises(ExecutorError) as raised:
        here.run(question(seeds=1), settings={"start": "hang"}, hang_s=0.5)
    assert str(raised.value).startswith(
        "Slot 0 said nothing for 0.5 s (--hang-s) and was ended before it was ready, 3 times in a row. The end of its "
    )
    assert here.run(question(seeds=1)).end == "finished"
    here.books.check("rates", 2)


@pytest.fixture
def little_memory() -> Iterator[Path]:
    """A control group with 64 MiB of memory."""
    counter = memory_counter()
    if counter is None or os.geteuid() != 0:
        pytest.skip("needs root and a control group of memory")
    parent, group = counter.parent, counter.parent / f"test-{uuid.uuid4().hex}"
    limit, swap = (
        ("memory.max", "memory.swap.max")
        if counter.name == "memory.events"
        else (
            "memory.limit_in_bytes",
            "memory.memsw.limit_in_bytes",
        )
    )
    try:
        group.mkdir()
        (group / limit).write_text(str(64 * 2**20))
        if (group / swap).exists():
            (group / swap).write_text("0" if swap == "memory.swap.max" else str(64 * 2**20))
    except OSError as error:
        if group.exists():
            group.rmdir()
        pytest.skip(f"no control group can be made in {parent}: {error.strerror}")
    yield group
    group.rmdir()


def test_a_slot_that_the_kernel_ends_for_its_memory_is_told_from_one_that_is_killed(
    little_memory: Path, tmp_path: Path
) -> None:
    import queue

    code = f"open({str(little_memory / 'cgroup.procs')!r}, 'w').write('0'); x = bytearray(300 * 2**20); x[::4096]"
    hungry = "import os, sys; " + code.replace("x[::4096]", "print(sum(x[::4096]))")
    idle = "import signal; print('ready', flush=True); signal.pause()"
    source = TrainerSource(tmp_path, tmp_path, tmp_path)
    exits: dict[str, SlotExit] = {}
    for name, program in (("hungry", hungry), ("idle", idle)):
        mailbox: queue.SimpleQueue[object] = queue.SimpleQueue()
        command = [sys.executable, "-c", program]
        with LocalExecutor(source, tmp_path / "logs", gpus=[], command=command) as executor:
            slot: Slot = executor.start(0, mailbox)  # type: ignore[arg-type]
            while not isinstance(mail := mailbox.get(timeout=PATIENCE_S), SlotExit):
                os.kill(slot._process.pid, 9)  # type: ignore[attr-defined]
            exits[name] = mail
    assert (exits["hungry"].status, exits["hungry"].out_of_memory) == (-9, True)
    assert (exits["idle"].status, exits["idle"].out_of_memory) == (-9, False)
    assert exits["idle"].reason == "was ended by SIGKILL"


def test_the_kernels_count_speaks_where_its_log_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from search.executors import _kernel

    counter = tmp_path / "memory.events"
    counter.write_text("low 0\nhigh 3\noom 7\noom_kill 2\n")
    monkeypatch.setattr(_kernel, "_kernel_log", lambda: None)
    kills = _kernel.KernelKills(counter)
    assert not kills.ended(1)  # those were before
    counter.write_text("oom_kill 4\n")
    assert [kills.ended(1) for _ in range(3)] == [True, True, False]
    counter.unlink()
    assert not kills.ended(1)
    monkeypatch.setattr(_kernel, "_kernel_log", lambda: "Out of memory: Killed process 12 (python)")
    assert [kills.ended(pid) for pid in (1, 12)] == [False, True]
