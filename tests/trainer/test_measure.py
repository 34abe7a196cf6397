"""Measures against figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trainer import measure

#               predicted: 0, 0, 1, 0, 1          true: 0, 1, 1, 0, 0
LOGITS = np.array([[2, 0, 0], [1, 0, 0], [0, 3, 0], [1, 0, 0], [0, 1, 0]], np.float32)
LABELS = np.array([0, 1, 1, 0, 0], np.int32)


def test_cross_entropy_by_hand() -> None:
    e = math.e
    likelihoods = [e**2 / (e**2 + 2), 1 / (e + 2), e**3 / (e**3 + 2), e / (e + 2), 1 / (e + 2)]
    expected = -sum(map(math.log, likelihoods)) / 5
    assert measure.cross_entropy(LOGITS, LABELS) == pytest.approx(expected, rel=1e-12)


def test_cross_entropy_of_large_logits_is_finite_and_of_infinite_ones_is_not() -> None:
    large = np.array([[0, 1e30]], np.float32)
    assert measure.cross_entropy(large, np.array([0])) == pytest.approx(1e30, rel=1e-6)
    for bad in (np.inf, np.nan):
        assert not math.isfinite(measure.cross_entropy(np.array([[0, bad]]), np.array([0])))


def test_a_split_by_hand() -> None:
    photos = np.array([3, 0, 0, 3, 1], np.int32)
    files = [f"{n}.jpeg" for n in range(5)]
    split = measure.measure_split([LOGITS], LABELS, photos, ["p0", "p1", "p2", "p3"], files)
    assert split.accuracy == 3 / 5
    assert split.confusion == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert split.recall == [2 / 3, 1 / 2, None]
    # F1 = 2 TP / (2 TP + FP + FN): class 0 4 / 6, class 1 2 / 4, class 2 is neither there nor predicted.
    assert split.macro_f1 == pytest.approx((4 / 6 + 2 / 4 + 0) / 3)
    assert [(p.photo, p.label, p.predicted) for p in split.photos] == [
        ("p0", 1, [1, 1, 0]),
        ("p1", 0, [0, 1, 0]),
        ("p3", 0, [2, 0, 0]),
    ]
    assert split.wrong == {"1.jpeg": 0, "4.jpeg": 1}
    assert measure.measure_split([LOGITS], LABELS, photos, ["p0", "p1", "p2", "p3"]).wrong == {}


def test_a_perfect_split() -> None:
    split = measure.measure_split([np.eye(3)], np.arange(3), np.arange(3), ["a", "b", "c"])
    assert (split.accuracy, split.macro_f1, split.recall) == (1, 1, [1, 1, 1])


def test_several_evaluations_of_an_image_are_one_image() -> None:
    photos = np.array([3, 0, 0, 3, 1], np.int32)
    names, files = ["p0", "p1", "p2", "p3"], [f"{n}.jpeg" for n in range(5)]
    other = LOGITS.copy()
    other[1] = [0, 1, 0]  # now right
    one, two = (measure.measure_split([logits], LABELS, photos, names, files) for logits in (LOGITS, other))
    both = measure.measure_split([LOGITS, other], LABELS, photos, names, files)
    assert both.accuracy == pytest.approx((one.accuracy + two.accuracy) / 2)
    assert both.loss == pytest.approx((one.loss + two.loss) / 2)
    assert both.confusion == [[2, 1, 0], [0.5, 1.5, 0], [0, 0, 0]]
    assert both.recall == [2 / 3, 3 / 4, None]
    # F1 of the table of means: class 0 2 * 2 / (2.5 + 3), class 1 2 * 1.5 / (2.5 + 2).
    assert both.macro_f1 == pytest.approx((4 / 5.5 + 3 / 4.5) / 3)
    assert [(p.photo, p.label, p.predicted) for p in both.photos] == [
        ("p0", 1, [0.5, 1.5, 0]),
        ("p1", 0, [0, 1, 0]),
        ("p3", 0, [2, 0, 0]),
    ]
    assert both.wrong == two.wrong == {"4.jpeg": 1}, "of the model that is saved"
    assert measure.SplitMeasures.model_validate_json(both.model_dump_json()) == both
    assert '"predicted":[1,1,0]' in one.model_dump_json(), "as before, where there is one"


def test_evaluations_that_agree_are_the_figures_of_one() -> None:
    photos = np.array([3, 0, 0, 3, 1], np.int32)
    one, three = (measure.measure_split([LOGITS] * n, LABELS, photos, ["a", "b", "c", "d"]) for n in (1, 3))
    assert three.model_copy(update={"loss": one.loss, "auroc": one.auroc}) == one
    assert (three.loss, three.auroc) == pytest.approx((one.loss, one.auroc))
    assert three.loss == pytest.approx(one.loss, rel=1e-14)


def test_measures_over_classes_count_those_that_have_images() -> None:
    logits = np.eye(3)[[0, 0, 1, 1, 1]]
    balanced, macro, _ = measure.over_classes(logits, np.array([0, 0, 0, 1, 1]))
    assert balanced == pytest.approx((2 / 3 + 1) / 2)
    assert macro == pytest.approx((0.8 + 0.8 + 0) / 3)
