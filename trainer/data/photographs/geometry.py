"""Two images laid upon each other: an affine map from their features, by RANSAC, and how well the textures agree."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from trainer.data.photographs.features import MASKED, MIRROR, TEXTURE_SIDE, Array, Features

_RATIO = 0.8  # Lowe, section 7.1: nearest against second nearest descriptor; squared below
_REACH = 1.0  # pixels of the texture by which an inlier may be off (3 of 256)
_FEWEST_MATCHES = 4  # three fix an affine map
_SCALES = (0.5, 2.0)  # how far a copy may be enlarged, in any direction
_MOST_STRETCH = 1.7  # the larger of its two scales by the smaller one
_FEWEST_PIXELS = 128  # of the texture that must overlap: a fiftieth of the canvas


@dataclass(frozen=True)
class Overlay:
    """How well two images lie upon each other; see `trainer.data.photographs.Link`."""

    inliers: int = 0
    agreement: float = 0.0
    overlap: float = 0.0
    mirrored: bool = False


def overlay(one: Features, other: Features) -> Overlay:
    """The best of a turned and a mirrored map of `one` onto `other`; no inliers where there is none."""
    best, best_map = Overlay(), None
    for mirrored in (False, True):
        inliers, found = _affine(one, other, mirrored=mirrored)
        if found is not None and inliers > best.inliers:
            best, best_map = Overlay(inliers, mirrored=mirrored), found
    if best_map is None:
        return best
    return Overlay(best.inliers, *_agreement(one.texture, other.texture, best_map), best.mirrored)


def _affine(one: Features, other: Features, *, mirrored: bool) -> tuple[int, Array | None]:
    """How many places the map takes onto each other, and the map, of shape (2, 3)."""
    if min(len(one.points), len(other.points)) < _FEWEST_MATCHES:
        return 0, None
    targets = other.descriptors[:, MIRROR] if mirrored else other.descriptors
    distance, nearest = cv2.batchDistance(
        one.descriptors.astype(np.float32), targets.astype(np.float32), cv2.CV_32F, None, None, cv2.NORM_L2SQR, 2
    )
    distinct = np.flatnonzero(distance[:, 0] < _RATIO**2 * distance[:, 1])
    if len(distinct) < _FEWEST_MATCHES:
        return 0, None
    source, target = one.points[distinct], other.points[nearest[distinct, 0]]
    found, inside = cv2.estimateAffine2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=_REACH, maxIters=500, confidence=0.99, refineIters=2
    )
    if found is None or not _plausible(found, mirrored=mirrored):
        return 0, None
    kept = inside.ravel() > 0
    return min(_places(source[kept]), _places(target[kept])), found


def _plausible(found: Array, *, mirrored: bool) -> bool:
    linear = found[:, :2]
    if not np.isfinite(found).all() or (np.linalg.det(linear) < 0) != mirrored:
        return False
    largest, smallest = np.linalg.svd(linear, compute_uv=False)
    return bool(smallest >= _SCALES[0] and largest <= _SCALES[1] and largest <= _MOST_STRETCH * smallest)


def _places(points: Array) -> int:
    """Distinct places: SIFT gives a place several features, of several directions and sizes."""
    return len(np.unique(np.round(points / _REACH), axis=0))


def _agreement(source: Array, target: Array, found: Array) -> tuple[float, float]:
    """The correlation of the textures where both are, and the share of the smaller one that this is.

    No correlation where too little overlaps.
    """
    size = (TEXTURE_SIDE, TEXTURE_SIDE)
    here = (source != MASKED).astype(np.float32)
    moved = cv2.warpAffine(np.where(source == MASKED, 0, source).astype(np.float32), found, size)
    there = target != MASKED
    both = there & (cv2.warpAffine(here, found, size) > 0.99)
    pixels = int(np.count_nonzero(both))
    area = min(float(np.count_nonzero(there)), float(here.sum()) * abs(float(np.linalg.det(found[:, :2]))))
    overlap = min(1.0, pixels / max(area, 1.0))
    if pixels < _FEWEST_PIXELS:
        return 0.0, overlap
    a, b = moved[both], target[both].astype(np.float32)
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / np.sqrt(max(float((a @ a) * (b @ b)), 1.0))), overlap
