"""Images that look like none of the training images: what is far, and how often that is said of images that are not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from trainer.familiar import FALSE_ALARMS, Familiarity, batches, familiarity_of, figures, fit

Pixels = npt.NDArray[np.uint8]


def cells(n: int, seed: int, channels: int = 1) -> Pixels:
    """Dark blobs on a bright ground, with noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:24, :32]
    place, width = rng.uniform(8, 16, (n, 2, 1, 1)), rng.uniform(3, 6, (n, 1, 1))
    blob = np.exp(-((y - place[:, 0]) ** 2 + (x - place[:, 1]) ** 2) / (2 * width**2))
    picture = 200 - 110 * blob[..., None] * rng.uniform(0.7, 1, (n, 1, 1, channels))
    return np.clip(picture + rng.normal(0, 5, (n, 24, 32, channels)), 0, 255).astype(np.uint8)


def known(channels: int = 1, train: int = 300, test: int = 400) -> Familiarity:
    return fit(iter([cells(train, 0, channels)]), iter([cells(test, 1, channels)]))


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_other_things_are_far(channels: int) -> None:
    familiar, rng = known(channels), np.random.default_rng(5)
    shape = (20, 24, 32, channels)
    stripes = np.broadcast_to(np.where(np.arange(24) % 4 < 2, 255, 0)[:, None, None], shape).astype(np.uint8)
    others = {
        "noise": rng.integers(0, 256, shape).astype(np.uint8),
        "one color": np.full(shape, 90, np.uint8),
        "stripes": stripes,
        "negatives": 255 - cells(20, 2, channels),
    }
    assert {name: familiar.unlike(pixels).all() for name, pixels in others.items()} == dict.fromkeys(others, True)


def test_false_alarms_are_as_many_as_it_says() -> None:
    familiar = known(test=400)
    assert familiar.test_images == 400
    assert familiar.false_alarms == int(FALSE_ALARMS * 400)
    assert int(familiar.unlike(cells(400, 1)).sum()) == familiar.false_alarms
    new = familiar.unlike(cells(4000, 9)).mean()  # images that set nothing; 0.010 was expected, 0.0016 its error
    assert new == pytest.approx(FALSE_ALARMS, abs=0.012)
    assert familiar.sentence == (
        "By the same limit 4 of the model's own 400 test images look like none of the training images."
    )


def test_few_training_images_make_no_image_far() -> None:
    """Fewer than figures: the covariance has no inverse of its own."""
    familiar = known(3, train=6, test=12)
    assert familiar.false_alarms == 0
    assert np.isfinite(familiar.distances(cells(50, 3, 3))).all()


def test_a_saved_model_keeps_it_to_the_last_digit() -> None:
    familiar = known()
    again = familiarity_of(json.loads(json.dumps(familiar.saved())))
    assert again == familiar
    assert familiarity_of(None) is None


@pytest.mark.parametrize("shape", [(2, 1, 1, 1), (2, 3, 2, 3), (1, 7, 9, 1)])
def test_images_of_any_size_have_figures(shape: tuple[int, ...]) -> None:
    found = figures(np.zeros(shape, np.uint8))
    assert found.shape == (shape[0], 13 * shape[-1])
    assert np.isfinite(found).all()


def test_batches_are_evenly_spread_rows() -> None:
    images = np.arange(1000, dtype=np.uint8).reshape(-1, 1, 1, 1)
    rows = np.arange(0, 1000, 2)

    def read(most: int | None) -> list[int]:
        parts: Iterator[Pixels] = batches(images, rows, most)
        return [int(value) for part in parts for value in part.ravel()]

    assert read(None) == [row % 256 for row in rows.tolist()]
    assert read(3) == [row % 256 for row in (0, 498, 998)]
