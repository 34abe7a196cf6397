"""Studies on a Ray cluster of three raylets: one is killed in the middle, another one joins; many trials are exact."""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from search.controller.session import Options, Outcome, run_study
from search.executors import RayExecutor, Resources, TrainerSource
from search.folder.record import TrialRecord
from search.study import Study
from tests.faults.controllers import wait_until_no_trainer_is_left
from tests.faults.installation import Installation
from tests.ray_cluster import RayCluster, running_cluster
from tests.search import noop_trainer
from tests.search.workshop import Watcher, question
from trainer.events import Started

pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray>=2.60'")

SILENCE_S = 3600.0  # nothing here is noticed by silence, however slow the machine is
EACH = 2  # slots of a node


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three raylets on two busy cores start their first workers in minutes."""
    monkeypatch.setattr("search.executors.ray.driver.LOOK_S", 900.0)


def run(here: Installation, cluster: RayCluster, study: Study, slots: int, view: Watcher) -> Outcome:
    """One run of the study on no-op trainers."""

    def make(source: TrainerSource, logs: Path) -> RayExecutor:
        return RayExecutor(
            source,
            logs,
            Resources(slots=slots, gpus=()),
            address=cluster.address,
            cache=str(source.cache),
            command=noop_trainer.COMMAND,
            silence_s=SILENCE_S,
        )

    command = "python -m search.run --study rates --executor ray"
    options = Options(here.data, slots=slots, silence_s=SILENCE_S, command=command)
    return run_study(study, options, here.places, view, make)


@contextmanager
def three_nodes(each: int) -> Iterator[RayCluster]:
    """The head and two other raylets, of so many CPUs each by their own count."""
    with running_cluster(each) as cluster:
        for _ in range(2):
            cluster.add(each)
        yield cluster


class LostAndJoined(Watcher):
    """All slots are held in a training; then a raylet is killed, then another one joins, then all may go on.

    Args:
        gate: locked by whoever holds the trainings.

    Attributes:
        lost: the sentences about slots that were lost.
        joined: trials that were begun after that, on the node that joined, with others still held.
    """

    def __init__(self, cluster: RayCluster, gate: IO[bytes]) -> None:
        super().__init__(self._look)
        self.cluster, self.gate = cluster, gate
        self.held: set[int] = set()
        self.lost: list[str] = []
        self.joined: list[int] = []
        self.is_open = False

    def _look(self, record: TrialRecord) -> None:
        if self.is_open or not record.events or not isinstance(record.events[-1], Started):
            return
        self.held.add(record.number)
        if len(self.lost) == EACH:
            self.joined.append(record.number)
        if len(self.held) < 3 * EACH:
            return
        if not self.lost:
            self.cluster.kill_last()
        elif len(self.lost) == EACH:
            fcntl.flock(self.gate, fcntl.LOCK_UN)
            self.is_open = True

    def say(self, sentence: str) -> None:
        super().say(sentence)
        if again := re.search(r"trial (\d+) is trained again", sentence):
            self.lost.append(sentence)
            self.held.discard(int(again[1]))
            if len(self.lost) == EACH:
                self.cluster.add(EACH)


def test_a_raylet_is_killed_and_another_one_joins_in_the_middle_of_a_study(
    here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The budget is exact, nothing is lost or doubled, and no process is left."""
    gate = tmp_path / "gate"
    monkeypatch.setenv(noop_trainer.VARIABLE, json.dumps({"gate": str(gate)}))
    with open(gate, "wb") as held, three_nodes(EACH) as cluster:
        fcntl.flock(held, fcntl.LOCK_EX)
        view = LostAndJoined(cluster, held)
        outcome = run(here, cluster, question((0.1, 0.01, 0.001), seeds=4, epochs=1), 3 * EACH, view)
        wait_until_no_trainer_is_left(here.places.runs)
    assert (outcome.end, outcome.untold, outcome.refused) == ("finished", {}, [])
    assert len(view.lost) == len(view.joined) == EACH
    assert all(re.match(r"slot \d+ on \S+ was lost: ", sentence) for sentence in view.lost), view.lost
    here.books.check("rates", 12)
    assert here.books.attempts("rates") == 12 + EACH


@pytest.mark.parametrize(
    ("each", "levels", "seeds"),
    [
        pytest.param(2, (0.1, 0.01, 0.001), 20, id="60 trials on 3 x 2"),
        pytest.param(8, (0.1, 0.01, 0.001, 0.0001), 250, id="1,000 trials on 3 x 8", marks=pytest.mark.faults),
    ],
)
def test_many_trials_on_three_nodes_are_exact(
    here: Installation, each: int, levels: tuple[float, ...], seeds: int
) -> None:
    seen: set[int] = set()

    def look(record: TrialRecord) -> None:
        seen.add(record.slot)

    trials = len(levels) * seeds
    with three_nodes(each) as cluster:
        outcome = run(here, cluster, question(levels, seeds=seeds, epochs=1), 3 * each, Watcher(look))
        wait_until_no_trainer_is_left(here.places.runs)
    assert (outcome.end, outcome.untold, outcome.refused) == ("finished", {}, [])
    records: list[Any] = here.books.check("rates", trials)
    assert len(records) == here.books.attempts("rates") == trials
    assert seen <= set(range(3 * each))
