"""A Ray cluster of real `ray start`s, each node in a network of its own: one dies, is cut off, joins; the head is lost.

In each the budget is exact, nothing is lost or doubled, and no process is left.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import psutil
import pytest

from search.controller.session import Options, Outcome, run_study
from search.errors import ExecutorError
from search.executors import TrainerSource
from search.study import Study
from tests.faults.controllers import trainers_of, wait_until_no_trainer_is_left
from tests.faults.installation import Installation
from tests.faults.ray_strikes import Remembering, Straight, Strike
from tests.ray_nodes import ray_nodes
from tests.search import noop_trainer
from tests.search.workshop import question

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
