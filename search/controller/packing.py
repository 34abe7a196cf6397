"""How many trainers share a GPU: from what the first trial takes there and what is free; fewer after one lacked memory.

A slot is on the card of its number, modulo the number of cards, as executors deal them out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

from search.controller.slots import SlotState, Work
from search.executors import MOST_PER_GPU, Executor
from trainer.events import Epoch, Failed, TrialEvent

MARGIN = 0.1  # of what is free is left so: a choice, as another level's peak or another person's process may come

SAY_MORE = "(--slots-per-gpu N says how many share one)"
ONE_EACH = f"one trainer each {SAY_MORE}"

FreeMib = Callable[[], Sequence[float] | None]


def trainers_that_fit(room_mib: float, each_mib: float, most: int = MOST_PER_GPU) -> int:
    """How many trainers share a card, at least one.

    Args:
        room_mib: what they may have together.
        each_mib: what the largest takes.
        most: at once.
    """
    return max(1, min(most, math.floor(room_mib * (1 - MARGIN) / each_mib)))


class Packing:
    """Decides how many slots a run has. Every method belongs to the controller's thread.

    Until the first epoch is over, a trainer is alone on its card. Then as many are started as fit on the card with the
    least room; each higher peak is taken into account. A trial that lacked memory beside others is trained again,
    alone, before that counts as its own; afterwards one trainer less shares a card.

    Args:
        slots: at once, at the most.
        cards: GPUs; 0: the number of slots is fixed.
        free: what is free on each card, MiB, other people's processes considered; None where it cannot be asked.
        say: tells the user.
    """

    def __init__(
        self, slots: int, cards: int = 0, free: FreeMib = lambda: None, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._slots, self._cards, self._free, self._say = slots, cards, free, say
        self._before = free() if cards else None
        self._per_card = 1
        self._ceiling = min(MOST_PER_GPU, math.ceil(slots / cards)) if cards else 1
        self._peak = 0.0
        self._each = self._room = 0.0  # of a trainer, and of all on the card with the least room, MiB
        self._has_said = False  # that nothing is measured
        self._alone: int | None = None  # the trial that is trained again, alone

    @property
    def limit(self) -> int:
        """How many slots there may be; their numbers are below it."""
        if not self._cards:
            return self._slots
        return min(self._slots, self._cards * (1 if self._alone is not None else self._per_card))

    def heard(self, work: Work, event: TrialEvent) -> None:
        """A trial has said this, and it is written down."""
        if self._alone == work.trial.number and work.record.terminal is not None:
            self._alone = None
        if self._cards and isinstance(event, Epoch):
            peak = event.vram_peak_mib or 0.0
            if peak > self._peak:
                self._measured(peak)
            elif not self._peak and not self._has_said:
                self._has_said = True
                self._say(f"What a trainer takes of a GPU is not measured, as its allocator does not say: {ONE_EACH}.")

    def _measured(self, peak: float) -> None:
        free = self._free()
        if free is None or self._before is None:
            return  # NVML has stopped to answer: all stays as it is
        if self._each:
            self._each *= peak / self._peak
        else:  # one trainer a card so far: what it took, with its context and what its allocator keeps
            self._each = max(peak, min(then - now for then, now in zip(self._before, free, strict=True)))
            self._room = min(free) + self._each
        self._peak = peak
        fit = trainers_that_fit(self._room, self._each, self._ceiling)
        if fit != self._per_card:
            words = "1 trainer has it alone" if fit == 1 else f"{fit} trainers share it"
            self._say(
                f"A trainer takes {self._each:,.0f} MiB of a GPU (peak {peak:,.0f} MiB), {self._room:,.0f} MiB are "
                f"there: {words}."
            )
        self._per_card = fit

    def retries(self, state: SlotState, work: Work, event: TrialEvent, slots: Sequence[SlotState]) -> bool:
        """Whether a trial that failed for memory is trained again, for it was not alone on its card."""
        if not self._cards or not isinstance(event, Failed) or event.kind != "out_of_memory":
            return False
        card = state.slot.number % self._cards
        beside = [s for s in slots if s is not state and s.work is not None and s.slot.number % self._cards == card]
        if not beside:
            return False
        self._ceiling = self._per_card = max(1, min(self._per_card, len(beside) + 1) - 1)
        self._alone = work.trial.number
        share = "1 trainer has a GPU alone" if self._per_card == 1 else f"{self._per_card} trainers share a GPU"
        self._say(f"Trial {self._alone} lacked GPU memory beside others: it is trained again alone, then {share}.")
        return True

    def missing(self, there: Collection[int], wanted: int) -> list[int]:
        """Numbers of slots that are to be started now.

        Args:
            there: numbers of those that are there, or on their way.
            wanted: how many more have a trial to train.
        """
        if not self._cards:
            return []
        return [number for number in range(self.limit) if number not in there][: max(0, wanted)]

    def holds(self, slots: Sequence[SlotState]) -> bool:
        """Whether no trial may begin yet: one is to be trained alone, and others are not over."""
        return self._alone is not None and any(state.slot.number >= self.limit for state in slots)


def is_measured(executor: Executor, slots_per_gpu: int | None) -> bool:
    """Whether trainers that share a GPU are counted by measurement.

    Args:
        executor: of the run.
        slots_per_gpu: as the user says; None: where it can be.

    Raises:
        ExecutorError: as `Executor.check`.
    """
    return slots_per_gpu is None and executor.on_gpu and executor.free_vram_mib() is not None


def packing_of(executor: Executor, slots: int, slots_per_gpu: int | None, say: Callable[[str], None]) -> Packing | None:
    """The packing of a run; None where the number of its slots is fixed.

    Args:
        executor: of the run.
        slots: at the most.
        slots_per_gpu: as the user says; None: measured.
        say: tells the user.
    """
    if slots_per_gpu is not None or not executor.on_gpu:
        return None
    free = executor.free_vram_mib()
    if free is None:
        trainers = "1 trainer" if slots == 1 else f"{slots} trainers"
        say(f"The memory of the GPUs cannot be asked from here: {trainers}, and no more beside them {SAY_MORE}.")
        return None
    return Packing(slots, len(free), executor.free_vram_mib, say)
