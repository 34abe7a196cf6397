"""GPUs that trainers share as long as they train faster together: the decision, with speeds that the tests make up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from search.controller.packing import RISE, Packing
from search.controller.slots import Work
from tests.search.controller.test_packing import Card, filled, slot, work
from tests.search.controller.told import Together, epoch, lacking, started, stopped
from tests.search.workshop import Noops, Workshop, question
from trainer.events import TrialEvent


class Study:
    """Trials on every slot that there may be; each trains as fast as so many together let it."""

    def __init__(self, speed: Callable[[int], float], cards: int = 1, room: float = 90_000) -> None:
        self.said: list[str] = []
        card = Card(*[room] * cards)
        self.packing = Packing(64, cards, card, self.said.append)
        card.free = [room - 1000] * cards
        self.speed = speed
        self.active: list[int] = []

    def start(self) -> None:
        """On the slots that are missing; each begins a trial of its number."""
        new = self.packing.missing(self.active, 64)
        for number in new:
            self.packing.heard(work(number, slot=number), started())
        self.active += new

    def train(self, epochs: int, peak: float = 1000) -> int:
        """Epochs of all; the number of slots afterwards."""
        for _ in range(epochs):
            for number in self.active:
                told = epoch(peak, self.speed(len(self.active)))
                self.packing.heard(work(number, slot=number), told)
        return self.packing.limit


def test_it_doubles_up_to_what_fits_while_all_together_are_faster() -> None:
    study = Study(lambda trainers: 100 * trainers**-0.5)  # together sqrt(2) times as fast
    limits = []
    for _ in range(5):
        study.start()
        limits.append(study.train(1))
        limits.append(study.train(4))
    assert limits == [1, 2, 2, 4, 4, 8, 8, 8, 8, 8]
    assert study.said == [
        "A trainer takes 1,000 MiB of a GPU (peak 1,000 MiB), 90,000 MiB are there: up to 8 trainers share it."
    ]


def test_it_never_goes_above_what_fits() -> None:
    study = Study(lambda trainers: 100, room=3500)
    for limit in (2, 3, 3):
        study.start()
        assert study.train(5) == limit


def test_where_all_together_are_no_faster_it_goes_back_and_stays() -> None:
    study = Study(lambda trainers: 100 if trainers <= 2 else 202 / trainers)
    for limit in (2, 4):
        study.start()
        assert study.train(5) == limit
    study.start()
    assert study.train(5) == 2
    assert study.said[1:] == ["4 trainers on a GPU train only 1.01 times as fast together as 2: 2 share it."]
    for number in (2, 3):  # their slots end with their trials
        study.packing.heard(work(number, over=True, slot=number), stopped())
        study.active.remove(number)
    assert study.train(20) == 2
    assert filled(study.packing).limit == 2
    assert study.train(1, peak=1001) == 2, "a peak that rises says no more than what fits"
    assert len(study.said) == 2


def test_one_has_the_gpu_alone_where_two_are_slower() -> None:
    study = Study(lambda trainers: 100 / trainers**1.5)
    for _ in range(2):
        study.start()
        study.train(5)
    assert study.packing.limit == 1
    assert study.said[1:] == ["2 trainers on a GPU train only 0.71 times as fast together as 1: 1 has it alone."]


@pytest.mark.parametrize(("rise", "limit"), [(RISE + 0.001, 4), (RISE - 0.001, 1)])
def test_how_much_faster_is_faster(rise: float, limit: int) -> None:
    study = Study(lambda trainers: 100 if trainers == 1 else 100 * rise / 2)
    for _ in range(2):
        study.start()
        study.train(5)
    assert study.packing.limit == limit


def test_on_several_gpus_each_has_as_many() -> None:
    """What is compared is all trainers together: 4 on two GPUs with 2."""
    study = Study(lambda trainers: 100 if trainers <= 4 else 400 / trainers, cards=2)
    for limit in (4, 8, 4):
        study.start()
        assert study.train(5) == limit
    assert study.said[1:] == ["4 trainers on a GPU train only 1.00 times as fast together as 2: 2 share it."]


def test_it_is_compared_before_it_doubles_again() -> None:
    """The trial beside the first has batches of its own, and says nothing of how much faster two are."""
    study = Study(lambda trainers: 100)
    study.start()
    study.train(5)
    other = work(1, slot=1, batch_size=10)
    study.packing.heard(other, started())
    for _ in range(6):
        study.packing.heard(other, epoch(900, 1000))
    study.train(2)
    assert study.packing.limit == 2
    study.train(1)
    assert study.packing.limit == 4


def test_trainings_too_short_to_be_timed_fill_the_card() -> None:
    """More begin once each slot has trained one trial to its end, which began beside as many."""
    study = Study(lambda trainers: 100)
    study.start()
    assert study.train(1) == 1
    packing = study.packing
    packing.heard(work(0, over=True), stopped())
    assert packing.limit == 2
    for number in (1, 2):
        packing.heard(work(number, slot=1), started())
        packing.heard(work(number, over=True, slot=1), stopped())
    assert packing.limit == 2, "the other slot has trained none of them yet"
    packing.heard(work(3, slot=0), started())
    packing.lost(work(3, slot=0))
    assert packing.limit == 2, "its trial is to be trained again"
    packing.heard(work(3, slot=0), started())
    packing.heard(work(3, over=True, slot=0), stopped())
    assert packing.limit == 4


def test_a_trial_that_began_with_fewer_does_not_end_as_one_of_more() -> None:
    study = Study(lambda trainers: 100)
    study.start()
    assert study.train(5) == 2
    study.packing.heard(work(1, slot=1), started())
    study.packing.heard(work(1, over=True, slot=1), stopped())
    study.packing.heard(work(0, over=True), stopped())
    assert study.packing.limit == 2


def test_after_a_lack_of_memory_what_was_tried_is_still_compared() -> None:
    """At 4 one lacks memory: 3 share the card, which are no faster than 2."""
    study = Study(lambda trainers: 100 if trainers <= 2 else 200 / trainers)
    for limit in (2, 4):
        study.start()
        assert study.train(5) == limit
    study.start()
    slots = [slot(number) for number in range(4)]
    assert study.packing.retries(slots[3], work(3, slot=3), lacking(), slots)
    study.active.remove(3)
    assert study.train(5) == 1, "what began goes on to its end, and no other begins"
    study.packing.heard(work(3, slot=0), started())
    study.packing.heard(work(3, over=True, slot=0), stopped())
    assert study.packing.limit == 2
    assert study.said[-1] == "3 trainers on a GPU train only 1.00 times as fast together as 2: 2 share it."


def test_a_lack_of_memory_beside_those_that_are_too_many_already_changes_nothing_more() -> None:
    """The slots that are gone back from still train what they began."""
    study = Study(lambda trainers: 100 if trainers <= 2 else 200 / trainers)
    for _ in range(3):
        study.start()
        study.train(5)
    assert (study.packing.limit, len(study.active)) == (2, 4)
    slots = [slot(number) for number in range(4)]
    assert study.packing.retries(slots[3], work(3, slot=3), lacking(), slots)
    study.packing.heard(work(3, over=True, slot=0), stopped())
    assert filled(study.packing).limit == 2


def test_one_that_lacked_memory_and_dies_alone_leaves_the_card_to_all() -> None:
    study = Study(lambda trainers: 100)
    for _ in range(2):
        study.start()
        study.train(5)
    slots = [slot(number) for number in range(4)]
    assert study.packing.retries(slots[1], work(1, slot=1), lacking(), slots)
    study.packing.lost(work(1, slot=0))
    assert study.packing.limit == 1, "it is trained again alone"
    study.packing.heard(work(1, over=True, slot=0), lacking())
    assert study.packing.limit == 3


# ---------------------------------------------------------------------------------------------------------- a whole run


@pytest.mark.parametrize("shared", [False, True])
def test_a_run_goes_back_to_one_trainer_where_two_are_no_faster(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    monkeypatch.setattr(Noops, "gpus", [0])
    view = Together(lambda: shop.executor, shop.place / "speed", shared)
    packing = Packing(3, 1, Card(1000), view.say)
    settings = {"gpu": True, **view.settings}
    assert shop.run(question(seeds=5, epochs=6), view=view, settings=settings, packing=packing) == "finished"
    assert shop.states() == ["COMPLETE"] * 10
    assert shop.executor is not None
    assert [slot.number for slot in shop.executor.started] == ([0, 1] if shared else [0, 1, 2])
    sentence = "2 trainers on a GPU train only 1.00 times as fast together as 1: 1 has it alone."
    assert [said for said in view.said if "together" in said] == ([sentence] if shared else [])
    if shared:  # what had begun beside another went on to its end
        assert max(record.number for record in shop.records() if record.slot == 1) <= 3


def test_of_a_trial_whose_slot_dies_it_is_told_too(shop: Workshop) -> None:
    class Told(Packing):
        def heard(self, work: Work, event: TrialEvent) -> None:
            super().heard(work, event)
            if work.record.terminal is not None:
                told.append(type(event).__name__)

        def lost(self, work: Work) -> None:
            super().lost(work)
            told.append("lost")

    told: list[str] = []
    settings = {"faults": {"*": "kill"}}
    assert shop.run(question(seeds=1), settings=settings, packing=Told(1)) == "finished"
    assert shop.states() == ["FAIL"] * 2
    again = shop.attempts(0) - 1
    assert again > 0
    assert told == [*["lost"] * again, "Failed"] * 2
