"""Measures by photograph agree with what the trainer reports, and their differences are paired."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search.answer.measures import Predictions, accuracy, macro_f1, recall
from search.folder.record import TrialRecord
from tests.search.answer.made import measured, trial
from tests.search.fabricate import trial_record


def trials(share: float = 0.6, seeds: int = 3) -> list[TrialRecord]:
    return [trial(n, {"pooling": "max", "seed": n}, n, (0.9, 0.7, share), spread=0.1) for n in range(seeds)]


def test_they_are_the_trainers() -> None:
    found = trials()
    predictions = Predictions.of(found, "test")
    ends = [record.finished.splits["test"] for record in found if record.finished]
    assert accuracy(predictions).by_seed == pytest.approx([end.accuracy for end in ends])
    assert macro_f1(predictions).by_seed == pytest.approx([end.macro_f1 for end in ends])
    for label in range(4):
        of_class = recall(predictions, label)
        assert of_class is not None
        assert of_class.by_seed == pytest.approx([end.recall[label] for end in ends])
    assert recall(predictions, 7) is None


def test_macro_f1_is_linearized_rightly() -> None:
    """Its interval is near that of a jackknife over photographs, which knows no formula."""
    predictions = Predictions.of(trials(seeds=1), "test")
    n = len(predictions.photos)
    left_out = []
    for gone in range(n):
        keep = [i for i in range(n) if i != gone]
        part = Predictions(
            predictions.seeds,
            tuple(predictions.photos[i] for i in keep),
            tuple(predictions.strata[i] for i in keep),
            predictions.labels[keep],
            predictions.counts[:, keep],
        )
        left_out.append(macro_f1(part).by_seed[0])
    strata = np.asarray([int(name[-1]) for name in predictions.strata])
    jackknife = 0.0
    for stratum in range(4):
        mine = np.asarray(left_out)[strata == stratum]
        jackknife += (len(mine) - 1) / len(mine) * ((mine - mine.mean()) ** 2).sum()
    assert float(macro_f1(predictions).share().variance.total) == pytest.approx(jackknife, rel=0.2)


def test_a_gap_has_both_sets_of_photographs() -> None:
    found = trials()
    train, test = (accuracy(Predictions.of(found, split)) for split in ("train", "test"))  # type: ignore[arg-type]
    gap = train.minus(test)
    assert len(gap.photos) == len(train.photos) + len(test.photos)
    assert gap.by_seed == pytest.approx(train.by_seed - test.by_seed)
    parts = train.share().variance, test.share().variance
    assert float(gap.difference().variance.photographs) == pytest.approx(sum(float(v.photographs) for v in parts))


def test_pairing_takes_out_what_photographs_share() -> None:
    one, other = (accuracy(Predictions.of(trials(share), "test")) for share in (0.55, 0.45))
    alone = float(one.share().variance.total)
    assert float(one.minus(other).difference().variance.total) < alone / 2


def test_differences_need_the_same_seeds() -> None:
    one, other = (accuracy(Predictions.of(trials(seeds=n), "test")) for n in (3, 2))
    with pytest.raises(ValueError, match=r"differences are paired: found seeds \(0, 1, 2\) and \(0, 1\)"):
        one.minus(other)


def test_a_trial_without_an_end_is_no_measure() -> None:
    with pytest.raises(ValueError, match="trial 4 is not finished"):
        Predictions.of([trial_record(4, end="error")], "test")


def rotating(seeds: int) -> list[TrialRecord]:
    """Trials of which each validates on a third of 12 photographs a class."""
    found = []
    for record in trials(seeds=seeds):
        assert record.finished is not None
        everything = measured(0.6, "val", record.config.seed, 0.1, sizes=(12, 12, 12, 12))
        mine = [count for n, count in enumerate(everything.photos) if n % 3 == record.config.seed % 3]
        confusion = np.zeros((4, 4), int)
        for count in mine:
            confusion[count.label] += count.predicted
        accuracy_of_fold = float(np.trace(confusion) / confusion.sum())
        end = everything.model_copy(update={"photos": mine, "accuracy": accuracy_of_fold})
        splits = {**record.finished.splits, "val": end}
        finished = record.finished.model_copy(update={"splits": splits})
        found.append(replace(record, events=(*record.events[:-1], finished)))
    return found


@pytest.mark.parametrize("seeds", [3, 5])
def test_photographs_of_all_folds_are_measured(seeds: int) -> None:
    found = rotating(seeds)
    predictions = Predictions.of(found, "val")
    assert len(predictions.photos) == 48
    assert predictions.seen.sum() == seeds * 16
    ends = [record.finished.splits["val"].accuracy for record in found if record.finished]
    validation = accuracy(predictions)
    assert validation.by_seed == pytest.approx(ends)
    assert np.nansum(validation.contributions, axis=1) == pytest.approx(ends)
    for label in range(4):
        of_class = recall(predictions, label)
        assert of_class is not None and 0 <= of_class.share().low <= of_class.share().value
    assert macro_f1(predictions).share().variance.total > 0


def test_differences_over_folds_are_paired() -> None:
    one = accuracy(Predictions.of(rotating(5), "val"))
    same = one.minus(one)
    assert (same.weights == one.weights).all()
    assert float(same.difference().variance.total) == 0


def test_a_class_that_a_fold_lacks_has_the_recall_of_the_others() -> None:
    predictions = Predictions.of(rotating(3), "val")
    counts = predictions.counts.copy()
    counts[0, predictions.labels == 2] = 0
    part = recall(replace(predictions, counts=counts), 2)
    assert part is not None
    assert part.seeds == (1, 2)


def test_a_photograph_under_two_classes_is_one_unit() -> None:
    predictions = Predictions.of(trials(), "test")
    names = tuple(photo[7:] for photo in predictions.photos)  # without TEST/<class>/, so each stands in four classes
    shared = accuracy(replace(predictions, photos=names)).share().variance
    assert shared.n_photographs == len(set(names)) == 5
    assert accuracy(predictions).share().variance.n_photographs == 20
