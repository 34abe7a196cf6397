"""A Ray cluster of real `ray start`s, each node in a network of its own: one dies, is cut off, joins; the head is lost.

In each the budget is exact, nothing is lost or doubled, and no process is left.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from search.controller.session import Options, Outcome, run_study
from search.errors import ExecutorError
from search.executors import Mailbox, RayExecutor, Resources, Slot, TrainerSource
from search.folder.record import TrialRecord
from search.study import Study
from tests.faults.controllers import trainers_of, wait_until_no_trainer_is_left
from tests.faults.installation import Installation
from tests.ray_nodes import RayNodes, ray_nodes
from tests.search import noop_trainer
from tests.search.workshop import Watcher, question

pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray>=2.60'")

pytestmark = pytest.mark.faults
NEVER_S = 3600.0
SILENCE_S, CONTROLLER_SILENCE_S = 8.0, 12.0  # a busy machine; users have 20 and 60
# Ray's own: 3 s, 10 s and 5 times; a head that does not answer is given up after 60 s.
SHORT = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}
HEAD_S = "5"
STUDY = question((0.1, 0.01, 0.001), seeds=2, epochs=1)
TRIALS = 6


class Remembering(RayExecutor):
    """No-op trainers that wait for each step; it remembers slots."""

    def __init__(self, source: TrainerSource, logs: Path, cluster: RayNodes, slots: int, silence_s: float) -> None:
        super().__init__(
            source,
            logs,
            Resources(slots=slots, gpus=()),
            address=cluster.head.head,
            cache=str(source.cache),
            command=noop_trainer.COMMAND,
            silence_s=silence_s,
        )
        self.started: dict[int, Slot] = {}

    def start(self, number: int, mailbox: Mailbox) -> Slot:
        slot = self.started[number] = super().start(number, mailbox)
        return slot


class Strike(Watcher):
    """The first two trainings go on; the next are held, struck, and held until a slot is back where one was lost.

    Args:
        cluster: that is struck.
        slots: so many are held before.
        strike: is called then.
        mend: is called in a thread once all losses were noticed.
        losses: so many are expected.
        on: the node that slots are lost on, or come to.

    Attributes:
        noticed_s: seconds from the strike until the last of the lost trials was put back.
        back_s: seconds from the mending until a training had begun on that node.
        ended_s: seconds from the strike until the trainers that were lost had ended.
    """

    def __init__(
        self,
        cluster: RayNodes,
        slots: int,
        strike: Callable[[], None],
        mend: Callable[[], None],
        losses: int = 1,
        on: int = 1,
    ) -> None:
        super().__init__()
        self.cluster, self.slots, self._strike, self._mend = cluster, slots, strike, mend
        self.losses, self.on = losses, on
        self.executor: Remembering | None = None
        self.over: set[int] = set()
        self.first: set[int] = set()  # trainings that are not held
        self.held: dict[int, TrialRecord] = {}
        self.lost: list[str] = []
        self.struck_at = self.mended_at = self.noticed_s = self.back_s = self.ended_s = 0.0
        self.threads: list[threading.Thread] = []
        self.machines: set[int] = set()

    def trial(self, record: TrialRecord, tally: object) -> None:
        super().trial(record, tally)  # type: ignore[arg-type]
        if record.terminal:
            self.over.add(record.number)
            return
        if not record.epochs:
            return
        where = self.cluster.where(record.ready.pid)
        self.machines.add(where)
        if self.back_s or len(self.first | {record.number}) <= 2:
            self.first.add(record.number)
            self._step(record)
            return
        self.held[record.slot] = record
        if not self.struck_at and len(self.held) == self.slots:
            self._begin()
        elif self.mended_at and where == self.on:
            self.back_s = time.monotonic() - self.mended_at
            for waiting in self.held.values():
                self._step(waiting)

    def _begin(self) -> None:
        victims = [
            psutil.Process(record.ready.pid)
            for record in self.held.values()
            if self.losses > 1 or self.cluster.where(record.ready.pid) == self.on
        ]
        self.struck_at = time.monotonic()
        self._strike()
        self._later(lambda: self._ended(victims))
        if not self.losses:
            self._mended()

    def _later(self, what: Callable[[], None]) -> None:
        self.threads.append(threading.Thread(target=what, daemon=True))
        self.threads[-1].start()

    def _ended(self, victims: list[psutil.Process]) -> None:
        psutil.wait_procs(victims)
        self.ended_s = time.monotonic() - self.struck_at

    def _mended(self) -> None:
        def mend() -> None:
            self._mend()
            self.mended_at = time.monotonic()

        self._later(mend)

    def _step(self, record: TrialRecord) -> None:
        assert self.executor is not None
        self.executor.started[record.slot].send(json.dumps({"step": record.config.trial}))

    def say(self, sentence: str) -> None:
        super().say(sentence)
        if "is trained again" not in sentence:
            return
        self.lost.append(sentence)
        self.held.pop(int(sentence.split()[1]), None)
        if len(self.lost) == self.losses:
            self.noticed_s = time.monotonic() - self.struck_at
            self._mended()

    def wait(self) -> None:
        """Until its threads are done."""
        for thread in self.threads:
            thread.join(300)
            assert not thread.is_alive()


class Straight(Strike):
    """Nothing is held, and nothing struck."""

    def __init__(self, cluster: RayNodes) -> None:
        super().__init__(cluster, 0, lambda: None, lambda: None)
        self.back_s = 1.0


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is waited for; trainers and controller tell each other often that they live."""
    monkeypatch.setenv(noop_trainer.VARIABLE, json.dumps({"steps": True, "models": True}))
    monkeypatch.setattr("search.executors.ray.driver.LOOK_S", 900.0)
    monkeypatch.setattr("search.controller.slots.START_S", 900.0)
    monkeypatch.setattr("search.executors._command.ALIVE_S", 0.5)
    monkeypatch.setattr("search.controller.slots.BEAT_S", 1.0)


def run(
    here: Installation, view: Strike, slots: int = 2, *, study: Study = STUDY, silence_s: float = NEVER_S,
    controller_silence_s: float = NEVER_S,
) -> Outcome:  # fmt: skip
    """One run of the study."""

    def make(source: TrainerSource, logs: Path) -> Remembering:
        view.executor = Remembering(source, logs, view.cluster, slots, controller_silence_s)
        return view.executor

    command = "python -m search.run --study rates --executor ray"
    options = Options(here.data, slots=slots, silence_s=silence_s, command=command)
    return run_study(study, options, here.places, view, make)


def check(here: Installation, outcome: Outcome, view: Strike, kind: str, lost: int) -> None:
    """The books, the models, and what is left of processes."""
    assert (outcome.end, outcome.untold, outcome.refused) == ("finished", {}, [])
    here.books.check("rates", TRIALS)
    assert here.books.attempts("rates") == TRIALS + lost
    assert_models(here)
    view.wait()
    wait_until_no_trainer_is_left(here.places.runs)
    assert_no_driver_is_left()
    print(f"{kind}: noticed after {view.noticed_s:.1f} s, back {view.back_s:.1f} s after mending, "
          f"the lost trainers ended {view.ended_s:.1f} s after the strike: {view.lost[:1]}")  # fmt: skip


def assert_models(here: Installation) -> None:
    """What is kept is whole, and is named after its trial; of attempts that were lost nothing is there."""
    found = sorted((here.places.study("rates") / "models").iterdir())
    assert found
    assert all(path.suffix == ".keras" and path.read_text() == path.stem for path in found), found


def assert_no_driver_is_left() -> None:
    left = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            left.append(" ".join(child.cmdline()))
    assert not [words for words in left if "driver_process" in words]


def test_a_raylet_is_killed_and_its_node_joins_again(here: Installation) -> None:
    with ray_nodes(1, 1) as cluster:
        cluster.start()
        node = cluster.nodes[1]
        view = Strike(cluster, 2, lambda: node.kill("raylet"), node.start)
        outcome = run(here, view)
        check(here, outcome, view, "raylet", lost=1)
    (lost,) = view.lost
    assert " was lost: " in lost


@pytest.mark.parametrize("who", ["the controller", "Ray"])
def test_a_node_is_cut_off_and_comes_back(here: Installation, who: str) -> None:
    """The controller notices by its own silence, and the node comes back; Ray by health checks, and it has to join."""
    by_ray = who == "Ray"
    with ray_nodes(1, 1, **(SHORT if by_ray else {})) as cluster:
        cluster.start()
        node, machine = cluster.nodes[1], cluster.machines[1]

        def mend() -> None:
            machine.mend()
            if by_ray:
                psutil.wait_procs(node.processes("raylet"), 120)  # it hears that it was given up, and ends itself
                assert not node.processes("raylet")
                node.start()

        view = Strike(cluster, 2, machine.cut, mend)
        outcome = run(here, view, silence_s=NEVER_S if by_ray else SILENCE_S, controller_silence_s=CONTROLLER_SILENCE_S)
        check(here, outcome, view, f"link, noticed by {who}", lost=1)
    (lost,) = view.lost
    assert (" was lost: " if by_ray else "gave no sign of life for 8 s (--silence-s)") in lost
    assert view.ended_s


def test_a_node_joins_in_the_middle_of_a_study(here: Installation) -> None:
    """Slots that were asked for and had no room are there as soon as the node is."""
    with ray_nodes(1, 2) as cluster:
        cluster.start(nodes=1)
        view = Strike(cluster, 1, lambda: None, cluster.nodes[1].start, losses=0)
        outcome = run(here, view, slots=3)
        check(here, outcome, view, "a node joins", lost=0)
    assert view.machines == {0, 1}
    assert "; 2 of 3 slots wait until the cluster has room" in view.said[0]


@pytest.mark.parametrize("what", [None, "gcs_server"], ids=["with its machine", "alone"])
def test_the_head_is_lost_and_comes_back_while_it_is_waited_for(
    here: Installation, monkeypatch: pytest.MonkeyPatch, what: str | None
) -> None:
    """Ray ends its driver at once, or after some time without a head. The study goes on with the next head."""
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", HEAD_S)
    with ray_nodes(1, 1, RAY_gcs_rpc_server_reconnect_timeout_s=HEAD_S) as cluster:
        cluster.start()
        view = Strike(cluster, 2, lambda: cluster.head.kill(what), cluster.start, losses=2)
        outcome = run(here, view, controller_silence_s=CONTROLLER_SILENCE_S)
        check(here, outcome, view, f"head, {what or 'all of it'}", lost=2)
    assert all(" was lost: Ray's driver ended (" in lost for lost in view.lost), view.lost
    (said,) = [said for said in view.said if said.startswith("The Ray cluster at ")]
    assert f"{cluster.head.head} was lost: Ray's driver ended (" in said


def test_the_head_is_lost_for_good(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study ends with a sentence, and the same command goes on when the head is back."""
    monkeypatch.setattr("search.controller.slot_pool.RESTART_PATIENCE_S", 3.0)
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", HEAD_S)
    with ray_nodes(1, 1, RAY_gcs_rpc_server_reconnect_timeout_s=HEAD_S) as cluster:
        cluster.start()
        view = Strike(cluster, 2, cluster.head.kill, lambda: None, losses=2)
        with pytest.raises(ExecutorError) as ended:
            run(here, view, controller_silence_s=CONTROLLER_SILENCE_S)
        said, address = str(ended.value), cluster.head.head
        assert ended.value.exit_status == 2
        assert said.startswith(f"The Ray cluster at {address} was lost: Ray's driver ended (")
        assert said.endswith("Run the same command to go on when it is back: ray status says so.")
        assert f"There is no Ray cluster at {address}: [Errno 111] Connection refused." in said
        wait_until_no_trainer_is_left(here.places.runs)
        assert_no_driver_is_left()
        over = {record.number for record in here.books.records("rates") if record.terminal}
        assert over == view.over
        assert len(over) == 2
        books = here.books.journals("rates")
        cluster.start()
        again = Straight(cluster)
        outcome = run(here, again)
        assert books.items() <= here.books.journals("rates").items()
        check(here, outcome, again, "head, for good", lost=2)
    print(said, f"\nnoticed after {view.noticed_s:.1f} s, the lost trainers ended after {view.ended_s:.1f} s")
    assert not trainers_of(here.places.runs)
