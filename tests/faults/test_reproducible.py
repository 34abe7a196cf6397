"""The same study on one slot and on four, interrupted and not, here and elsewhere: the same params and accuracies."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from search.controller.session import Options, run_study
from search.executors import (
    Executor,
    HostsExecutor,
    LocalExecutor,
    Mailbox,
    RayExecutor,
    Resources,
    Slot,
    SlotExit,
    SlotLine,
    TrainerSource,
)
from search.folder.record import TrialRecord
from search.study import Study
from tests.faults.installation import embedded
from tests.ray_cluster import running_cluster
from tests.search import noop_trainer
from tests.search.workshop import Watcher, hunt, question
from tests.sshd import running_sshd
from trainer.events import Ready, parse

Found = Counter[tuple[str, int, int, float, float, float]]
Make = Callable[[TrainerSource, Path], Executor]
SILENCE_S = 3600.0  # nothing here is noticed by silence, however slow the machine is
SMALL = {"epochs": 3, "image_height": 24, "image_width": 32, "batch_size": 8, "depth": 2}
CPU = Resources(gpus=())


def found(records: list[TrialRecord]) -> Found:
    """Params, fold, seed, accuracy on training, validation and testing, of each trial."""
    result: Found = Counter()
    for record in records:
        assert record.finished is not None
        train, val, test = (record.finished.splits[split].accuracy for split in ("train", "val", "test"))
        result[str(sorted(record.params.items())), record.config.fold, record.config.seed, train, val, test] += 1
    return result


def interrupted_at(left: set[int]) -> Watcher:
    """One Ctrl-C, at an epoch of the first of these trials to have one. It is taken out; the view is for one run."""
    watcher = Watcher()
    struck: list[int] = []

    def strike(record: TrialRecord) -> None:
        if not struck and record.epochs and not record.terminal and record.number in left:
            left.discard(record.number)
            struck.append(record.number)
            os.kill(os.getpid(), signal.SIGINT)

    watcher.on_trial = strike
    return watcher


@pytest.mark.parametrize(
    "study", [question((0.01, 0.001), seeds=8), hunt(16, sampler="random")], ids=["question", "search"]
)
def test_without_training(study: Study, tmp_path: Path, tiny_images: Path, templates: Path) -> None:
    straight = embedded(tmp_path / "straight", tiny_images, templates)
    straight.run(study, slots=1)
    expected = found(straight.books.check(study.name, 16))
    for slots, strikes in ((4, set()), (1, {3, 7}), (4, {2, 9, 12})):
        here = embedded(tmp_path / f"{slots} {len(strikes)}", tiny_images, templates)
        left = set(strikes)
        ends = [here.run(study, slots=slots, view=interrupted_at(left)).end]
        while ends[-1] == "interrupted":
            ends.append(here.run(study, slots=slots, view=interrupted_at(left)).end)
        # A trial beside one that was struck may have ended before its own turn came.
        assert bool(strikes) <= ends.count("interrupted") <= len(strikes)
        assert ends[-1] == "finished"
        assert found(here.books.check(study.name, 16)) == expected


@pytest.mark.faults
def test_with_the_real_trainer(tmp_path: Path, tiny_images: Path, templates: Path) -> None:
    """One thread a slot, small images; the second run is interrupted in its fifth trial."""
    study = question((0.01, 0.001), seeds=4, fixed=SMALL)

    def make(source: TrainerSource, logs: Path) -> Executor:
        return LocalExecutor(source, logs, gpus=[])

    results: list[Found] = []
    for slots, strikes in ((1, set()), (4, {4})):
        here = embedded(tmp_path / f"{slots}", tiny_images, templates)
        end = "interrupted"
        while end == "interrupted":
            options = Options(tiny_images, slots=slots, command="python -m search.run")
            end = run_study(study, options, here.places, interrupted_at(strikes), make_executor=make).end
        results.append(found(here.books.records("rates")))
    assert sum(results[0].values()) == 8
    assert results[0] == results[1]


class Together:
    """A mailbox that gets nothing before so many slots are ready: then each of them trains."""

    def __init__(self, mailbox: Mailbox, slots: int) -> None:
        self._mailbox, self._slots = mailbox, slots
        self._ready: set[Slot] = set()
        self._held: list[SlotLine | SlotExit] = []
        self._lock = threading.Lock()

    def put(self, item: SlotLine | SlotExit, /) -> None:
        with self._lock:
            if isinstance(item, SlotLine) and isinstance(parse(item.line), Ready):
                self._ready.add(item.slot)
            self._held.append(item)
            if len(self._ready) == self._slots or isinstance(item, SlotExit):
                for held in self._held:
                    self._mailbox.put(held)
                self._held.clear()


def together(executor: Executor, slots: int) -> Executor:
    """The same executor, whose first slots begin together."""
    start, shared = executor.start, []  # type: ignore[var-annotated]

    def start_together(number: int, mailbox: Mailbox) -> Slot:
        shared.append(shared[0] if shared else Together(mailbox, slots))
        return start(number, shared[0])

    executor.start = start_together  # type: ignore[method-assign]
    return executor


@contextmanager
def two_hosts(folder: Path, command: tuple[str, ...] | None) -> Iterator[tuple[int, Make]]:
    """Two machines over ssh, which are this one, with a slot each and caches of their own."""
    with ExitStack() as stack:
        servers = [stack.enter_context(running_sshd(folder / name, name=name)) for name in ("lab1", "lab2")]
        hosts = [server.host(folder / f"cache of {server.name}", slots=1) for server in servers]
        yield 2, lambda source, logs: HostsExecutor(source, logs, hosts, CPU, command=command, silence_s=SILENCE_S)


@contextmanager
def three_nodes(folder: Path, command: tuple[str, ...] | None) -> Iterator[tuple[int, Make]]:
    """Three raylets, with room for a slot each."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray>=2.60'")
    with running_cluster(1) as cluster:
        cluster.add(1)
        cluster.add(1)
        more = {"address": cluster.address, "cache": str(folder / "cache of nodes"), "silence_s": SILENCE_S}
        yield 3, lambda source, logs: RayExecutor(source, logs, CPU, command=command, **more)


@pytest.mark.parametrize("elsewhere", [two_hosts, three_nodes])
@pytest.mark.parametrize("trainer", ["without training", pytest.param("the real trainer", marks=pytest.mark.faults)])
def test_on_other_machines(
    tmp_path: Path, tiny_images: Path, templates: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: Any, trainer: str
) -> None:
    """On one slot here, and on machines with a slot each; every one of them trains."""
    monkeypatch.setattr("search.executors.ray.driver.LOOK_S", 900.0)
    monkeypatch.setattr("search.controller.slots.START_S", 900.0)
    if trainer == "without training":
        command: tuple[str, ...] | None = noop_trainer.COMMAND
        study = question((0.01, 0.001), seeds=8)
    else:
        command = None
        study = question((0.01, 0.001), seeds=4, fixed=SMALL)
    with elsewhere(tmp_path, command) as (slots, there):
        makes: dict[int, Make] = {
            1: lambda source, logs: LocalExecutor(source, logs, gpus=[], command=command),
            slots: lambda source, logs: together(there(source, logs), slots),
        }
        results = []
        for count, make in makes.items():
            here = embedded(tmp_path / f"on {count}", tiny_images, templates)
            options = Options(tiny_images, slots=count, silence_s=SILENCE_S, command="python -m search.run")
            assert run_study(study, options, here.places, Watcher(), make_executor=make).end == "finished"
            records = here.books.records("rates")
            results.append(found(records))
            assert {record.slot for record in records} == set(range(count))
    assert sum(results[0].values()) == 2 * study.seeds
    assert results[0] == results[1]
