"""How a study stands: its trials that are over, in a few words each, and the best of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from search.console.callbacks import Tally
from search.folder.record import Role, State, TrialRecord
from search.study import Study
from search.study.design import Result
from search.study.space import ParamValue
from trainer.events import Finished


@dataclass(frozen=True, slots=True)
class Over:
    """A trial that is over. Its journal has the rest, which would take 100 kB a trial of memory on the full set."""

    params: dict[str, ParamValue]
    role: Role
    state: State
    accuracy: float | None  # on validation


class Results:
    """The trials that are over.

    Args:
        study: the design.
        models: the folder of saved models, of which the best trial's is kept.
    """

    def __init__(self, study: Study, models: Path) -> None:
        self._study, self._models = study, models
        self._over: dict[int, Over] = {}
        self._counts: Counter[str] = Counter()
        self.best: TrialRecord | None = None

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
        """The params, role and validation accuracy of each trial that is over; `plan` reads them."""
        return ((over.params, over.role, over.accuracy) for over in self._over.values())

    def settle(self, record: TrialRecord) -> None:
        """A trial has its outcome. Of the models of two finished trials the better one's is kept."""
        finished = record.finished
        accuracy = finished.splits["val"].accuracy if finished else None
        self._over[record.number] = Over(dict(record.params), record.role, record.state, accuracy)
        self._counts[record.state] += 1
        if finished is None:
            return
        loser: TrialRecord | None = record
        if self.best is None or _rank(record) > _rank(self.best):
            self.best, loser = record, self.best
        if loser is not None and loser.finished and loser.finished.model_file:
            (self._models / loser.finished.model_file).unlink(missing_ok=True)

    def tally(self, total: int, behind: str) -> Tally:
        """How far the study is.

        Args:
            total: trials in the end.
            behind: which stores do not know all, in words.
        """
        return Tally(
            total=max(total, len(self)),
            complete=self._counts["COMPLETE"],
            failed=self._counts["FAIL"],
            pruned=self._counts["PRUNED"],
            best=self.best,
            behind=behind,
        )


def _rank(record: TrialRecord) -> tuple[bool, float, int]:
    """Replicates before tuning trials, then validation accuracy, then the earlier trial."""
    assert isinstance(record.finished, Finished)
    return (record.role != "tuning", record.finished.splits["val"].accuracy, -record.number)
