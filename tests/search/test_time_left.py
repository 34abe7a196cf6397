"""The time that is left, and estimates before a study: levels differ in cost, cores are few, and nothing jumps."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from search.console.callbacks import Tally
from search.console.time_left import TimeLeft
from search.folder.record import TrialRecord
from search.study.cost import END_S, START_S, estimate, mean_cost, relative_cost
from search.study.toml_file import load_study
from tests.search.fabricate import epochs, trial_record
from trainer.config import TrainConfig

EPOCHS = 20


def trial(number: int, n_epochs: int, *, depth: int = 4, slow: float = 2.0, end: str = "running") -> TrialRecord:
    """Epochs of two seconds at the reference's cost; `slow` is what each seventh takes."""
    record = trial_record(number, {"depth": depth}, end=end, n_epochs=max(1, n_epochs), started_at=0.0)
    config = TrainConfig.of({**record.config.model_dump(), "epochs": EPOCHS})
    events = [
        event.model_copy(update={"epoch_s": (2.0 if event.epoch % 7 else slow) * relative_cost(config) / EPOCHS})
        for event in epochs(config.trial, n_epochs)
    ]
    last = [record.terminal] if record.terminal else []
    return replace(record, config=config, events=(*record.events[:1], *events, *last))


def test_it_is_the_work_left_at_the_slots_own_speed() -> None:
    left = TimeLeft()
    tally = Tally(total=10)
    assert left.left_s(tally, [trial(0, 0), trial(1, 0)]) is None
    both = [trial(0, 5), trial(1, 15)]
    assert left.left_s(tally, both) == pytest.approx((15 + 5 + 8 * EPOCHS) * 2.0 / 2)
    assert left.left_s(Tally(total=2), both) == pytest.approx(15 * 2.0)  # the longer one


def test_what_trials_take_beside_their_epochs_counts() -> None:
    left = TimeLeft()
    left.over(replace(trial(0, EPOCHS, end="finished"), finished_at=EPOCHS * 2.0 + 7.0))
    assert left.left_s(Tally(total=3, complete=1), [trial(1, 10)]) == pytest.approx((10 + EPOCHS) * 2.0 + 2 * 7.0)


def test_it_does_not_jump_with_the_order_of_events_or_of_levels() -> None:
    """Small levels come first. By the work done since the start it jumped by four."""
    study = load_study("depth").override(seeds=2, epochs=EPOCHS)
    levels, cost = study.levels, mean_cost(study)
    left, seen = TimeLeft(), []
    for number, depth in enumerate(levels * 2):
        for n in range(EPOCHS + 1):
            running = [trial(number, n, depth=int(depth), slow=4.0)]
            found = left.left_s(Tally(total=2 * len(levels), complete=number, mean_cost=cost), running)
            if found is not None:
                seen.append(found)
        left.over(trial(number, EPOCHS, depth=int(depth), end="finished"))
    early = seen[: len(seen) // 2]
    steps = [max(a, b) / min(a, b) for a, b in itertools.pairwise(early)]
    assert max(steps) < 2


@pytest.fixture
def index() -> Any:
    return SimpleNamespace(sides=["TRAIN"] * 2000 + ["TEST"] * 400, files=["f"] * 2400)


def test_more_slots_than_cores_are_no_faster(index: Any) -> None:
    study = load_study("pooling")
    two, many = (estimate(study, index, slots, on_gpu=False, at_once=2) for slots in (2, 100))
    assert many.split(" on ")[0] >= two.split(" on ")[0]
    assert two.endswith(" on 2 slots (within a factor of 2)")
    assert "20 slots, of which 2 train at once on this machine's cores" in many
    alone = estimate(study, index, 100, on_gpu=False)
    assert alone != many


def test_start_up_and_the_end_count(index: Any) -> None:
    """Of a study that trains next to nothing. Slots that share a core start one after the other."""
    study = load_study("pooling").override(seeds=1, epochs=1, fixed={"image_height": "24", "image_width": "32"})
    index.sides, index.files = ["TRAIN"] * 4, ["f"] * 4
    assert estimate(study, index, 4, on_gpu=False, at_once=4).startswith(f"about {START_S + END_S:.0f} s on 4 slots")
    assert estimate(study, index, 4, on_gpu=False, at_once=1).startswith(
        f"about {4 * START_S + END_S:.0f} s on 4 slots"
    )
