"""Pictures, measured by their pixels: what is drawn is where it should be, in the colours that the legend names."""

from __future__ import annotations

import dataclasses
import io
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from search.figures.trial import GREEN, confusion_matrix, learning_curves
from tests.search.fabricate import CLASSES, measures, trial_record


def pixels(png: bytes) -> npt.NDArray[np.int16]:
    assert png.startswith(b"\x89PNG")
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(np.int16)


def rows_of(color: str, png: bytes, columns: slice = slice(None)) -> npt.NDArray[np.intp]:
    """The rows where a colour stands, but for the legend at the bottom."""
    wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
    image = pixels(png)
    near = (np.abs(image - wanted).max(axis=2) < 20)[: int(0.85 * len(image)), columns]
    return np.flatnonzero(near.any(axis=1))


def test_the_test_accuracy_stands_at_its_height() -> None:
    heights = [
        rows_of(GREEN, learning_curves(trial_record(accuracy=accuracy), 4)).mean() for accuracy in (0.3, 0.6, 0.9)
    ]
    assert heights[0] > heights[1] > heights[2]  # rows count from the top
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], rel=0.1)


def test_a_trial_that_is_not_finished_has_no_test_accuracy() -> None:
    assert rows_of(GREEN, learning_curves(trial_record(end="error"), 4)).size == 0


@pytest.mark.parametrize("n_epochs", [1, 2, 600])
def test_any_number_of_epochs(n_epochs: int) -> None:
    image = pixels(learning_curves(trial_record(n_epochs=n_epochs), 4))
    assert image.shape == (451, 990, 3)


@pytest.mark.parametrize("classes", [CLASSES[:2], CLASSES, [f"a class with a long name {n}" for n in range(30)]])
def test_any_number_of_classes(classes: Sequence[str]) -> None:
    image = pixels(confusion_matrix(measures(0.7, "test", classes), classes, "title"))
    assert 400 < len(image) < 1600
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert (edge > 240).all(), "something is cut off at the edge"


def test_a_better_model_has_a_darker_diagonal() -> None:
    good, bad = (pixels(confusion_matrix(measures(accuracy), CLASSES, "t")) for accuracy in (0.95, 0.35))
    assert good.shape == bad.shape
    first_cell = (slice(140, 150), slice(130, 150))
    assert good[first_cell].mean() < bad[first_cell].mean() - 40


def test_a_class_without_images() -> None:
    found = measures(0.7)
    confusion = [[0] * 4, *found.confusion[1:]]
    pixels(confusion_matrix(found.model_copy(update={"confusion": confusion}), CLASSES, "t"))


def test_the_title_has_the_measures_that_were_told_and_is_not_cut_off() -> None:
    old, new = (
        measures(0.7, "test", CLASSES[:2]),
        measures(0.7, "test", CLASSES[:2]).model_copy(update={"auroc": 0.875, "placements": [], "ece": 0.125}),
    )
    without, with_auroc = (
        pixels(confusion_matrix(one, CLASSES[:2], "trial 17 on the test images")) for one in (old, new)
    )
    assert with_auroc.shape == without.shape
    assert (with_auroc[:80] != without[:80]).any(), "AUROC stands there"
    assert (with_auroc[:, :3] > 240).all()
    assert (with_auroc[:, -3:] > 240).all()


def test_names_are_text_and_no_formulas() -> None:
    names = ["$x$", "a_b^{", r"\frac{1}{2}", "<b>"]
    pixels(confusion_matrix(measures(0.7, "test", names), names, "$$"))
    pixels(learning_curves(dataclasses.replace(trial_record(), study="$bad"), 4))


def test_any_thread_may_draw_and_all_draw_the_same() -> None:
    record = trial_record()
    alone = learning_curves(record, 4)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: learning_curves(record, 4), range(8))) == {alone}


def test_pyplot_and_its_global_state_are_left_alone() -> None:
    program = "import sys, search.figures.trial; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
