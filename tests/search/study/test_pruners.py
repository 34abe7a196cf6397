"""Pruners as pure functions of curves, and curves as pure functions of journals."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from search.folder.curve import cap, curve_of, planned_epochs, start_so_far
from search.folder.record import TrialRecord
from search.study.pruners import PRUNERS, Curve, halving_rungs, hyperband_rungs, threshold
from tests.search.fabricate import trial_record
from trainer.config import TrainConfig
from trainer.events import Epoch, Started

CHANCE = 1.386


def flat(number: int, value: float, epochs: int = 7, length: int = 60) -> Curve:
    return Curve(number, length, (value,) * epochs)


def stops(pruner: str, curve: Curve, epoch: int, *others: Curve) -> bool:
    rule = PRUNERS[pruner].stops
    assert rule is not None
    return rule(curve, epoch, others)


@pytest.mark.parametrize(("length", "rungs"), [(60, (7, 20)), (20, (3, 7)), (9, (1, 3)), (3, (1,)), (2, (1,)), (1, ())])
def test_rungs(length: int, rungs: tuple[int, ...]) -> None:
    assert halving_rungs(length) == rungs


def test_a_third_goes_on() -> None:
    assert threshold([0.5, 0.9]) is None
    assert threshold([0.5, 0.9, 0.7]) == 0.9
    assert threshold([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]) == 0.5
    others = [flat(number, value) for number, value in enumerate((0.5, 0.6))]
    assert stops("asha", flat(9, 0.4), 7, *others)
    assert stops("asha", flat(9, 0.55), 7, *others)
    assert not stops("asha", flat(9, 0.6), 7, *others)  # as good as the best
    assert not stops("asha", flat(9, 0.4, epochs=8), 8, *others)  # no rung
    assert not stops("asha", flat(9, 0.4), 7, others[0])  # too few to rank
    assert not stops("asha", flat(9, 0.4, epochs=20), 20, *others)  # who have not come so far


def test_the_median_is_of_five_others_at_least() -> None:
    others = [flat(number, number / 10, epochs=30) for number in range(1, 6)]
    assert stops("median", flat(9, 0.29, epochs=20), 20, *others)
    assert not stops("median", flat(9, 0.3, epochs=20), 20, *others)
    assert not stops("median", flat(9, 0.0, epochs=20), 20, *others[:4])
    assert not stops("median", flat(9, 0.0, epochs=19), 19, *others)  # in the first third of 60
    fallen = Curve(9, 60, (0.4,) + (0.0,) * 19)
    assert not stops("median", fallen, 20, *others)  # its best counts


def test_hyperband_ranks_within_brackets() -> None:
    brackets = Counter(hyperband_rungs(60, number) for number in range(3000))
    assert set(brackets) == {(7, 20), (20,), ()}
    shares = [brackets[rungs] / 3000 for rungs in ((7, 20), (20,), ())]
    assert shares == pytest.approx([9 / 17, 5 / 17, 3 / 17], abs=0.03)  # ceil(3 * 9 / 3), ceil(3 * 3 / 2), 3
    first = [number for number in range(60) if hyperband_rungs(60, number) == (7, 20)]
    second = [number for number in range(60) if hyperband_rungs(60, number) == (20,)]
    bad, *rivals = first[:3]
    good = [flat(number, 0.9, epochs=20) for number in (*rivals, *second[:5])]
    assert stops("hyperband", flat(bad, 0.1), 7, *good)
    assert not stops("hyperband", flat(bad, 0.1), 7, *[c for c in good if c.number in second])
    assert not stops("hyperband", flat(second[6], 0.1), 7, *good)


def training(losses: list[float], chance: float | None = CHANCE, **config: Any) -> TrialRecord:
    record = trial_record(n_epochs=len(losses), end="running")
    started, *epochs = record.events
    assert isinstance(started, Started)
    told = [
        epoch.model_copy(update={"train_loss": loss, "val_accuracy": 0.01 * epoch.epoch, "val_macro_f1": 0.5})
        for epoch, loss in zip(epochs, losses, strict=True)
        if isinstance(epoch, Epoch)
    ]
    events = (started.model_copy(update={"chance_loss": chance}), *told)
    return replace(record, config=TrainConfig.of(config), events=events)


def test_epochs_count_from_the_start_of_learning() -> None:
    late = training([1.386, 1.38, 1.0, 0.9, 0.8], epochs=60)
    assert start_so_far(late) == 3
    assert curve_of(late, "accuracy") == Curve(0, 60, (0.04, 0.05))
    assert curve_of(late, "macro_f1").values == (0.5, 0.5)
    assert curve_of(late, "balanced_accuracy").values == ()  # a trainer that did not tell it
    clocked = training([1.386, 1.38, 1.0, 0.9, 0.8], epochs=60, epochs_after_start=20)
    assert curve_of(clocked, "accuracy") == Curve(0, 20, (0.04, 0.05))
    assert (planned_epochs(late), planned_epochs(clocked)) == (60, 23)
    old = training([1.386, 1.38, 1.0], chance=None, epochs=60)
    assert curve_of(old, "accuracy").values == (0.01, 0.02, 0.03)


def test_a_training_at_chance_is_compared_as_it_is_at_the_cap() -> None:
    for config, last in (({"epochs": 60}, 30), ({"epochs": 60, "epochs_after_start": 20}, 39)):
        assert cap(TrainConfig.of(config)) == last
        before, at = training([1.386] * (last - 1), **config), training([1.386] * last, **config)
        assert curve_of(before, "accuracy").values == ()
        assert len(curve_of(at, "accuracy").values) == last
        assert start_so_far(at) is None
        later = training([1.386] * last + [0.5], **config)  # too late: it stays where it was
        assert len(curve_of(later, "accuracy").values) == last + 1
    assert planned_epochs(training([1.386], epochs=60, epochs_after_start=20)) == 40
