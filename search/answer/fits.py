"""What fits: for each common card the best configuration measured to fit its memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from search.answer.search_result import val_value
from search.folder.load import StoredStudy
from search.folder.record import TrialRecord

CARDS_GB = (4, 6, 8, 12, 16, 24)
# Left for the driver and a desktop: a choice. The process's figure has its own context in it, the allocator's has not.
HEADROOM_MIB = 512


@dataclass(frozen=True)
class Fit:
    """The best that fits a card.

    Attributes:
        card_gb: the card's memory.
        study: the name of the study.
        trial: the one of highest validation accuracy that fits; None where none does.
        vram_mib: what it was measured to need.
        test_accuracy: of that trial.
    """

    card_gb: int
    study: str
    trial: TrialRecord | None
    vram_mib: float
    test_accuracy: float


def needed_mib(trial: TrialRecord, context_mib: float = 0.0) -> float | None:
    """The driver's figure for the process where there is one, else the allocator's peak and what a process has beside
    it (`context_mib`); None where neither is.
    """
    end = trial.finished
    if end is None:
        return None
    if end.vram_process_mib is not None:
        return end.vram_process_mib
    return None if end.vram_peak_mib is None else end.vram_peak_mib + context_mib


def context_mib(trials: Iterable[TrialRecord]) -> float:
    """The most that a process was seen to have beside what its allocator gave out; 0 where none was seen with both."""
    ends = [trial.finished for trial in trials if trial.finished]
    pairs = [(end.vram_process_mib, end.vram_peak_mib) for end in ends]
    return max((whole - peak for whole, peak in pairs if whole is not None and peak is not None), default=0.0)


def what_fits(studies: Iterable[StoredStudy]) -> list[Fit]:
    """A line a card; empty where VRAM was not measured."""
    trials = [(study.name, trial) for study in studies for trial in study.finished]
    context = context_mib(trial for _, trial in trials)
    known = [(name, trial, need) for name, trial in trials if (need := needed_mib(trial, context)) is not None]
    if not known:
        return []
    fits = []
    for card in CARDS_GB:
        there = [entry for entry in known if entry[2] <= card * 1024 - HEADROOM_MIB]
        if not there:
            fits.append(Fit(card, "", None, 0.0, 0.0))
            continue
        name, trial, need = max(there, key=lambda entry: (val_value(entry[1], "accuracy"), -entry[2]))
        assert trial.finished is not None
        fits.append(Fit(card, name, trial, need, trial.finished.splits["test"].accuracy))
    return fits
