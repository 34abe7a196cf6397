"""What a finished training is measured by: the table of measures, of a whole split and of each class.

Every entry is computed from a split's predictions, photograph by photograph, so it has an interval in the answer. The
answer's tables, MLflow's metrics and Optuna's attributes have a column or a name for each. Differences between levels,
sentences and figures are of the one that decides in a study (`search.study.deciding`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from search.answer.balanced import balanced_accuracy, specificity
from search.answer.measures import Measure, Predictions, accuracy, macro_f1, recall
from search.answer.probabilities import auroc, auroc_of, calibration_error
from search.answer.statistics.intervals import Estimate
from search.folder.record import TrialRecord
from search.study.deciding import mean_recall
from search.study.objectives import Direction
from trainer.events import Epoch, SplitMeasures, SplitName
from trainer.registry import Registry

Unit = Literal["%", ""]


@dataclass(frozen=True)
class SplitMeasure:
    """A measure of a split as a whole.

    Attributes:
        words: what it is called.
        direction: which values are better.
        unit: "%": shown in per cent; "": shown as a plain number.
        of: computes it, of each seed, and what each photograph contributes to it; None where it was not measured.
        reported: reads what the trainer said of it, so that what is shown is the trainer's to the last digit; None for
            a measure that the trainer does not know. Of a trainer of earlier times it may give None.
        is_share: whether it lies between 0 and 1: its interval then does so too.
        has_interval: whether an interval is shown beside it. An error of calibration is a sum of absolute values, too
            high from few images, so that an interval around it would stand too high.
    """

    words: str
    direction: Direction
    unit: Unit
    of: Callable[[Predictions], Measure | None]
    reported: Callable[[SplitMeasures], float | None] | None = None
    is_share: bool = True
    has_interval: bool = True

    def estimate(self, predictions: Predictions) -> Estimate | None:
        """The measure of these predictions, with its interval; None where it was not measured."""
        found = self.of(predictions)
        if found is None:
            return None
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
MEASURES.register("accuracy", SplitMeasure("accuracy", "maximize", "%", accuracy, reported=attrgetter("accuracy")))
MEASURES.register(
    "balanced_accuracy",
    SplitMeasure("balanced accuracy", "maximize", "%", balanced_accuracy, reported=mean_recall),
)
MEASURES.register("macro_f1", SplitMeasure("macro F1", "maximize", "", macro_f1, reported=attrgetter("macro_f1")))
MEASURES.register("auroc", SplitMeasure("AUROC", "maximize", "", auroc, reported=attrgetter("auroc")))
MEASURES.register(
    "ece",
    SplitMeasure(
        "calibration error", "minimize", "", calibration_error, reported=attrgetter("ece"), has_interval=False
    ),
)

CLASS_MEASURES = Registry[ClassMeasure]("measure of a class")
CLASS_MEASURES.register(
    "recall",
    ClassMeasure(
        "recall",
        "The share of each class's test images that is classified correctly (recall, sensitivity), in per cent.",
        "maximize",
        recall,
        reported=attrgetter("recall"),
    ),
)
CLASS_MEASURES.register(
    "specificity",
    ClassMeasure(
        "specificity",
        "The share of the test images of all other classes that is not taken for this one, in per cent.",
        "maximize",
        specificity,
    ),
)
CLASS_MEASURES.register(
    "auroc",
    ClassMeasure(
        "AUROC",
        "The area under the receiver operating characteristic of each class against the rest, on the test images, in "
        "per cent: how often an image of the class has a higher probability of it than another image; 50 is chance.",
        "maximize",
        auroc_of,
    ),
)


def deciding(name: str, predictions: Predictions) -> Measure:
    """The measure that decides in a study, by its name in `DECIDING`, of these predictions.

    Raises:
        ValueError: the predictions do not have it.
    """
    found = MEASURES[name].of(predictions)
    if found is None:
        raise ValueError(f"{name} was not measured")
    return found


def split_values(record: TrialRecord, split: SplitName) -> dict[str, float]:
    """The measures of one finished training, by name; those that were not taken are left out.

    Raises:
        ValueError: the trial is not finished.
    """
    reported = _reported(record, split)
    predictions: Predictions | None = None
    found = {}
    for name, entry in MEASURES.items():
        value = entry.reported(reported) if entry.reported is not None else None
        if value is None:
            predictions = predictions or Predictions.of([record], split)
            measure = entry.of(predictions)
            value = float(measure.by_seed[0]) if measure is not None else None
        if value is not None:
            found[name] = value
    return found


def class_values(record: TrialRecord, split: SplitName) -> Iterator[tuple[str, list[float | None]]]:
    """The measures of each class of one finished training: a name, and a value a class; those that were not taken are
    left out.

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
            if any(found):
                yield name, [float(measure.by_seed[0]) if measure else None for measure in found]


def metric_name(name: str, split: SplitName) -> str:
    """What MLflow calls the value at the end: `test_accuracy`, `train_macro_f1`; `final_val_accuracy` where the trainer
    gives it for every epoch too, under the plain name.
    """
    plain = f"{split}_{name}"
    return f"final_{plain}" if plain in Epoch.model_fields else plain


def _reported(record: TrialRecord, split: SplitName) -> SplitMeasures:
    if record.finished is None:
        raise ValueError(f"trial {record.number} is not finished")
    return record.finished.splits[split]
