"""How many trainers share a GPU: as many as fit by what the first trial takes there, and as train faster together.

A slot is on the card of its number, modulo the number of cards, as executors deal them out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

from search.controller.slots import SlotState, Work
from search.controller.throughput import Throughput
from search.executors import MOST_PER_GPU, Executor
from trainer.events import TERMINAL, Epoch, Failed, Started, TrialEvent

MARGIN = 0.1  # of what is free is left so: a choice, as another level's peak or another person's process may come
RISE = 1.05  # more trainers are at least so many times as fast together: a choice, above the noise of a few epochs

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

    Until the first epoch is over, a trainer is alone on its card. Then as many may share a card as fit on the one with
    the least room; each higher peak is taken into account. Their number doubles up to that, each time once it is known
    that they are faster together than the number before (`RISE`); where they are not, that is gone back to, for good.
    Where trainings are too short, or too different, to know it, the number doubles once each slot has trained one. A
    trial that lacked memory beside others is trained again, alone, before that counts as its own; afterwards one
    trainer less shares a card. Where the number is fixed, no other trial at all trains beside that one.

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
        self._below = 0  # the number before that, while it is not known which is faster
        self._fit = 1
        self._ceiling = min(MOST_PER_GPU, math.ceil(slots / cards)) if cards else 1
        self._throughput = Throughput()
        self._begun: set[int] = set()  # trials, since so many share a card
        self._used: set[int] = set()  # slots that trained one of them to its end
        self._peak = 0.0
        self._each = self._room = 0.0  # of a trainer, and of all on the card with the least room, MiB
        self._has_said = False  # that nothing is measured
        self._alone: set[int] = set()  # trials that are trained again, alone

    @property
    def limit(self) -> int:
        """How many slots there may be; their numbers are below it."""
        if not self._cards:
            return self._slots
        return self._trainers(1 if self._alone else self._per_card)

    def _trainers(self, per_card: int) -> int:
        return min(self._slots, self._cards * per_card)

    def heard(self, work: Work, event: TrialEvent) -> None:
        """A trial has said this, or this is said of it, and it is written down."""
        if work.record.terminal is not None:
            self._alone.discard(work.trial.number)
        if not self._cards:
            return
        if isinstance(event, Epoch):
            peak = event.vram_peak_mib or 0.0
            if peak > self._peak:
                self._measured(peak)
            elif not self._peak and not self._has_said:
                self._has_said = True
                self._say(f"What a trainer takes of a GPU is not measured, as its allocator does not say: {ONE_EACH}.")
        elif isinstance(event, Started):
            self._begun.add(work.trial.number)
        elif isinstance(event, TERMINAL) and work.trial.number in self._begun:
            self._used.add(work.record.slot)
        config = work.record.config
        self._throughput.heard(work.trial.number, (config.batch_size, *config.graph()), event)
        self._weigh()

    def lost(self, work: Work) -> None:
        """A trial's slot is gone, and the trial is not over."""
        self._throughput.ended(work.trial.number)

    def _weigh(self) -> None:
        """Lets more trainers share a card, or fewer again, where enough is known."""
        now = self._trainers(self._per_card)
        if self._below:
            rise = self._throughput.rise(self._trainers(self._below), now)
            if rise is not None and rise < RISE:
                words = "1 has it alone" if self._below == 1 else f"{self._below} share it"
                self._say(
                    f"{self._per_card} trainers on a GPU train only {rise:.2f} times as fast together as "
                    f"{self._below}: {words}."
                )
                self._cap(self._below)
                return
            if rise is not None:
                self._below = 0
        more = min(2 * self._per_card, self._fit)
        is_known = not self._below and self._throughput.knows(now)
        if more > self._per_card and (is_known or len(self._used) >= now):
            self._share(more)

    def _cap(self, most: int) -> None:
        """No more than so many share a card, for good."""
        self._fit = self._ceiling = most
        self._share(min(self._per_card, most))

    def _share(self, number: int) -> None:
        """So many share a card from now on."""
        if number == self._per_card:
            return
        if number > self._per_card:
            self._below = self._per_card
        elif number <= self._below:
            self._below = 0
        self._per_card = number
        self._begun.clear()
        self._used.clear()

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
        if fit != self._fit:
            words = "1 trainer has it alone" if fit == 1 else f"up to {fit} trainers share it"
            self._say(
                f"A trainer takes {self._each:,.0f} MiB of a GPU (peak {peak:,.0f} MiB), {self._room:,.0f} MiB are "
                f"there: {words}."
            )
        self._fit = fit
        self._share(min(self._per_card, fit))

    def retries(self, state: SlotState, work: Work, event: TrialEvent, slots: Sequence[SlotState]) -> bool:
        """Whether a trial that failed for memory is trained again, for it was not alone on its card."""
        if not isinstance(event, Failed) or event.kind != "out_of_memory":
            return False
        card = self._card(state)
        beside = [other for other in slots if other is not state and other.work and self._card(other) == card]
        if card == "" or not beside:
            return False
        self.lost(work)
        self._alone.add(work.trial.number)
        again = f"Trial {work.trial.number} lacked GPU memory beside others: it is trained again alone"
        if self._cards:
            self._cap(min(self._per_card, len(beside)))
            share = "1 trainer has a GPU alone" if self._per_card == 1 else f"{self._per_card} trainers share a GPU"
            self._say(f"{again}, then {share}.")
        else:
            self._say(f"{again}. With fewer trainers a GPU (--slots-per-gpu) no trial is trained twice.")
        return True

    def _card(self, state: SlotState) -> int | str:
        """What slots on one GPU have in common; empty: it has none, or none that is known."""
        return state.slot.number % self._cards if self._cards else state.slot.card

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
        if not self._alone:
            return False
        if self._cards:
            return any(state.slot.number >= self.limit for state in slots)
        return any(state.work is not None for state in slots)


def is_measured(executor: Executor, slots_per_gpu: int | None) -> bool:
    """Whether trainers that share a GPU are counted by measurement.

    Args:
        executor: of the run.
        slots_per_gpu: as the user says; None: where it can be.

    Raises:
        ExecutorError: as `Executor.check`.
    """
    return slots_per_gpu is None and executor.on_gpu and executor.free_vram_mib() is not None


def packing_of(executor: Executor, slots: int, slots_per_gpu: int | None, say: Callable[[str], None]) -> Packing:
    """The packing of a run; without measurement the number of its slots is fixed.

    Args:
        executor: of the run.
        slots: at the most.
        slots_per_gpu: as the user says; None: measured.
        say: tells the user.
    """
    if slots_per_gpu is not None or not executor.on_gpu:
        return Packing(slots, say=say)
    free = executor.free_vram_mib()
    if free is None:
        trainers = "1 trainer" if slots == 1 else f"{slots} trainers"
        say(f"The memory of the GPUs cannot be asked from here: {trainers}, and no more beside them {SAY_MORE}.")
        return Packing(slots, say=say)
    return Packing(slots, len(free), executor.free_vram_mib, say)
