"""Which trainings of a search are stopped, from what the journals say.

What is decided follows from the trials that are over, those under way as far as they are, and the order in which their
epochs arrive. A controller that starts again reads the trials that are over from the journals; those that were under
way are trained again, and ranked again when they come by. Optuna is told of the end alone: PRUNED, without values,
which its samplers take for worse than a trial that was finished, with any number of objectives.

A training that exceeds a constraint is stopped after the epoch that shows it, the first where it is the size of the
model: it can be neither recommended nor trained again. Where the sampler learns of the excess from trials alone that
are finished, it is stopped by its rank, as others are (`search.study.infeasible`). Others are not ranked against it.
"""

from __future__ import annotations

from dataclasses import replace

from search.folder.curve import curve_of
from search.folder.record import TrialRecord
from search.study import Study
from search.study.constraints import keeps
from search.study.design import reference_params
from search.study.infeasible import stops_infeasible
from search.study.pruners import PRUNERS, Curve
from trainer.events import Epoch


class Pruning:
    """The curves of a search, and who is stopped by them. Of other studies it does nothing.

    Args:
        study: the design.
    """

    def __init__(self, study: Study) -> None:
        self._measure, self._limits = study.measure, study.constraints
        self._stops = PRUNERS[study.search.pruner].stops if study.search else None
        self._reference = reference_params(study) if study.search else None
        self._stops_infeasible = study.search is not None and stops_infeasible(study)
        self._infeasible: set[int] = set()
        self._curves: dict[int, Curve] = {}

    def see(self, record: TrialRecord) -> None:
        """Takes the curve of a trial, under way or over, and whether it exceeds a constraint. Of a trial that is
        trained again, the last attempt counts.
        """
        if record.role != "search":
            return
        if self._stops is not None:
            self._curves[record.number] = curve_of(record, self._measure)
        if keeps(self._limits, record.events):
            self._infeasible.discard(record.number)
        else:
            self._infeasible.add(record.number)

    def stops(self, record: TrialRecord) -> bool:
        """Whether a trial whose last event is an epoch is to be stopped after it. The reference model is not: what the
        search finds is compared with it.
        """
        self.see(record)
        if record.role != "search" or not isinstance(record.events[-1], Epoch) or record.params == self._reference:
            return False
        if self._stops_infeasible and record.number in self._infeasible:
            return True
        if self._stops is None:
            return False
        curve = self._curves[record.number]
        before = curve_of(replace(record, events=record.events[:-1]), self._measure)
        aside = {*self._infeasible, record.number}
        others = [other for number, other in self._curves.items() if number not in aside]
        news = range(len(before.values) + 1, len(curve.values) + 1)
        return any(self._stops(curve, epoch, others) for epoch in news)
