"""Accuracy by level."""

from __future__ import annotations

import itertools

import pytest

from search.figures.accuracy import name_places, positions
from search.figures.style import figure
from search.study.space import ParamValue
from search.text import shown
from trainer.vocabulary import AUGMENTATIONS, POOLINGS


@pytest.mark.parametrize(
    ("factor", "levels", "aslant"),
    [
        ("pooling", list(POOLINGS), False),
        ("augmentation", list(AUGMENTATIONS), True),
        ("learning_rate", [1, 0.1, 0.01, 0.001, 0.0005, 0.0001], True),
        ("depth", [1, 2, 3, 4, 5, 6], False),
        ("depth", list(range(1, 31)), True),
    ],
)
def test_names_of_levels_do_not_run_into_each_other(factor: str, levels: list[ParamValue], aslant: bool) -> None:
    chart = figure(3.6)
    axes = chart.subplots()
    places = positions(factor, list(levels))
    name_places(axes, [(place, shown(level), False) for place, level in zip(places, levels, strict=True)])
    chart.draw_without_rendering()
    labels = axes.get_xticklabels()
    assert (labels[0].get_rotation() > 0) == aslant
    if not aslant:
        extents = [label.get_window_extent() for label in labels]
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(extents))
