"""The figure of a trial: what a design chooses by, and a search looks for."""

from __future__ import annotations

from search.folder.record import TrialRecord
from search.study import Study
from search.study.constraints import keeps
from search.study.deciding import DECIDING
from trainer.events import Finished


def stayed_at_chance(end: Finished) -> bool:
    """Whether a training said at its end that it never left chance; trainers of version 0.1 did not tell."""
    return "start_epoch" in end.model_fields_set and end.start_epoch is None


def figure_of(study: Study, record: TrialRecord) -> float | None:
    """The measure that decides, on validation.

    None of a trial that has not finished, that breaks a constraint, or that is of a search and ended at chance: such a
    figure says nothing of the settings but that they did not learn.
    """
    end = record.finished
    if end is None or not keeps(study.constraints, record.events):
        return None
    if record.role == "search" and stayed_at_chance(end):
        return None
    return DECIDING[study.measure].of(end.splits["val"])
