"""Whether an image looks like those that a model was trained on, by how far its pixels are from theirs.

A classifier names a class for any picture at all, a logo too. So a saved model carries the mean and the covariance of a
few figures of its training images: the sharpness at three scales and the distribution of brightness, by channel. The
score of an image is its Mahalanobis distance to them (Mahalanobis 1936; for this use Lee et al. 2018, "A Simple Unified
Framework for Detecting Out-of-Distribution Samples", which takes a network's features: those of a small network throw
away what a cell has not). It asks no network, so that it holds for every model and backend. What was measured stands
in LOG.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Picture = npt.NDArray[Any]  # float32

FALSE_ALARMS = 0.01  # of the model's own test images, at most
MOST_FITTED = 2000  # training images; 39 figures need no more
AT_ONCE = 256  # images: 60 MB of float32 at 120x160 in color
SCALES = 3  # sharpness of the picture, of its half and of its quarter
QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
DARKEST = 1e-3  # added to a sharpness of 0-1 before its logarithm, a quarter of a gray level
RIDGE = 1e-4  # added to variances, of figures that hardly vary: a hundredth of the range, squared


@dataclass(frozen=True)
class Familiarity:
    """The training images of a model, and the distance from which on an image is none like them.

    Attributes:
        mean: of the figures of the training images.
        whitening: rows of the triangular matrix that makes their differences from the mean a distance.
        threshold: the greatest distance of an image that is like them.
        test_images: by which the threshold was set.
        false_alarms: how many of these are beyond it.
    """

    mean: tuple[float, ...]
    whitening: tuple[tuple[float, ...], ...]
    threshold: float
    test_images: int
    false_alarms: int

    def distances(self, pixels: Pixels) -> Floats:
        """One an image, in standard deviations.

        Args:
            pixels: uint8 of shape (n, height, width, channels), 0-255, as the model takes them.
        """
        centred = figures(pixels) - np.array(self.mean)
        found: Floats = np.sqrt(((centred @ np.array(self.whitening)) ** 2).sum(axis=1))
        return found

    def unlike(self, pixels: Pixels) -> npt.NDArray[np.bool_]:
        """Of each image whether it looks like none of the training images."""
        found: npt.NDArray[np.bool_] = self.distances(pixels) > self.threshold
        return found

    def saved(self) -> dict[str, Any]:
        """The values that a saved model keeps."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """Says how often the warning is wrong."""
        return (
            f"By the same limit {self.false_alarms:,} of the model's own {self.test_images:,} test images look like "
            "none of the training images."
        )


def familiarity_of(saved: Mapping[str, Any] | None) -> Familiarity | None:
    """What a saved model keeps; None where it keeps nothing, as models of before."""
    if not saved:
        return None
    rows = tuple(tuple(row) for row in saved["whitening"])
    return Familiarity(**{**saved, "mean": tuple(saved["mean"]), "whitening": rows})


def fit(train: Iterator[Pixels], test: Iterator[Pixels]) -> Familiarity:
    """What is to be kept of a model's images.

    Args:
        train: batches of training images, uint8 (n, height, width, channels).
        test: likewise; they set the threshold, which at most `FALSE_ALARMS` of them exceed.
    """
    known = np.concatenate([figures(batch) for batch in train])
    mean = known.mean(axis=0)
    centred = known - mean
    covariance = centred.T @ centred / max(len(known) - 1, 1)
    n, width = known.shape
    # Few images know little of how the figures go together, so they are taken as going their own ways then.
    share = width / (n + width)
    covariance = (1 - share) * covariance + share * np.diag(np.diag(covariance)) + RIDGE * np.eye(width)
    whitening = np.linalg.cholesky(np.linalg.inv(covariance))
    rounded = tuple(tuple(round(float(value), 6) for value in row) for row in whitening)
    unset = Familiarity(tuple(round(float(value), 6) for value in mean), rounded, 0.0, 0, 0)
    far = np.sort(np.concatenate([unset.distances(batch) for batch in test]))
    allowed = math.floor(FALSE_ALARMS * len(far))
    threshold = float(far[len(far) - 1 - allowed])
    alarms = int((far > threshold).sum())
    return Familiarity(unset.mean, unset.whitening, threshold, len(far), alarms)


def figures(pixels: Pixels) -> Floats:
    """Sharpness and brightness of each image, shape (n, 13 a channel).

    Args:
        pixels: uint8 of shape (n, height, width, channels).
    """
    n, _, _, channels = pixels.shape
    picture: Picture = pixels.astype(np.float32) / 255
    bright = np.quantile(picture.reshape(n, -1, channels), QUANTILES, axis=1)  # (quantiles, n, channels)
    found = [bright.transpose(1, 0, 2).reshape(n, -1)]
    for _ in range(SCALES):
        across = np.diff(picture, axis=2).reshape(n, -1, channels)
        down = np.diff(picture, axis=1).reshape(n, -1, channels)
        typical = _mean(np.abs(across)) + _mean(np.abs(down))
        strong = np.sqrt(_mean(across**2) + _mean(down**2))
        found += [np.log(typical + DARKEST), np.log(strong + DARKEST)]
        picture = _halved(picture)
    return np.concatenate(found, axis=1).astype(np.float64)


def batches(images: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], most: int | None = None) -> Iterator[Pixels]:
    """The images of these rows in batches; with `most` so many of them, evenly spread."""
    if most is not None and len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    for first in range(0, len(rows), AT_ONCE):
        yield np.asarray(images[rows[first : first + AT_ONCE]])


def _mean(values: Picture) -> Picture:
    """Over the places of a picture; 0 where there are none, as across one column."""
    n, places, channels = values.shape
    found: Picture = values.mean(axis=1) if places else np.zeros((n, channels), np.float32)
    return found


def _halved(picture: Picture) -> Picture:
    """Means of 2x2; a picture of one row or column stays."""
    n, height, width, channels = picture.shape
    if height < 2 or width < 2:
        return picture
    cut = picture[:, : height // 2 * 2, : width // 2 * 2]
    halved: Picture = cut.reshape(n, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))
    return halved
