"""Rows of differences."""

from __future__ import annotations

import pytest

from search.figures.difference_rows import name_rows
from search.figures.style import figure


@pytest.mark.parametrize(("low", "high"), [(-0.05, 0.12), (-0.34, 0.09), (-0.02, 0.11), (-0.6, 0.6)])
def test_a_tick_stands_at_the_points_that_it_names(low: float, high: float) -> None:
    chart = figure(2.0)
    axes = chart.subplots()
    axes.plot([low, high], [0, 0])
    name_rows(axes, ["average pooling"], "points")
    chart.draw_without_rendering()
    for tick, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True):
        assert float(label.get_text().replace("−", "-")) == pytest.approx(100 * tick)
