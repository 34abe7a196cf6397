"""How a study stands: its trials that are over, in a few words each, and the best of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from search.console.callbacks import Tally
from search.controller.pruning import Pruning
from search.folder.figure import figure_of
from search.folder.record import Role, State, TrialRecord
from search.study import Study
from search.study.constraints import keeps
from search.study.cost import mean_cost
from search.study.deciding import DECIDING
from search.study.design import Result, is_at_most, trial_count
from search.study.space import ParamValue
from trainer.events import Finished


@dataclass(frozen=True, slots=True)
class Over:
    """A trial that is over. Its journal has the rest, which would take 100 kB a trial of memory on the full set."""

    params: dict[str, ParamValue]
    role: Role
    state: State
    figure: float | None  # `search.folder.figure`


class Results:
    """The trials that are over.

    Args:
        study: the design.
        models: the folder of saved models, of which the best trial's is kept.

    Attributes:
        pruning: of a search, who is stopped against the others.
    """

    def __init__(self, study: Study, models: Path) -> None:
        self._study, self._models = study, models
        self._of = DECIDING[study.measure].of
        self._mean_cost = mean_cost(study)
        self._over: dict[int, Over] = {}
        self._counts: Counter[str] = Counter()
        self.pruning = Pruning(study)
        self.best: TrialRecord | None = None
        self.ended_at: float | None = None  # when the last one ended, in seconds since 1970
        self.left: Mapping[ParamValue, int] = {}  # levels that have left at looks, after how many replicates

    def __len__(self) -> int:
        return len(self._over)

    def __contains__(self, number: int) -> bool:
        return number in self._over

    @property
    def numbers(self) -> list[int]:
        """The numbers of the trials that are over, in the order in which they ended."""
        return list(self._over)

    @property
    def outcomes(self) -> Iterator[Result]:
        """The params, role and figure (`Over.figure`) of each trial that is over, by number; `plan` reads them."""
        return ((over.params, over.role, over.figure) for _, over in sorted(self._over.items()))

    def settle(self, record: TrialRecord) -> None:
        """A trial has its outcome. Of the models of two finished trials the better one's is kept."""
        self.pruning.see(record)
        finished = record.finished
        figure = figure_of(self._study, record)
        self._over[record.number] = Over(dict(record.params), record.role, record.state, figure)
        self._counts[record.state] += 1
        self.ended_at = max(filter(None, (self.ended_at, record.finished_at)), default=None)
        if finished is None:
            return
        loser: TrialRecord | None = record
        if self.best is None or self._rank(record) > self._rank(self.best):
            self.best, loser = record, self.best
        if loser is not None and loser.finished and loser.finished.model_file:
            (self._models / loser.finished.model_file).unlink(missing_ok=True)

    def tally(self, behind: str) -> Tally:
        """How far the study is.

        Args:
            behind: which stores do not know all, in words.
        """
        over = list(self.outcomes) if self._study.search and self._study.search.is_open else ()
        return Tally(
            total=max(trial_count(self._study, self.left, over), len(self)),
            at_most=is_at_most(self._study, self.left, over),
            complete=self._counts["COMPLETE"],
            failed=self._counts["FAIL"],
            pruned=self._counts["PRUNED"],
            best=self.best,
            behind=behind,
            mean_cost=self._mean_cost,
        )

    def _rank(self, record: TrialRecord) -> tuple[bool, bool, bool, float, int]:
        """Those that keep the constraints before others, of a search those that learnt, replicates before tuning
        trials, then the measure that decides on validation, then the earlier trial.
        """
        assert isinstance(record.finished, Finished)
        feasible = keeps(self._study.constraints, record.events)
        has_figure = figure_of(self._study, record) is not None
        value = self._of(record.finished.splits["val"])
        known = -math.inf if math.isnan(value) else value
        return (feasible, has_figure, record.role != "tuning", known, -record.number)
