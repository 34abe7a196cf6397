"""What was found: which images show one photograph, by which links, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FINDER_VERSION = 1  # raised when the same files give other features or groups than before; part of every stored name


@dataclass(frozen=True)
class Link:
    """Two images that were laid upon each other.

    Attributes:
        first: row of one image.
        second: row of the other; larger than `first`.
        inliers: places that both images have and that one affine map takes onto each other.
        agreement: correlation of the two textures where they overlap under that map, -1 to 1.
        overlap: how much of the smaller one the other shows, 0 to 1.
        mirrored: whether the map turns left into right.
        accepted: whether the link was strong enough to join them.
    """

    first: int
    second: int
    inliers: int
    agreement: float
    overlap: float
    mirrored: bool
    accepted: bool

    @property
    def strength(self) -> float:
        """Inliers times agreement: the order of doubtful links."""
        return self.inliers * max(0.0, self.agreement)


@dataclass(frozen=True)
class Found:
    """The photographs of a list of images.

    Attributes:
        groups: a number for each image; images of one number show one photograph. Numbered from 0 in order of first
            appearance.
        links: the accepted links, strongest first. Files of equal bytes are one image and need no link.
        doubtful: the weakest accepted links and the strongest rejected ones, weakest first: for a person to look at.
        plain: rows of images that are too small or have too few features for copies to be found surely. They were also
            compared pixel by pixel, over the 8 symmetries of a square; a blank one is a photograph of its own.
        pairs_checked: how many pairs of images were laid upon each other.
    """

    groups: tuple[int, ...]
    links: tuple[Link, ...]
    doubtful: tuple[Link, ...]
    plain: tuple[int, ...]
    pairs_checked: int

    @property
    def photographs(self) -> int:
        """How many photographs there are."""
        return len(set(self.groups))


def numbered(roots: Sequence[int]) -> tuple[int, ...]:
    """Any labels as numbers from 0 in order of first appearance."""
    numbers: dict[int, int] = {}
    return tuple(numbers.setdefault(root, len(numbers)) for root in roots)
