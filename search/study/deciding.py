"""The measures that may decide a study: the table of what levels are compared by, and trials chosen by.

Each is a share, and a sum over photographs, so that a difference has an interval; and it is measured on validation
photographs too, so that choices can be made by it there. Of the other measures, a calibration error has no interval.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from trainer.events import SplitMeasures
from trainer.registry import Registry

DEFAULT = "accuracy"


@dataclass(frozen=True)
class Deciding:
    """A measure that may decide, as an entry of `DECIDING`; `search.answer.measure_table` has one of the same name.

    Attributes:
        words: what it is called.
        of: reads it from what the trainer reported of a split; NaN of trainers that did not tell it.
    """

    words: str
    of: Callable[[SplitMeasures], float]


def mean_recall(split: SplitMeasures) -> float:
    """The mean over the classes that have images of the share of their images classified rightly."""
    return statistics.fmean(value for value in split.recall if value is not None)


def _auroc(split: SplitMeasures) -> float:
    return math.nan if split.auroc is None else split.auroc


DECIDING = Registry[Deciding]("measure that decides")
DECIDING.register("accuracy", Deciding("accuracy", attrgetter("accuracy")))
DECIDING.register("balanced_accuracy", Deciding("balanced accuracy", mean_recall))
DECIDING.register("macro_f1", Deciding("macro F1", attrgetter("macro_f1")))
DECIDING.register("auroc", Deciding("AUROC", _auroc))
