"""A measure other than accuracy decides where the study says so; classes that are unequal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from search.answer import answer_of
from search.answer.learning import chance_of, has_learnt
from search.answer.measure_table import deciding
from search.answer.measures import Predictions
from search.answer.tables.rows import tables
from search.errors import StudyFileError
from search.figures.accuracy import accuracy_by_level
from search.folder.record import TrialRecord
from search.study.deciding import DECIDING
from search.study.diff import meaning_diff
from tests.search.answer.made import measured, pooling, question, trial
from trainer.events import PhotoCount, SplitMeasures, SplitName
from trainer.probabilities import placements


def confused(confusion: Sequence[Sequence[int]]) -> SplitMeasures:
    """A photograph for each ten images of a class, or for all of fewer."""
    photos = [
        PhotoCount(photo=f"{label}/{n}", label=label, predicted=[count // 10 for count in row])
        for label, row in enumerate(confusion)
        for n in range(10)
    ]
    totals = [sum(row) for row in confusion]
    hits = [row[label] for label, row in enumerate(confusion)]
    f1 = [
        2 * hit / (total + sum(row[n] for row in confusion))
        for n, (hit, total) in enumerate(zip(hits, totals, strict=True))
    ]
    return measured(0.5, "test", sizes=(1, 1)).model_copy(
        update={
            "accuracy": sum(hits) / sum(totals),
            "macro_f1": sum(f1) / 2,
            "recall": [hit / total for hit, total in zip(hits, totals, strict=True)],
            "confusion": [list(row) for row in confusion],
            "photos": photos,
        }
    )


def unequal(level: str, seed: int, confusion: Sequence[Sequence[int]], start: int | None = 2) -> TrialRecord:
    """A training with this confusion of 1,000 images of one class and 10 or more of the other, in every split, that
    started to learn in this epoch.
    """
    record = trial(seed, {"pooling": level, "seed": seed}, seed)
    assert record.finished is not None
    splits: dict[SplitName, SplitMeasures] = {split: confused(confusion) for split in ("train", "val", "test")}
    return replace(
        record,
        events=(*record.events[:-1], record.finished.model_copy(update={"splits": splits, "start_epoch": start})),
    )


IDLE = ((1000, 0), (100, 0))
LEARNT = ((900, 100), (30, 70))


def test_naming_the_frequent_class_is_no_learning_and_finding_the_rare_one_is() -> None:
    idle, learnt = unequal("max", 0, IDLE, start=None), unequal("max", 0, LEARNT)
    assert chance_of(idle) == pytest.approx(10 / 11)
    assert chance_of(idle, "balanced_accuracy") == 0.5
    assert chance_of(idle, "macro_f1") == pytest.approx(DECIDING["macro_f1"].of(confused(IDLE)))
    assert not has_learnt(idle)
    assert has_learnt(learnt)  # 0.80 of balanced accuracy, and less accuracy than always naming one class


def test_what_is_said_where_nothing_was_learnt_of_unequal_classes() -> None:
    recorded = question({"max": 0.6, "average": 0.6}, seeds=2)
    records = tuple(unequal(str(r.params["pooling"]), r.config.seed, IDLE, start=None) for r in recorded.records)
    assert answer_of(replace(recorded, records=records)).headline == (
        "No answer: the reference model did not learn in 10 epochs at learning rate 0.0005 at any of its 2 seeds "
        "(training balanced accuracy 50.0 %, chance 50.0 %), so differences between levels mean nothing and none is "
        "ranked. It does little more than name the most frequent class. Give it more epochs, or class_weight = "
        '"balanced".'
    )


def test_accuracy_of_unequal_classes_is_told_and_another_measure_suggested() -> None:
    recorded = question({"max": 0.6, "average": 0.6}, seeds=2)
    records = tuple(unequal(str(r.params["pooling"]), r.config.seed, LEARNT) for r in recorded.records)
    answer = answer_of(replace(recorded, records=records))
    assert (
        "The classes are unequal (1,000 test images of the most frequent, 100 of the rarest), and accuracy counts "
        'images: the frequent classes decide. To let every class count alike: measure = "balanced_accuracy" in the '
        "study file, or --measure balanced_accuracy, in a new study (--fresh)."
    ) in answer.words.details
    other = replace(recorded, records=records, study=recorded.study.override(measure="balanced_accuracy"))
    assert "The classes are unequal" not in answer_of(other).sentence
    assert "The classes are unequal" not in answer_of(recorded).sentence


def ranked(record: TrialRecord) -> TrialRecord:
    """The same, with the AUROC of images that all have one probability of their predicted class."""
    assert record.finished is not None
    splits = {}
    for name, split in record.finished.splits.items():
        images = [(n, label) for n, count in enumerate(split.photos) for label in np.repeat(range(4), count.predicted)]
        homes = np.array([n for n, _ in images])
        labels = np.array([split.photos[n].label for n in homes])
        added = placements(np.eye(4)[[label for _, label in images]], labels)
        told = np.bincount(homes, added, minlength=len(split.photos)).tolist()
        splits[name] = split.model_copy(update={"auroc": float(added.sum()), "placements": told})
    return replace(record, events=(*record.events[:-1], record.finished.model_copy(update={"splits": splits})))


@pytest.mark.parametrize(
    ("name", "words"),
    [("balanced_accuracy", "balanced accuracy"), ("macro_f1", "macro F1"), ("auroc", "AUROC")],
)
def test_it_decides_is_said_and_drawn(name: str, words: str) -> None:
    study = pooling(("max", "average"), 5, measure=name)
    recorded = question({"max": 0.8, "average": 0.4}, seeds=5, study=study)
    answer = answer_of(replace(recorded, records=tuple(map(ranked, recorded.records))))
    low = answer.levels[1]
    assert f"test {words} is lower with average pooling" in answer.headline
    assert low.accuracy["test"].value == pytest.approx(low.measures[name].value)
    ends = [record.finished.splits["test"] for record in low.trials if record.finished]
    assert low.accuracy["test"].by_seed == pytest.approx([DECIDING[name].of(end) for end in ends])
    found = {table.key: table for table in tables(answer)}
    assert found["accuracies"].title == f"{words[:1].upper()}{words[1:]} by level"
    assert "accuracy (test)" in found["measures"].columns
    assert f"{words} (test)" not in found["measures"].columns
    drawn = accuracy_by_level(answer)
    assert drawn.title == f"Training and testing {words}"


def test_photographs_add_to_auroc_what_the_trainer_said_and_of_another_fold_nothing() -> None:
    """Validation on two folds: each training saw the photographs of one."""
    records = [ranked(trial(seed, {"pooling": "max", "seed": seed}, seed)) for seed in range(2)]
    ends = [record.finished.splits["val"] for record in records if record.finished]
    moved = [
        count.model_copy(update={"photo": f"{count.photo}_other"})  # the second fold's
        for count in ends[1].photos
    ]
    splits: dict[SplitName, SplitMeasures] = {"val": ends[1].model_copy(update={"photos": moved})}
    second = records[1].finished
    assert second is not None
    other = second.model_copy(update={"splits": second.splits | splits})
    found = Predictions.of([records[0], replace(records[1], events=(*records[1].events[:-1], other))], "val")
    assert found.placements is not None
    assert found.placements.shape == (2, 24)
    assert ((found.placements != 0) <= found.seen).all()
    assert deciding("auroc", found).by_seed == pytest.approx([end.auroc for end in ends])


def test_auroc_of_trainers_that_did_not_tell_it_decides_nothing() -> None:
    record = trial(0, {"pooling": "max", "seed": 0}, 0)
    assert record.finished is not None
    assert math.isnan(DECIDING["auroc"].of(record.finished.splits["val"]))
    with pytest.raises(ValueError, match="auroc was not measured"):
        deciding("auroc", Predictions.of([record], "val"))
    assert chance_of(record, "auroc") == 0.5


def test_an_unknown_measure_is_refused_with_the_names() -> None:
    with pytest.raises(
        StudyFileError,
        match='--measure: found "ece"; allowed: "accuracy", "balanced_accuracy", "macro_f1" or "auroc"',
    ):
        pooling().override(measure="ece")


def test_another_measure_is_another_meaning_and_none_is_accuracy() -> None:
    plain = pooling().canonical()
    old = {key: value for key, value in plain.items() if key != "measure"}
    assert meaning_diff(old, plain) == []
    other = pooling(measure="macro_f1").canonical()
    assert meaning_diff(plain, other) == ['measure: "accuracy" -> "macro_f1"']
    assert meaning_diff(old, other) == ['measure: none -> "macro_f1"']
