"""Images with too few features: compared pixel by pixel, over the 8 symmetries of a square.

Each becomes ten numbers that no symmetry changes (the means over the orbits of an 8x8 grid). Those that are near each
other are compared in full. Averaging brings images nearer and never further, so none that is alike is missed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.data.photographs.features import THUMBNAIL_SIDE, Array

FEWEST_LEVELS = 4.0  # standard deviation below which an image is blank and shows no scene
_FARTHEST = 2.0  # levels, root mean square: what compressing twice changes
_AGREEMENT = 0.99  # correlation
_GRID = 8
_NEIGHBOURS = 16  # compared with each; all copies of one icon are joined through them


def alike(thumbnails: Array, shapes: Array) -> list[tuple[int, int]]:
    """Pairs of rows that show the same picture, turned by quarters or mirrored, enough to join all that do.

    Args:
        thumbnails: uint8 of shape (images, 32, 32).
        shapes: int of shape (images, 2): height and width before they were stretched.
    """
    from scipy.spatial import cKDTree

    rows = np.flatnonzero(thumbnails.reshape(len(thumbnails), -1).std(1) >= FEWEST_LEVELS)
    if len(rows) < 2:
        return []
    invariants = _invariants(thumbnails[rows])
    tree = cKDTree(invariants)
    reach = _FARTHEST * np.sqrt(invariants.shape[1])
    _, near = tree.query(invariants, k=min(_NEIGHBOURS, len(rows)), distance_upper_bound=reach)
    pairs = {
        (min(row, int(other)), max(row, int(other)))
        for row, others in enumerate(near)
        for other in others
        if other < len(rows) and other != row
    }
    found = [(int(rows[one]), int(rows[other])) for one, other in sorted(pairs)]
    return [pair for pair in found if _same(thumbnails, shapes, *pair)]


def symmetries(square: Array) -> Sequence[Array]:
    """The 8 pictures that turning by quarters and mirroring make of one."""
    return [np.rot90(side, turns) for side in (square, square.T) for turns in range(4)]


def _invariants(thumbnails: Array) -> Array:
    """Of shape (images, 10): the mean of each orbit of the grid under the symmetries."""
    block = THUMBNAIL_SIDE // _GRID
    means = thumbnails.reshape(-1, _GRID, block, _GRID, block).astype(np.float32).mean((2, 4))
    cells = np.arange(_GRID * _GRID).reshape(_GRID, _GRID)
    orbit = np.min(symmetries(cells), axis=0).ravel()
    orbits = np.unique(orbit)
    flat = means.reshape(len(means), -1)
    return np.stack([flat[:, orbit == one].mean(1) for one in orbits], 1)


def _same(thumbnails: Array, shapes: Array, one: int, other: int) -> bool:
    here = thumbnails[one].astype(np.float32)
    for number, there in enumerate(symmetries(thumbnails[other].astype(np.float32))):
        upright = (number % 2 == 1) == (number >= 4)  # else height and width are swapped
        shape = shapes[other] if upright else shapes[other][::-1]
        if (shape != shapes[one]).any():
            continue
        if np.sqrt(np.mean((here - there) ** 2)) <= _FARTHEST:
            a, b = here - here.mean(), there - there.mean()
            if (a * b).sum() >= _AGREEMENT * np.sqrt((a * a).sum() * (b * b).sum()):
                return True
    return False
