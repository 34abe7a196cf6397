"""How long a study may still take, from what trials cost beside each other and how fast the slots train them.

The speed is that of the epochs under way, which trainers measure themselves. It does not wait for trials to end, and
whether an event came a moment sooner changes nothing: a figure from work done since the start jumps with both.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from search.console.callbacks import Tally
from search.folder.record import TrialRecord
from search.study.cost import relative_cost

RECENT = 10  # epochs whose mean is a slot's speed: one alone may be slow


class TimeLeft:
    """Knows the trials that have ended since the study began or went on."""

    def __init__(self) -> None:
        self._costs: list[float] = []
        self._beside_s: list[float] = []  # of each: what it took beside its epochs, as evaluations and traces

    def over(self, record: TrialRecord) -> None:
        """A trial has ended."""
        self._costs.append(relative_cost(record.config))
        if record.finished_at is not None and record.epochs:
            spent_s = record.finished_at - record.started_at - sum(epoch.epoch_s for epoch in record.epochs)
            self._beside_s.append(max(0.0, spent_s))

    def left_s(self, tally: Tally, running: Sequence[TrialRecord]) -> float | None:
        """Seconds; at most, where trials may end early. None before an epoch has ended.

        Args:
            tally: how far the study is.
            running: the trials under way, a slot each.
        """
        paced = [record for record in running if record.epochs]
        if not paced:
            return None
        paces = {record.number: _cost_a_second(record) for record in paced}
        pace = fmean(paces.values())
        under_way = {record.number: _cost_left(record) for record in running}
        to_begin = max(0, tally.total - tally.over - len(running))
        work = sum(under_way.values()) + to_begin * self._mean_of_rest(tally, running, to_begin)
        longest_s = max(cost / paces.get(number, pace) for number, cost in under_way.items())
        beside_s = fmean(self._beside_s) if self._beside_s else 0.0
        slots = len(running)
        return max(work / (pace * slots), longest_s) + beside_s * (1 + to_begin / slots)

    def _mean_of_rest(self, tally: Tally, running: Sequence[TrialRecord], to_begin: int) -> float:
        """What a trial costs that has not begun: levels differ, and those that came first may be the small ones."""
        known = [*self._costs, *(relative_cost(record.config) for record in running)]
        if not tally.mean_cost or not to_begin:
            return fmean(known)
        before = max(0, tally.over - len(self._costs))
        rest = tally.mean_cost * (tally.total - before) - sum(known)
        return max(rest / to_begin, min(known) / 2)


def _cost_a_second(record: TrialRecord) -> float:
    recent = fmean(epoch.epoch_s for epoch in record.epochs[-RECENT:])
    return relative_cost(record.config) / record.config.epochs / max(recent, 1e-9)


def _cost_left(record: TrialRecord) -> float:
    return relative_cost(record.config) * (1 - len(record.epochs) / record.config.epochs)
