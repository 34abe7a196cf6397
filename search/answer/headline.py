"""The figures that stand for a study in one line of a table, as in MLflow's: means over one level's trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from search.answer.answer import Answer
from search.answer.levels import LevelAnswer
from search.folder.record import TrialRecord
from search.text import shown
from trainer.events import Finished


class Headline(NamedTuple):
    """Figures of a study, and in words what they are of.

    Attributes:
        metrics: by the names that a trial has in MLflow; `test_accuracy/LEVEL` for each level of a question.
        of: what those without a level's name are of; empty where there are none.
    """

    metrics: Mapping[str, float]
    of: str


def headline(answer: Answer) -> Headline:
    """The figures of the best level where the answer ranks levels, else of the reference level; of the best trial of a
    search. A figure that was not measured is absent.
    """
    metrics = {
        f"test_accuracy/{shown(level.level)}": mean
        for level in answer.levels
        if level.level is not None and (mean := _mean_test(level)) is not None
    }
    if answer.search is not None:
        best = answer.search.best if answer.search.words.ranks else None
        return Headline(_means([best]), f"trial {best.number}, the best on validation") if best else Headline({}, "")
    level = answer.best or answer.reference
    if level is None:
        return Headline(metrics, "")
    name = "the reference model" if level.level is None else shown(level.level)
    why = ", the best on validation" if answer.best is not None and answer.best.level is not None else ""
    trials = level.measured or level.trials
    return Headline({**metrics, **_means(trials)}, f"mean over {len(trials)} trials of {name}{why}")


def _mean_test(level: LevelAnswer) -> float | None:
    return _means(level.measured or level.trials).get("test_accuracy")


def _means(trials: Sequence[TrialRecord]) -> dict[str, float]:
    ends = [trial.finished for trial in trials if trial.finished]
    figures = [_figures(end) for end in ends]
    names = dict.fromkeys(name for found in figures for name in found)
    by_name = {name: [found[name] for found in figures if name in found] for name in names}
    return {name: sum(values) / len(values) for name, values in by_name.items()}


def _figures(end: Finished) -> dict[str, float]:
    found = {
        "test_accuracy" if split == "test" else f"final_{split}_accuracy": measures.accuracy
        for split, measures in end.splits.items()
    }
    found |= {"train_s": end.train_s, "parameters": float(end.parameters)}
    return found if end.vram_peak_mib is None else {**found, "vram_peak_mib": end.vram_peak_mib}
