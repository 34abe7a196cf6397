"""What a finished training is measured by: the table of measures, of a whole split and of each class.

Every entry is computed from a split's predictions, photograph by photograph, so it has an interval in the answer. The
answer's tables, MLflow's metrics and Optuna's attributes have a column or a name for each. Differences between levels,
sentences and figures are of accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from search.answer.measures import Measure, Predictions, accuracy, macro_f1, recall
from search.answer.statistics.intervals import Estimate
from search.folder.record import TrialRecord
from search.study.objectives import Direction
from trainer.events import SplitMeasures, SplitName
from trainer.registry import Registry

Unit = Literal["%", ""]


@dataclass(frozen=True)
class SplitMeasure:
    """A measure of a split as a whole.

    Attributes:
        words: what it is called.
        direction: which values are better.
        unit: "%": shown in per cent; "": shown as a plain number.
        of: computes it, of each seed, and what each photograph contributes to it.
        reported: reads what the trainer said of it, so that what is shown is the trainer's to the last digit; None for
            a measure that the trainer does not know.
        has_curve: whether the trainer gives it for every epoch too, under the same name. MLflow has the value at the
            end as `final_...` then.
        is_share: whether it lies between 0 and 1: its interval then does so too.
    """

    words: str
    direction: Direction
    unit: Unit
    of: Callable[[Predictions], Measure]
    reported: Callable[[SplitMeasures], float] | None = None
    has_curve: bool = False
    is_share: bool = True

    def estimate(self, predictions: Predictions) -> Estimate:
        """The measure of these predictions, with its interval."""
        found = self.of(predictions)
        return found.share() if self.is_share else found.difference()


@dataclass(frozen=True)
class ClassMeasure:
    """A measure of each class, a share.

    Attributes:
        words: what it is called.
        explained: a sentence below its table.
        direction: which values are better.
        of: computes it for a class; None for a class without images.
        reported: reads what the trainer said of it, a value a class; None for a measure that the trainer does not know.
    """

    words: str
    explained: str
    direction: Direction
    of: Callable[[Predictions, int], Measure | None]
    reported: Callable[[SplitMeasures], list[float | None]] | None = None


MEASURES = Registry[SplitMeasure]("measure")
MEASURES.register(
    "accuracy", SplitMeasure("accuracy", "maximize", "%", accuracy, reported=attrgetter("accuracy"), has_curve=True)
)
MEASURES.register("macro_f1", SplitMeasure("macro F1", "maximize", "", macro_f1, reported=attrgetter("macro_f1")))

CLASS_MEASURES = Registry[ClassMeasure]("measure of a class")
CLASS_MEASURES.register(
    "recall",
    ClassMeasure(
        "recall",
        "The share of each class's test images that is classified correctly (recall), in per cent.",
        "maximize",
        recall,
        reported=attrgetter("recall"),
    ),
)


def split_values(record: TrialRecord, split: SplitName) -> dict[str, float]:
    """The measures of one finished training, by name.

    Raises:
        ValueError: the trial is not finished.
    """
    reported = _reported(record, split)
    unknown = any(entry.reported is None for entry in MEASURES.values())
    predictions = Predictions.of([record], split) if unknown else None
    found = {}
    for name, entry in MEASURES.items():
        if entry.reported is not None:
            found[name] = entry.reported(reported)
        elif predictions is not None:
            found[name] = float(entry.of(predictions).by_seed[0])
    return found


def class_values(record: TrialRecord, split: SplitName) -> Iterator[tuple[str, list[float | None]]]:
    """The measures of each class of one finished training: a name, and a value a class.

    Raises:
        ValueError: the trial is not finished.
    """
    reported = _reported(record, split)
    for name, entry in CLASS_MEASURES.items():
        if entry.reported is not None:
            yield name, entry.reported(reported)
        else:
            predictions = Predictions.of([record], split)
            found = [entry.of(predictions, label) for label in range(len(reported.confusion))]
            yield name, [float(measure.by_seed[0]) if measure else None for measure in found]


def metric_name(name: str, split: SplitName) -> str:
    """What MLflow calls the value at the end: `test_accuracy`, `final_val_accuracy`, `val_macro_f1`."""
    curve = MEASURES[name].has_curve and split != "test"
    return f"final_{split}_{name}" if curve else f"{split}_{name}"


def _reported(record: TrialRecord, split: SplitName) -> SplitMeasures:
    if record.finished is None:
        raise ValueError(f"trial {record.number} is not finished")
    return record.finished.splits[split]
