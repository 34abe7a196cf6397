"""The ray executor on a real cluster: the suite of all executors, and what is its own. Skipped where Ray is missing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.errors import ExecutorError
from search.executors import Executor, RayExecutor, Resources, TrainerSource
from tests.ray_cluster import SECRET, RayCluster, running_cluster
from tests.search import noop_trainer
from tests.search.executors.conformance import ExecutorSuite, Reader, config, controller_program
from tests.search.noop_trainer import SEEDS
from trainer.events import Finished, Ready, Started

pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray>=2.60'")


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """A head with eight CPUs by its own count."""
    with running_cluster(8) as cluster:
        yield cluster


class TestRayExecutor(ExecutorSuite):
    @pytest.fixture(autouse=True)
    def _cluster(self, cluster: RayCluster) -> None:
        self.cluster, self.address = cluster, cluster.address

    def executor(self, source: TrainerSource, logs: Path, *, command: tuple[str, ...] | None = None) -> Executor:
        return RayExecutor(
            source,
            logs,
            Resources(gpus=()),
            address=self.address,
            cache=str(source.cache),
            command=command or noop_trainer.COMMAND,
        )

    def controller_script(self, source: TrainerSource, logs: Path) -> str:
        made = f"Resources(gpus=()), address={self.address!r}, cache={str(source.cache)!r}, command=command"
        return controller_program(f"RayExecutor(source, logs, {made})", source, logs)

    def test_what_it_runs_on_is_said(self, source: TrainerSource, place: Path) -> None:
        with self.executor(source, place / "logs") as executor:
            said = executor.check()
            assert said.startswith(f"the Ray cluster at {self.address}: room for 8 slots on ")
            assert f"; images: {source.data} of each node" in said
            assert not executor.on_gpu
        demo = TrainerSource(source.cache / "demo", source.cache, source.output)
        resources = Resources(slots=10, threads=2, gpus=())
        cache, command = str(source.cache), noop_trainer.COMMAND
        with RayExecutor(demo, place, resources, address=self.address, cache=cache, command=command) as executor:
            said = executor.check()
        assert "room for 4 slots" in said
        assert "; images: the demo images, drawn on each node; 6 of 10 slots wait until the cluster has room" in said

    def test_a_slot_is_of_a_machine_once_it_has_a_place(self, started: Executor, reader: Reader) -> None:
        slot = started.start(1, reader.mailbox)
        assert slot.where, "the controller says to slots elsewhere that it lives"
        ready = reader.event(slot, Ready)
        assert isinstance(ready, Ready)
        assert (slot.where, slot.title) == (ready.machine, f"slot 1 on {ready.machine}")
        assert not started.shares_machine

    def test_a_slot_that_has_no_place_yet_ends_when_it_is_told(
        self, source: TrainerSource, place: Path, reader: Reader
    ) -> None:
        resources, cache = Resources(threads=8, gpus=()), str(source.cache)
        with RayExecutor(
            source, place, resources, address=self.address, cache=cache, command=noop_trainer.COMMAND
        ) as executor:
            running, waiting = executor.start(0, reader.mailbox), executor.start(1, reader.mailbox)
            reader.event(running, Ready)
            waiting.send(config())
            waiting.close()
            end = reader.exit(waiting)
            assert (end.status, end.reason) == (None, "was not started")
            assert waiting not in reader.lines

    def test_more_threads_than_any_node_has(self, source: TrainerSource, place: Path) -> None:
        """Ray would wait for such a node for ever."""
        executor = RayExecutor(source, place, Resources(threads=9, gpus=()), address=self.address)
        with executor, pytest.raises(ExecutorError, match=r"has 9 CPUs for a trainer; CPUs: .* 8\. Say less with"):
            executor.check()

    def test_images_that_a_node_lacks(self, source: TrainerSource, place: Path) -> None:
        source.data.rmdir()
        with self.executor(source, place) as executor, pytest.raises(ExecutorError, match="rsync -a ") as refused:
            executor.check()
        assert f"there is no folder {source.data}. Put the images at this path" in str(refused.value)

    def test_what_the_cluster_was_started_with_does_not_reach_trainers(
        self, source: TrainerSource, place: Path, reader: Reader
    ) -> None:
        program = "import json, os; print(json.dumps(dict(os.environ)))"
        with self.executor(source, place / "logs", command=(sys.executable, "-c", program)) as executor:
            slot = executor.start(0, reader.mailbox)
            reader.exit(slot)
        found = json.loads(reader.lines[slot][0])
        assert (found["CUDA_VISIBLE_DEVICES"], found["OMP_NUM_THREADS"], found["LC_ALL"]) == ("-1", "1", "C.UTF-8")
        assert not [name for name in found if name == SECRET or name.startswith("RAY_")]

    def test_a_trainer_whose_controller_keeps_silent_ends_itself(
        self, source: TrainerSource, place: Path, reader: Reader
    ) -> None:
        cache, command = str(source.cache), noop_trainer.COMMAND
        executor = RayExecutor(
            source,
            place / "logs",
            Resources(gpus=()),
            address=self.address,
            cache=cache,
            command=command,
            silence_s=0.5,
        )
        with executor:
            slot = executor.start(0, reader.mailbox)
            slot.send(config(seed=SEEDS["hang"]))
            reader.event(slot, Started)
            assert reader.exit(slot).reason == "ended with status 75"

    def test_a_node_that_is_lost_takes_its_slots_along_and_a_new_one_takes_theirs(
        self, source: TrainerSource, place: Path, reader: Reader
    ) -> None:
        """The head is full, so that one slot waits until a second node is there; its raylet is killed."""
        resources, cache, command = Resources(threads=8, gpus=()), str(source.cache), noop_trainer.COMMAND
        with RayExecutor(source, place, resources, address=self.address, cache=cache, command=command) as executor:
            staying, leaving = executor.start(0, reader.mailbox), executor.start(1, reader.mailbox)
            self.cluster.add(8)
            for slot in (staying, leaving):
                slot.send(config(seed=SEEDS["until_stopped"]))
            for slot in (staying, leaving):
                reader.event(slot, Started)
            self.cluster.kill_last()
            reader.until(lambda: bool(reader.exits))
            (lost,) = reader.exits
            end = reader.exit(lost)
            assert end.status is None
            assert end.reason.startswith("was lost: ")
            again = executor.start(lost.number, reader.mailbox)
            self.cluster.add(8)
            again.send(config("again"))
            assert isinstance(reader.event(again, Finished), Finished)
        self.cluster.kill_last()
