"""AUROC and calibration by hand, of images and of photographs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trainer import measure, probabilities

# Of class 0 the scores 0.9, 0.6, 0.4 for its own images and 0.6, 0.2 for the others: 4.5 of 6 pairs are in order.
LOGS = np.log([[0.9, 0.1], [0.6, 0.4], [0.4, 0.6], [0.6, 0.4], [0.2, 0.8]])
LABELS = np.array([0, 0, 0, 1, 1])


def test_auroc_by_hand() -> None:
    found = probabilities.class_placements(LOGS[:, 0], LABELS == 0)
    assert found is not None
    area, of_images = found
    assert area == pytest.approx(0.75)
    assert of_images == pytest.approx([1 / 3, 0.25, 1 / 6, -0.125, 0.125])
    assert probabilities.auroc(LOGS, LABELS) == pytest.approx(0.75)
    assert probabilities.auroc(LOGS + 7, LABELS) == pytest.approx(0.75), "logits are as good as logarithms"
    assert probabilities.placements(LOGS, LABELS).sum() == pytest.approx(0.75)


def test_a_class_without_images_counts_nothing_and_one_class_alone_is_chance() -> None:
    three = np.concatenate([LOGS, np.full((5, 1), -9.0)], axis=1)
    assert probabilities.auroc(three, LABELS) == pytest.approx(0.75)
    assert probabilities.class_placements(three[:, 2], LABELS == 2) is None
    assert probabilities.auroc(LOGS[:3], LABELS[:3]) == pytest.approx(0.5)


def test_a_split_tells_what_each_photograph_adds() -> None:
    photos = np.array([2, 0, 0, 2, 1])
    names = ["a", "b", "c"]
    split = measure.measure_split([LOGS], LABELS, photos, names)
    assert [(count.photo, count.label) for count in split.photos] == [("a", 0), ("b", 1), ("c", 0), ("c", 1)]
    # Means of both classes: for class 0 as above, for class 1 1/12, 0, -1/12, 1/4, 1/2.
    assert split.placements == pytest.approx([1 / 8 + 1 / 24, 5 / 16, 5 / 24, 1 / 16], rel=1e-6)
    assert split.auroc == pytest.approx(0.75)
    both = measure.measure_split([LOGS, LOGS[:, ::-1]], LABELS, photos, names)
    assert both.auroc == pytest.approx(0.5), "the mean over evaluations; the second has the classes the wrong way round"
    assert both.placements is not None
    assert sum(both.placements) == pytest.approx(0.5, rel=1e-6)
    assert both.ece != pytest.approx(split.ece), "of the last evaluation"


def test_calibration_by_hand() -> None:
    """0.62 and 0.65 share a bin, of which one is right: |1 - 1.27| / 4; 0.9 is wrong, 0.95 is right."""
    logs = np.log([[0.62, 0.38], [0.35, 0.65], [0.9, 0.1], [0.05, 0.95]])
    assert probabilities.calibration_error(logs, np.array([0, 0, 1, 1])) == pytest.approx((0.27 + 0.9 + 0.05) / 4)
    assert math.isnan(probabilities.calibration_error(np.array([[math.nan, 0.0]]), np.array([0])))
