"""GPUs that are filled by measurement: the decisions, with a card that the tests make up, and a whole run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from search.commands import slots_per_gpu_of
from search.controller.options import Options
from search.controller.packing import Packing, is_measured, packing_of, trainers_that_fit
from search.controller.slots import SlotState
from search.errors import SettingsError
from search.executors import MOST_PER_GPU, LocalExecutor, Resources, TrainerSource
from search.folder.record import TrialRecord
from search.run import parser
from tests.search.controller.told import epoch, lacking, started, stopped
from tests.search.workshop import Noops, Watcher, Workshop, question
from trainer.events import Failed, Started


class Card:
    """Memory in MiB that somebody else may have, too."""

    def __init__(self, *free: float) -> None:
        self.free: list[float] | None = list(free)

    def __call__(self) -> list[float] | None:
        return self.free


def work(number: int = 0, over: bool = False, slot: int = 0, batch_size: int = 100) -> Any:
    record = SimpleNamespace(
        terminal=over or None, slot=slot, config=SimpleNamespace(batch_size=batch_size, graph=lambda: ())
    )
    return SimpleNamespace(trial=SimpleNamespace(number=number), record=record)


def filled(found: Packing) -> Packing:
    """After trainings of no epoch on every slot, again and again: more share the card until no more fit."""
    limit = 0
    while found.limit > limit:
        limit = found.limit
        for number in range(100, 100 + limit):
            found.heard(work(number, slot=number - 100), started())
            found.heard(work(number, over=True, slot=number - 100), stopped())
    return found


def slot(number: int, busy: bool = True, card: str = "") -> SlotState:
    one: Any = SimpleNamespace(number=number, card=card)
    return SlotState(one, work=work(number) if busy else None)


def packing(card: Card, slots: int = 16) -> tuple[Packing, list[str]]:
    said: list[str] = []
    return Packing(slots, len(card.free or ()), card, said.append), said


def test_trainers_that_fit_leave_a_tenth() -> None:
    assert [trainers_that_fit(room, 1000) for room in (500, 1999, 2222, 2223, 5600, 1e6)] == [
        1,
        1,
        1,
        2,
        5,
        MOST_PER_GPU,
    ]
    assert trainers_that_fit(1e6, 1000, most=3) == 3


def test_the_first_trainer_is_alone_until_it_is_measured() -> None:
    card = Card(6000)
    found, said = packing(card)
    assert (found.limit, found.missing({0}, 9)) == (1, [])
    card.free = [4000.0]  # the process has taken more than the trial's peak: its context
    found.heard(work(), epoch(1500))
    assert said == [
        "A trainer takes 2,000 MiB of a GPU (peak 1,500 MiB), 6,000 MiB are there: up to 2 trainers share it."
    ]
    assert found.limit == 1, "until it is known how fast it is alone"
    filled(found)
    assert (found.limit, found.missing({0}, 9), found.missing({0}, 0)) == (2, [1], [])
    found.heard(work(), epoch(1500))
    assert len(said) == 1


def test_memory_that_others_take_meanwhile_is_theirs() -> None:
    card = Card(10_000)
    found, _ = packing(card)
    card.free = [2500.0]  # of 10,000; the trial's own peak is 400 MiB
    found.heard(work(), epoch(400))
    assert found.limit == 1, "what cannot be told from the trainer's own counts as its own"
    card = Card(3000)
    found, _ = packing(card)
    card.free = [5000.0]  # somebody has left
    found.heard(work(), epoch(1000))
    assert filled(found).limit == 5


def test_the_card_with_the_least_room_decides_and_slots_are_dealt_out_in_turn() -> None:
    card = Card(9000, 4000)
    found, _ = packing(card)
    assert (found.limit, found.missing({0}, 9)) == (2, [1])
    card.free = [8000.0, 3000.0]
    found.heard(work(), epoch(1000))
    filled(found)
    assert (found.limit, found.missing({0, 1}, 9), found.missing({0, 1}, 3)) == (6, [2, 3, 4, 5], [2, 3, 4])


def test_a_larger_trial_lets_fewer_share() -> None:
    card = Card(9000)
    found, said = packing(card)
    card.free = [8000.0]
    found.heard(work(), epoch(500))
    assert filled(found).limit == 8
    found.heard(work(), epoch(1000))  # its process is taken to be twice as large, too
    assert found.limit == 4
    assert said[-1].endswith("(peak 1,000 MiB), 9,000 MiB are there: up to 4 trainers share it.")


def test_slots_at_the_most_and_what_is_not_measured() -> None:
    card = Card(90_000)
    found, said = packing(card, slots=3)
    for _ in range(2):
        found.heard(work(), epoch(None))
    assert found.limit == 1
    assert said == [
        "What a trainer takes of a GPU is not measured, as its allocator does not say: one trainer each "
        "(--slots-per-gpu N says how many share one)."
    ]
    card.free = None  # NVML has stopped to answer
    found.heard(work(), epoch(100))
    assert found.limit == 1
    card.free = [89_000.0]
    found.heard(work(), epoch(100))
    assert filled(found).limit == 3
    assert Packing(5).limit == 5, "on the CPU the number is fixed"


def test_a_trial_that_lacks_memory_beside_others_is_trained_again_alone() -> None:
    card = Card(9000)
    found, said = packing(card)
    card.free = [8000.0]
    found.heard(work(), epoch(1000))
    slots = [slot(number) for number in range(8)]
    assert filled(found).limit == 8
    assert found.retries(slots[3], work(7), lacking(), slots)
    assert (found.limit, found.holds(slots), found.holds(slots[:1])) == (1, True, False)
    assert (
        said[-1] == "Trial 7 lacked GPU memory beside others: it is trained again alone, then 7 trainers share a GPU."
    )
    found.heard(work(5, over=True), epoch(1000))
    assert found.limit == 1, "another trial's end"
    assert not found.retries(slots[0], work(7), lacking(), slots[:1]), "alone, it is the trial's own"
    found.heard(work(7, over=True), lacking())
    assert (found.limit, found.holds(slots)) == (7, False)
    found.heard(work(8), epoch(1001))
    assert found.limit == 7, "more than were too many do not share again"


def test_who_is_on_another_card_is_not_beside() -> None:
    card = Card(9000, 9000)
    found, _ = packing(card)
    slots = [slot(0), slot(1), slot(2, busy=False)]
    assert not found.retries(slots[0], work(0), lacking(), slots)
    failed = Failed(trial="t", kind="error", message="made up")
    assert not found.retries(slots[0], work(0), failed, [*slots, slot(4)])
    assert not Packing(4).retries(slots[0], work(0), lacking(), [*slots, slot(4)]), "on which card it is is not known"


def test_beside_so_many_as_the_user_says_it_is_trained_again_while_no_other_trial_is() -> None:
    said: list[str] = []
    found = Packing(4, say=said.append)
    slots = [slot(0, card="lab1 0"), slot(1, card="lab2 0"), slot(2, busy=False, card="lab1 0")]
    assert not found.retries(slots[0], work(0), lacking(), slots), "nobody trains beside it"
    slots[2].work = work(2)
    assert found.retries(slots[0], work(0), lacking(), slots)
    assert found.retries(slots[2], work(2), lacking(), [*slots[1:], slot(3, card="lab1 0")])
    assert said == [
        f"Trial {number} lacked GPU memory beside others: it is trained again alone. With fewer trainers a GPU "
        "(--slots-per-gpu) no trial is trained twice."
        for number in (0, 2)
    ]
    assert (found.limit, found.holds(slots), found.holds([slot(0, busy=False)])) == (4, True, False)
    found.heard(work(0, over=True), stopped())
    assert found.holds(slots), "one is still to be trained alone"
    found.heard(work(2, over=True), stopped())
    assert not found.holds(slots)


# ---------------------------------------------------------------------------------------------------- where it is set


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Free bytes by card."""
    free = {0: 8 * 2**30, 1: 2 * 2**30}
    module = ModuleType("pynvml")
    module.nvmlInit = module.nvmlShutdown = lambda: None  # type: ignore[attr-defined]
    module.nvmlDeviceGetHandleByIndex = lambda index: index  # type: ignore[attr-defined]
    module.nvmlDeviceGetMemoryInfo = lambda card: SimpleNamespace(free=free[card])  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return free


def test_what_is_free_is_asked_of_nvml_in_the_order_of_slots(nvml: dict[int, int], tmp_path: Path) -> None:
    executor = LocalExecutor(TrainerSource(tmp_path, tmp_path, tmp_path), tmp_path, gpus=[1, 0])
    assert executor.free_vram_mib() == [2048.0, 8192.0]
    found = packing_of(executor, 12, None, lambda _: None)
    assert found.limit == 2
    assert packing_of(executor, 12, 3, lambda _: None).limit == 12
    said: list[str] = []
    del nvml[0]  # the driver refuses
    assert packing_of(executor, 2, None, said.append).limit == 2
    assert said == [
        "The memory of the GPUs cannot be asked from here: 2 trainers, and no more beside them (--slots-per-gpu N says "
        "how many share one)."
    ]
    assert packing_of(executor, 1, None, said.append).limit == 1
    assert said[1].startswith("The memory of the GPUs cannot be asked from here: 1 trainer, and ")
    on_cpu = LocalExecutor(TrainerSource(tmp_path, tmp_path, tmp_path), tmp_path, gpus=[])
    assert packing_of(on_cpu, 2, None, said.append).limit == 2
    assert len(said) == 2


def test_how_many_slots_there_are_at_first_and_at_the_most(
    nvml: dict[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.executors._local.available_cores", lambda: 12)

    def made(gpus: list[int], each: int | None = None) -> LocalExecutor:
        return LocalExecutor(TrainerSource(tmp_path, tmp_path, tmp_path), tmp_path, gpus=gpus, slots_per_gpu=each)

    assert [(made(gpus).default_slots(), made(gpus).most_slots()) for gpus in ([0], [0, 1])] == [(1, 8), (2, 12)]
    assert (made([0, 1], 3).default_slots(), made([0, 1], 3).most_slots()) == (6, 6)
    assert made([]).most_slots() == made([]).default_slots()
    assert [made([0]).capacity().slots_per_gpu, made([0], 3).capacity().slots_per_gpu] == [None, 3]
    assert is_measured(made([0]), None)
    assert not is_measured(made([0]), 1)
    assert not is_measured(made([]), None)
    monkeypatch.setattr("search.executors._local.available_cores", lambda: 1)
    assert made([0, 1]).most_slots() == 2, "a trainer a GPU, whatever the cores"
    nvml.clear()  # the driver refuses
    assert (made([0, 1]).most_slots(), made([0]).capacity().slots_per_gpu) == (2, 1)
    assert not is_measured(made([0]), None)


def test_the_start_says_that_trainers_share_gpus(
    nvml: dict[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    executor = LocalExecutor(TrainerSource(tmp_path, tmp_path, tmp_path), tmp_path, gpus=[1], slots_per_gpu=None)
    start = "local processes on GPU 1, as many as fit on each"
    assert executor.check() == f"{start}, in turns, as no daemon of NVIDIA MPS runs"
    (tmp_path / "control").touch()
    assert executor.check() == f"{start}, by NVIDIA MPS"
    (tmp_path / "control").unlink()
    nvml.clear()
    assert executor.check() == "local processes on GPU 1", "one each, as the memory cannot be asked"


def test_it_is_the_default() -> None:
    assert Options(Path("data")).slots_per_gpu is Resources().slots_per_gpu is None
    assert parser().parse_args([]).slots_per_gpu == "auto"


def test_the_flag() -> None:
    assert (slots_per_gpu_of("auto"), slots_per_gpu_of("3")) == (None, 3)
    for wrong in ("0", "-1", "some", "1.5"):
        with pytest.raises(
            SettingsError, match=f"--slots-per-gpu {wrong}: allowed are auto, or a number of at least 1"
        ):
            slots_per_gpu_of(wrong)


# ---------------------------------------------------------------------------------------------------------- a whole run


def test_a_run_fills_the_card_and_trains_again_alone_what_lacked_memory(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trial 0 is held after its third epoch; trial 1, which began beside it once it was measured, lacks memory once."""
    monkeypatch.setattr(Noops, "gpus", [0])
    marks = shop.place / "marks"
    marks.mkdir()
    study = question((0.1, 0.01, 0.001, 0.0001), seeds=1, epochs=5)
    settings = {"gpu": True, "steps": True, "faults": {"*": ["out_of_memory", 4, 1]}, "marks": str(marks)}
    card = Card(1000)

    class Steps(Watcher):
        def trial(self, record: TrialRecord, tally: Any) -> None:
            if record.events and isinstance(record.events[-1], Started):
                card.free = [960.0]
            elif record.number or len(record.epochs) < 3 or any("lacked" in sentence for sentence in self.said):
                shop.step(record)

        def say(self, sentence: str) -> None:
            super().say(sentence)
            if "lacked" in sentence:
                assert shop.executor is not None
                for _ in range(2):
                    shop.executor.slot(0).send(json.dumps({"step": "rates-00000"}))

    view = Steps()
    assert shop.run(study, view=view, settings=settings, packing=Packing(2, 1, card, view.say)) == "finished"
    assert shop.states() == ["COMPLETE"] * 4
    assert view.said[:2] == [
        "A trainer takes 40 MiB of a GPU (peak 40 MiB), 1,000 MiB are there: up to 2 trainers share it.",
        "Trial 1 lacked GPU memory beside others: it is trained again alone, then 1 trainer has a GPU alone.",
    ]
    assert [shop.attempts(number) for number in range(4)] == [1, 2, 1, 1]
    again, others = shop.records()[1], [record for record in shop.records() if record.number != 1]
    for other in others:
        assert other.finished_at is not None and again.finished_at is not None
        assert other.finished_at <= again.started_at or other.started_at >= again.finished_at


def test_a_run_of_two_a_gpu_trains_again_alone_what_lacked_memory(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both train their first epochs beside each other; the first that comes to its fourth lacks memory, once."""
    monkeypatch.setattr(Noops, "gpus", [0])
    monkeypatch.setattr(Noops, "slots_per_gpu", 2)
    marks = shop.place / "marks"
    marks.mkdir()
    study = question((0.1, 0.01, 0.001, 0.0001), seeds=1, epochs=5)
    settings = {"gpu": True, "steps": True, "faults": {"*": ["out_of_memory", 4, 1]}, "marks": str(marks)}
    held: dict[int, TrialRecord] = {}

    class Steps(Watcher):
        def trial(self, record: TrialRecord, tally: Any) -> None:
            if not record.epochs or record.terminal is not None:
                return
            if len(record.epochs) == 1 and len(held) < 2:
                held[record.number] = record
                for other in held.values() if len(held) == 2 else ():
                    shop.step(other)
            else:
                shop.step(record)

    view = Steps()
    assert shop.run(study, slots=2, view=view, settings=settings, packing=Packing(2, say=view.say)) == "finished"
    assert shop.states() == ["COMPLETE"] * 4
    (said,) = [sentence for sentence in view.said if "lacked" in sentence]
    number = int(said.split()[1])
    assert number in held
    assert sorted(shop.attempts(one) for one in range(4)) == [1, 1, 1, 2]
    again, others = shop.records()[number], [record for record in shop.records() if record.number != number]
    for other in others:
        assert other.finished_at is not None and again.finished_at is not None
        assert other.finished_at <= again.started_at or other.started_at >= again.finished_at


@pytest.mark.parametrize(
    ("settings", "numbers"), [({"gpu": "mute"}, {0}), ({"gpu": True, "backend": "jax"}, {0, 1})], ids=["mute", "jax"]
)
def test_allocators_that_say_nothing_and_those_that_say_a_peak_once(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], numbers: set[int]
) -> None:
    """JAX cannot begin a peak anew, so that each trial has a process of its own, and is measured in it."""
    monkeypatch.setattr(Noops, "gpus", [0])
    view = Watcher()
    study = question(seeds=3, epochs=1)
    assert shop.run(study, view=view, settings=settings, packing=Packing(2, 1, Card(1000), view.say)) == "finished"
    assert shop.states() == ["COMPLETE"] * 6
    assert shop.executor is not None
    assert {slot.number for slot in shop.executor.started} == numbers
    assert any("its allocator does not say: one trainer each" in said for said in view.said) == (numbers == {0})
