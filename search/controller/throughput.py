"""How fast trainers are together, by how many train at once: from the speeds that they tell after each epoch.

Models of a search differ in size, and no unit makes their speeds equal: a small one does fewer operations a second than
a large one. So speeds are compared between equal models alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable
from statistics import median

from trainer.events import TERMINAL, Epoch, Started, TrialEvent

EPOCHS = 2  # of each trainer, and of a model that is compared: a choice, so that no single epoch decides


class Throughput:
    """Images a second of all trainers together, by their number. It hears of every trial, and knows no clock.

    An epoch counts if all of it was trained beside the same others, each of them past its first epoch: a training
    begins with tracing, in which it leaves the GPU to the others.
    """

    def __init__(self) -> None:
        self._active: dict[int, Hashable] = {}  # by trial
        self._first: set[int] = set()  # those of them in their first epoch
        self._stale: set[int] = set()  # those of them in an epoch that began beside others than now
        self._counted: Counter[int] = Counter()  # epochs, by the number of trainers
        self._rates: defaultdict[int, defaultdict[Hashable, list[float]]] = defaultdict(lambda: defaultdict(list))

    def heard(self, trial: int, model: Hashable, event: TrialEvent) -> None:
        """A trial has said this.

        Args:
            trial: its number.
            model: equal where trainings are equally fast: the graph and the batch size.
            event: what it said.
        """
        if isinstance(event, Started):
            self._active[trial] = model
            self._first.add(trial)
            self._stale = set(self._active)
        elif isinstance(event, TERMINAL):
            self.ended(trial)
        elif isinstance(event, Epoch) and trial in self._first:
            self._first.remove(trial)
            self._stale = set(self._active) - {trial}
        elif isinstance(event, Epoch) and trial in self._stale:
            self._stale.remove(trial)
        elif isinstance(event, Epoch) and not self._first and event.images_per_s > 0:
            self._counted[len(self._active)] += 1
            self._rates[len(self._active)][model].append(event.images_per_s)

    def ended(self, trial: int) -> None:
        """A trial is no longer trained, whether or not it said so."""
        if self._active.pop(trial, None) is not None:
            self._first.discard(trial)
            self._stale = set(self._active)

    def knows(self, trainers: int) -> bool:
        """Whether enough epochs were counted of so many trainers at once."""
        return self._counted[trainers] >= EPOCHS * trainers

    def rise(self, smaller: int, greater: int) -> float | None:
        """How many times as fast the greater number of trainers is together as the smaller.

        Of each model that was trained at both numbers, the median speed in images/s times the number of trainers is
        compared; the median over models is given. None where too little is known.
        """
        if not (self.knows(smaller) and self.knows(greater)):
            return None
        before, after = self._rates[smaller], self._rates[greater]
        shared = [m for m in before.keys() & after.keys() if min(len(before[m]), len(after[m])) >= EPOCHS]
        if not shared:
            return None
        return median(greater * median(after[model]) / (smaller * median(before[model])) for model in shared)
