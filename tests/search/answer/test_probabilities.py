"""AUROC, calibration, and the measures in which every class counts alike: by hand, by pairs, and over photographs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.measure_coverage import Logits, made, resampled
from search.answer import answer_of
from search.answer.balanced import balanced_accuracy, specificity
from search.answer.measure_table import class_values, split_values
from search.answer.measures import Predictions
from search.answer.probabilities import auroc, auroc_of, calibration_error, reliability
from search.figures.reliability import reliability_diagram
from search.folder.record import TrialRecord
from tests.search.answer.made import question, trial
from trainer.scores import decode, encode


def logs(*rows: list[float]) -> np.ndarray:
    return np.log(np.asarray(rows))[None]


def with_scores(record: TrialRecord, confidence: float = 0.8) -> TrialRecord:
    """Every test image has this probability of its predicted class."""
    assert record.finished is not None
    split = record.finished.splits["test"]
    n = len(split.confusion)
    predicted = [label for count in split.photos for label, times in enumerate(count.predicted) for _ in range(times)]
    values = np.full((len(predicted), n), (1 - confidence) / (n - 1))
    values[np.arange(len(predicted)), predicted] = confidence
    splits = {**record.finished.splits, "test": split.model_copy(update={"log_probabilities": encode(np.log(values))})}
    return replace(record, events=(*record.events[:-1], record.finished.model_copy(update={"splits": splits})))


def test_auroc_by_hand() -> None:
    """Scores of class 0: 0.9, 0.6 and 0.4 of its images, 0.6, 0.2 of the others. Of six pairs four are in order and one
    is a tie, and (0.4, 0.6) is not: 4.5 / 6.
    """
    found = made(
        logs([0.9, 0.1], [0.6, 0.4], [0.4, 0.6], [0.6, 0.4], [0.2, 0.8]), np.array([0, 0, 0, 1, 1]), np.arange(5)
    )
    one = auroc_of(found, 0)
    mean = auroc(found)
    assert one is not None
    assert mean is not None
    assert one.by_seed == pytest.approx([0.75])
    assert mean.by_seed == pytest.approx([0.75])  # of two classes, one is the mirror of the other
    assert one.contributions.sum(axis=1) == pytest.approx([0.75])
    # Placements 1, 3/4, 1/2 of three images; of the others (1/2, 1) less 3/4, of two.
    assert one.contributions[0] == pytest.approx([1 / 3, 0.25, 1 / 6, -0.125, 0.125])


def test_auroc_is_the_share_of_pairs() -> None:
    predictions = Logits(photographs=(4, 5, 6), copies=3).drawn(np.random.default_rng(0), seeds=2)
    scores = predictions.scores
    assert scores is not None
    for label in range(3):
        found = auroc_of(predictions, label)
        assert found is not None
        for row, values in enumerate(scores.logs[..., label]):
            mine, rest = values[scores.labels == label], values[scores.labels != label]
            pairs = (mine[:, None] > rest[None]) + 0.5 * (mine[:, None] == rest[None])
            assert found.by_seed[row] == pytest.approx(pairs.mean())


def test_its_variance_is_that_of_a_bootstrap_of_photographs() -> None:
    """With one model, whose photographs are drawn again within their classes; copies of one are no evidence."""
    rng = np.random.default_rng(3)
    predictions = Logits(photographs=(25,) * 3, copies=6, image=0.1).drawn(rng, seeds=1)
    found = auroc(predictions)
    assert found is not None
    again = [measure.by_seed[0] for _ in range(300) if (measure := auroc(resampled(predictions, rng)))]
    assert float(found.share().variance.total) == pytest.approx(np.var(again), rel=0.25)


def test_calibration_by_hand() -> None:
    """Bins of 1/15: 0.62 and 0.65 share one, of which one is right: |1 - 1.27| / 4; 0.9 is wrong, 0.95 is right and in
    another bin.
    """
    probabilities = logs([0.62, 0.38], [0.35, 0.65], [0.9, 0.1], [0.05, 0.95])
    found = made(probabilities, np.array([0, 0, 1, 1]), np.arange(4))
    error = calibration_error(found)
    assert error is not None
    assert error.by_seed == pytest.approx([(0.27 + 0.9 + 0.05) / 4])
    assert error.contributions.sum(axis=1) == pytest.approx(error.by_seed)
    assert found.scores is not None
    assert [(one.confidence, one.accuracy, one.share) for one in reliability(found.scores)] == [
        pytest.approx((0.635, 0.5, 0.5)),
        pytest.approx((0.9, 0.0, 0.25)),
        pytest.approx((0.95, 1.0, 0.25)),
    ]


def test_every_class_counts_alike() -> None:
    """90 of 100 images of one class and 2 of 10 of the other are right."""
    counts = np.array([[[40, 10], [50, 0], [8, 2]]])
    photos, strata = ("a", "b", "c"), ("test/0", "test/0", "test/1")
    predictions = Predictions((0,), photos, strata, np.array([0, 0, 1]), counts)
    found = balanced_accuracy(predictions)
    assert found.by_seed == pytest.approx([0.55])
    assert found.contributions[0] == pytest.approx([0.2, 0.25, 0.1])
    assert found.weights[0] == pytest.approx([0.25, 0.25, 0.5])
    taken, left = specificity(predictions, 0), specificity(predictions, 1)
    assert taken is not None
    assert left is not None
    assert (taken.by_seed[0], left.by_seed[0]) == pytest.approx((0.2, 0.9))
    assert specificity(predictions, 2) is None


def test_probabilities_survive_their_text_at_both_ends() -> None:
    logits = np.array([[12.0, 0.0, -3.0], [-30.0, 0.0, 30.0], [0.0, 0.0, 0.0]])
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    back = decode(encode(logits), 3)
    assert np.exp(back) == pytest.approx(probabilities, rel=0.01, abs=1e-12)
    assert 1 - np.exp(back[0, 0]) == pytest.approx(1 - probabilities[0, 0], rel=0.01)
    with pytest.raises(ValueError, match="these are no probabilities of 4 classes"):
        decode(encode(np.zeros((1, 3))), 4)
    with pytest.raises(ValueError, match="these are no probabilities of 3 classes"):
        decode("no base64!", 3)


def test_records_without_probabilities_have_none_of_their_measures() -> None:
    record = trial(0, {"pooling": "max", "seed": 0}, 0)
    assert set(split_values(record, "test")) == {"accuracy", "balanced_accuracy", "macro_f1"}
    assert "auroc" not in dict(class_values(record, "test"))
    kept = with_scores(record)
    assert set(split_values(kept, "test")) >= {"auroc", "ece"}
    assert set(split_values(kept, "val")) == {"accuracy", "balanced_accuracy", "macro_f1"}


def test_an_answer_shows_them_where_they_are_known() -> None:
    recorded = question({"max": 0.6, "average": 0.6}, seeds=2)
    old = answer_of(recorded)
    assert "auroc" not in old.levels[0].measures
    assert "auroc" not in old.levels[0].by_class
    assert reliability_diagram(old.levels[0], "reliability", "Reliability") is None
    new = answer_of(replace(recorded, records=tuple(map(with_scores, recorded.records))))
    level = new.levels[0]
    assert level.measures["ece"].value == pytest.approx(0.8 - level.measures["accuracy"].value, abs=0.03)
    assert level.measures["auroc"].low < level.measures["auroc"].value < level.measures["auroc"].high
    drawn = reliability_diagram(level, "reliability", "Reliability")
    assert drawn is not None
    assert "On average the model is" in drawn.svg
    assert "more sure than it is right; expected calibration error 0." in drawn.svg
    assert "correct at a mean probability of 80.0 %; 100.0 % of the images" in drawn.svg, "a pointer is told"


def test_one_training_without_them_leaves_them_out() -> None:
    recorded = question({"max": 0.6, "average": 0.6}, seeds=2)
    first, *rest = map(with_scores, recorded.records)
    stripped = trial(0, {"pooling": "max", "seed": 0}, 0, spread=0.06)
    assert Predictions.of([first], "test").scores is not None
    assert Predictions.of([stripped, rest[0]], "test").scores is None
