"""The interval of a share of images, of one model, over photographs.

Images made from one photograph are classified alike, so they are counted as a sample of photographs. The variance is
that of a ratio of sums over photographs (Cochran 1977, "Sampling Techniques", 3rd ed., section 2.11); the interval is
Wilson's (1927) with the number of independent images that would vary as much, corrected for the degrees of freedom
(Korn and Graubard 1998, Survey Methodology 24, 193-201), as the intervals of a study's answer. It says what other
photographs would give to this one model; a study's, of several trainings, says what other trainings would give too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LEVEL = 0.95


@dataclass(frozen=True)
class Share:
    """A share of images with its 95 % interval.

    Attributes:
        value, low, high: 0 to 1.
        images: of which it is the share.
        photographs: of which these are.
    """

    value: float
    low: float
    high: float
    images: int
    photographs: int

    def as_json(self) -> dict[str, float]:
        """The values with four digits, for JSON."""
        figures = {name: round(getattr(self, name), 4) for name in ("value", "low", "high")}
        return {**figures, "images": self.images, "photographs": self.photographs}

    def __str__(self) -> str:
        return f"{self.value:.1%} ({100 * self.low:.0f} to {100 * self.high:.0f})"


def share_by_photograph(hits: npt.NDArray[np.bool_], photos: Sequence[str] | npt.NDArray[np.str_]) -> Share:
    """The share of images that are hits.

    Args:
        hits: (n,), at least one.
        photos: (n,) the photograph of each image.
    """
    from scipy.special import stdtrit  # Student's t

    _, place = np.unique(np.asarray(photos), return_inverse=True)
    images = np.bincount(place)
    right = np.bincount(place, weights=hits)
    n, value = len(images), float(np.mean(hits))
    spread = value * (1 - value)
    variance = n / max(n - 1, 1) * float(((right - value * images) ** 2).sum()) / len(hits) ** 2
    if n < 2 or variance == 0 or spread == 0:
        # All agree. Photographs of which that is not true may still make up so much (exact binomial bound; Hanley and
        # Lippman-Hand 1983, JAMA 249, 1743-1745).
        bound = 1 - ((1 - LEVEL) / 2) ** (1 / n)
        return Share(value, max(value - bound, 0.0), min(value + bound, 1.0), len(hits), n)
    effective = min(spread / variance, len(hits))  # no more independent evidence than images (Korn and Graubard)
    shift = float(stdtrit(n - 1, (1 + LEVEL) / 2)) ** 2 / effective
    middle = (value + shift / 2) / (1 + shift)
    half = np.sqrt(shift * (spread + shift / 4)) / (1 + shift)
    return Share(value, max(float(middle - half), 0.0), min(float(middle + half), 1.0), len(hits), n)
