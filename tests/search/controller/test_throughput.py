"""Which epochs say how fast trainers are together, and what follows from them."""

from __future__ import annotations

import pytest

from search.controller.throughput import EPOCHS, Throughput
from tests.search.controller.told import epoch, lacking, started, stopped

SMALL, LARGE = ("depth 1",), ("depth 6",)


def begin(found: Throughput, *trials: int, model: tuple[str, ...] = SMALL) -> None:
    """Trials begin, and end their first epoch, with its tracing."""
    for trial in trials:
        found.heard(trial, model, started())
    for trial in trials:
        found.heard(trial, model, epoch(images_per_s=1))


def train(found: Throughput, trial: int, *speeds: float, model: tuple[str, ...] = SMALL) -> None:
    for speed in speeds:
        found.heard(trial, model, epoch(images_per_s=speed))


def test_first_epochs_and_those_with_a_change_are_dropped() -> None:
    found = Throughput()
    begin(found, 0)
    train(found, 0, 100)
    assert not found.knows(1), "the first epoch does not count"
    train(found, 0, 100)
    assert found.knows(1)
    begin(found, 1)
    train(found, 0, 1)  # it began before trial 1 was past its first
    train(found, 0, 80, 80)
    train(found, 1, 80)
    assert not found.knows(2)
    train(found, 1, 80)
    assert found.knows(2)
    assert found.rise(1, 2) == pytest.approx(1.6)


def test_while_one_traces_the_others_have_the_gpu_for_themselves() -> None:
    found = Throughput()
    begin(found, 0)
    found.heard(1, SMALL, started())
    train(found, 0, *[100] * 10)
    assert not found.knows(1)
    assert not found.knows(2)


@pytest.mark.parametrize("end", [stopped(), lacking(), None], ids=["stopped", "failed", "its slot is gone"])
def test_after_an_end_the_others_are_fewer(end: object) -> None:
    found = Throughput()
    begin(found, 0, 1)
    train(found, 0, 1, 60)  # it ended its first epoch before trial 1 did
    if end is None:
        found.ended(1)
    else:
        found.heard(1, SMALL, end)  # type: ignore[arg-type]
    train(found, 0, *[100] * EPOCHS)
    assert not found.knows(1), "an epoch had begun before"
    train(found, 0, 100)
    assert found.knows(1)
    begin(found, 1)
    train(found, 0, 1, 50, 50)
    train(found, 1, 50, 50)
    assert found.rise(1, 2) == 1.0


def test_one_that_is_lost_in_its_first_epoch_holds_nothing_up() -> None:
    found = Throughput()
    begin(found, 0)
    found.heard(1, SMALL, started())
    found.ended(1)
    found.ended(7)  # of which nothing was heard
    train(found, 0, 1, 100, 100)
    assert found.knows(1)


def test_models_of_different_size_are_compared_with_themselves() -> None:
    """A large one alone, then a small one beside it, which is ten times as fast: the large one lost a quarter."""
    found = Throughput()
    begin(found, 0, model=LARGE)
    train(found, 0, 100, 100, model=LARGE)
    begin(found, 1)
    train(found, 0, 1, 75, model=LARGE)
    train(found, 1, *[1000] * 10)
    assert found.knows(2)
    assert found.rise(1, 2) is None, "of no model is enough known at both"
    train(found, 0, 75, model=LARGE)
    assert found.rise(1, 2) == pytest.approx(1.5)


def test_one_slow_epoch_does_not_decide() -> None:
    found = Throughput()
    begin(found, 0)
    train(found, 0, 100, 3, 100)
    begin(found, 1)
    train(found, 0, 1, 100, 100)
    train(found, 1, 100, 100)
    assert found.rise(1, 2) == 2.0


def test_an_epoch_without_a_speed_counts_nowhere() -> None:
    found = Throughput()
    begin(found, 0)
    train(found, 0, 0, 0, 0)
    assert not found.knows(1)
    assert found.rise(1, 2) is None
