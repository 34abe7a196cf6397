"""The local features of one image, and what is kept to check a match: SIFT descriptors, a texture, a thumbnail.

Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 60 (2004), as in OpenCV; descriptors as
Arandjelovic and Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012 (RootSIFT).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

# Pixels of the longer side; 192 and 256 find the same on the blood-cell set, for half more and twice the time.
WORKING_SIDE = 160
MOST_FEATURES = 100  # the strongest
ENOUGH_FEATURES = 30  # below this an image is plain, and
FEWEST_FEATURES = 12  # below this its features are not used: a link needs 8 inliers
SMALLEST_SIDE = 48  # pixels of the longer side, below which it is plain: of the blood-cell set at 28, half is missed
TEXTURE_SIDE = 80  # pixels of the texture's canvas
THUMBNAIL_SIDE = 32
MASKED = -128  # in a texture: nothing of the photograph is here
DESCRIPTOR_NORM = 512  # Euclidean length of a descriptor, as OpenCV scales SIFT's

SMALL_SIDE = 128  # pixels; smaller images are enlarged to it: at 64, recall rises from 0.94 to 0.99
_MOST_ENLARGED = 4.0

_CONTRAST = 0.02  # half of OpenCV's default: faint cells count, the strongest are kept anyway
_EDGE = 10.0  # Lowe, section 4.1; OpenCV's default
_SIGMA = 1.6  # Lowe, section 3.3; OpenCV's default
_BLACK = 16  # levels: of a corner that was filled up, JPEG's ringing included
_MOST_BLACK = 0.5  # of an image; more is the dark ground of the photograph itself
_TEXTURE_SIGMA = 4.0  # pixels of the texture: what is coarser (light, staining) does not count as agreement
_TEXTURE_NOISE = 3.0  # levels: fainter texture than this counts less
_TEXTURE_GAIN = 31.0  # four standard deviations become 127

# SIFT's layout is 4 rows x 4 columns x 8 directions. A mirror image swaps the rows and negates the directions.
MIRROR = np.arange(128).reshape(4, 4, 8)[::-1][:, :, -np.arange(8) % 8].reshape(-1)

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Features:
    """What is known of one image.

    Attributes:
        points: float32 of shape (n, 2): x and y in pixels of the texture's canvas.
        descriptors: uint8 of shape (n, 128), of Euclidean length `DESCRIPTOR_NORM`.
        texture: int8 of shape (80, 80): local contrast, `MASKED` outside the photograph. The image is at the top left.
        thumbnail: uint8 of shape (32, 32): the image, stretched.
        shape: int16 of shape (2,): height and width in the working size.
    """

    points: Array
    descriptors: Array
    texture: Array
    thumbnail: Array
    shape: Array


def is_plain(features: Features) -> bool:
    """Whether an image is too small or has too few features for copies of it to be found surely."""
    return len(features.points) < ENOUGH_FEATURES or int(features.shape.max()) < SMALLEST_SIDE


def working_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) at which an image of this size is looked at: its longer side is `WORKING_SIDE` at most."""
    scale = min(1.0, WORKING_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def extract(gray: Array) -> Features:
    """The features of an image: uint8 of shape (height, width), in its working size."""
    shape = np.array(gray.shape, np.int16)
    thumbnail = cv2.resize(gray, (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA)
    gray = _enlarged(gray)
    inside = _photograph(gray)
    levels = _stretched(gray, inside)
    detector: Any = cv2.SIFT.create(MOST_FEATURES, 3, _CONTRAST, _EDGE, _SIGMA, cv2.CV_8U, True)
    keypoints, descriptors = detector.detectAndCompute(levels, None)
    scale = TEXTURE_SIDE / max(gray.shape)
    points = np.array([point.pt for point in keypoints], np.float32).reshape(-1, 2)
    sizes = np.array([point.size for point in keypoints], np.float32)
    kept = _off_the_border(points, sizes, inside)
    raw = descriptors[kept] if len(keypoints) else np.zeros((0, 128), np.uint8)
    return Features(
        points=points[kept] * np.float32(scale),
        descriptors=_root(raw),
        texture=_texture(gray, inside),
        thumbnail=thumbnail,
        shape=shape,
    )


def _enlarged(gray: Array) -> Array:
    """Small images have more features when they are enlarged, for SIFT's smallest scales go to waste in them."""
    factor = min(_MOST_ENLARGED, SMALL_SIDE / max(gray.shape))
    if factor <= 1:
        return gray
    size = (max(1, round(gray.shape[1] * factor)), max(1, round(gray.shape[0] * factor)))
    enlarged: Array = cv2.resize(gray, size, interpolation=cv2.INTER_CUBIC)
    return enlarged


def _photograph(gray: Array) -> Array:
    """Where the photograph is: all but black areas that reach a corner (a copy was turned or shifted).

    White ones count as photograph: an overexposed ground is white as well.
    """
    black = (gray <= _BLACK).astype(np.uint8)
    _, areas = cv2.connectedComponents(black, connectivity=4)
    corners = areas[[0, 0, -1, -1], [0, -1, 0, -1]]
    filled = np.isin(areas, corners[corners > 0])
    return ~filled if filled.mean() <= _MOST_BLACK else np.ones(gray.shape, bool)


def _stretched(gray: Array, inside: Array) -> Array:
    """Levels spread alike, so that a darkened copy has as many features; noise is raised by 4 at most."""
    levels = gray[inside]
    if not levels.size:
        return gray
    low, high = np.percentile(levels, (1, 99))
    gain = min(4.0, 200 / max(high - low, 1.0))
    stretched: Array = ((gray.astype(np.float32) - low) * gain + 25).clip(0, 255).astype(np.uint8)
    return stretched


def _off_the_border(points: Array, sizes: Array, inside: Array) -> Array:
    """Which features are not made by the edge of the photograph: rotation edges look alike in all images."""
    if not len(points):
        return np.zeros(0, bool)
    distance = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3)
    height, width = inside.shape
    column = (points[:, 0] + 0.5).astype(int).clip(0, width - 1)
    row = (points[:, 1] + 0.5).astype(int).clip(0, height - 1)
    kept: Array = distance[row, column] > np.maximum(4.0, 0.8 * sizes)
    return kept


def _root(descriptors: Array) -> Array:
    values = descriptors.astype(np.float32)
    values /= np.maximum(values.sum(1, keepdims=True), 1)
    rooted: Array = (np.sqrt(values) * DESCRIPTOR_NORM).clip(0, 255).astype(np.uint8)
    return rooted


def _texture_size(gray: Array) -> tuple[int, int]:
    """The size of the texture of an image, as (height, width) in pixels."""
    scale = TEXTURE_SIDE / max(gray.shape)
    return max(1, round(gray.shape[0] * scale)), max(1, round(gray.shape[1] * scale))


def _texture(gray: Array, inside: Array) -> Array:
    height, width = _texture_size(gray)
    small = cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    whole = cv2.resize(inside.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) > 0.999
    weight = whole.astype(np.float32)
    around = cv2.GaussianBlur(weight, (0, 0), _TEXTURE_SIGMA) + 1e-6
    contrast = (small - cv2.GaussianBlur(small * weight, (0, 0), _TEXTURE_SIGMA) / around) * weight
    spread = np.sqrt(cv2.GaussianBlur(contrast * contrast, (0, 0), _TEXTURE_SIGMA) / around + _TEXTURE_NOISE**2)
    values = (contrast / spread * _TEXTURE_GAIN).clip(-127, 127)
    canvas = np.full((TEXTURE_SIDE, TEXTURE_SIDE), MASKED, np.int8)
    canvas[:height, :width] = np.where(whole, values, MASKED)
    return canvas
