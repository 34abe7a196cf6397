"""What is said where classes are unequal: accuracy is then mostly that of the frequent classes."""

from __future__ import annotations

from collections.abc import Sequence

from search.answer.learning import chance_of
from search.answer.levels import LevelAnswer
from search.answer.measure_table import MEASURES
from search.answer.measures import Predictions
from search.answer.words.wording import percent
from search.folder.record import TrialRecord
from search.study import Study
from search.study.deciding import DEFAULT
from trainer.events import SplitName

# Test images of the most frequent class for one of the rarest, from which the page suggests balanced accuracy. Two
# classes at 1.5 to 1 give 60 % for naming one of them always, 10 points more than where every class counts alike.
UNEQUAL = 1.5


def advice(study: Study, levels: Sequence[LevelAnswer]) -> str:
    """That accuracy decides though the classes are unequal; empty where it does not, or they are not."""
    trial = next((level.trials[0] for level in levels if level.trials), None)
    if study.measure != DEFAULT or trial is None or trial.finished is None:
        return ""
    images = _images(trial, "test")
    if not _are_unequal(images):
        return ""
    return (
        f"The classes are unequal ({max(images):,} test images of the most frequent, {min(images):,} of the rarest), "
        "and accuracy counts images: the frequent classes decide. To let every class count alike: measure = "
        '"balanced_accuracy" in the study file, or --measure balanced_accuracy, in a new study (--fresh).'
    )


def trained_to(level: LevelAnswer) -> str:
    """What a level that did not learn has in training, beside chance, as an aside: in accuracy, and where classes are
    unequal in balanced accuracy.
    """
    trial = level.trials[0]
    name = "balanced_accuracy" if _are_unequal(_images(trial, "train")) else DEFAULT
    entry = MEASURES[name]
    found = entry.of(Predictions.of(level.trials, "train"))
    value = float(found.by_seed.mean()) if found else float("nan")
    return f"training {entry.words} {percent(value)}, chance {percent(chance_of(trial, name))}"


def what_may_help(level: LevelAnswer) -> str:
    """What to change where nothing was learnt."""
    trial = level.trials[0]
    if not _are_unequal(_images(trial, "train")):
        return "Give it more epochs."
    weigh = "" if trial.config.class_weight != "none" else ', or class_weight = "balanced"'
    return f"It does little more than name the most frequent class. Give it more epochs{weigh}."


def _images(trial: TrialRecord, split: SplitName) -> list[int]:
    """Images of each class that has any."""
    assert trial.finished is not None
    return [total for row in trial.finished.splits[split].confusion if (total := round(sum(row)))]


def _are_unequal(images: Sequence[int]) -> bool:
    return max(images) >= UNEQUAL * min(images)
