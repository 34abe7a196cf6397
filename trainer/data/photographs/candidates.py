"""Which images may show the same photograph: an inverted index of the descriptors.

Each descriptor becomes a word, and images that share rare words are compared first. The words are the cells of an
inverted multi-index (Babenko and Lempitsky, CVPR 2012): the descriptor's principal components in two halves, each
quantized by k-means. The number of words grows with the number of descriptors, so that a word's list of images keeps
its length and the cost grows about linearly with the images.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass

import cv2
import numpy as np

from trainer.data.photographs.features import DESCRIPTOR_NORM, MIRROR, Array

CANDIDATES = 16  # images proposed for each
_SAMPLE = 20_000  # descriptors that the words are learnt from
_COMPONENTS = 24  # of 128; four fifths of the variance on the blood-cell set
_FULL_CELL = 10  # descriptors a word, on average
_CENTERS = (8, 512)  # the fewest and the most of a half
_LONGEST_LIST = 512  # images looked at for one word: text or dust that is in every image would cost its square
_BLOCK = 4_096  # descriptors quantized at once; bounds the memory
_IMAGES = 256  # proposed for in one go


@dataclass(frozen=True)
class _Words:
    mean: Array
    components: Array
    centers: tuple[Array, Array]

    def of(self, descriptors: Array, pool: Executor, *, mirrored: bool = False) -> Array:
        words = np.empty(len(descriptors), np.int32)

        def quantize(start: int) -> None:
            block = descriptors[start : start + _BLOCK]
            values = (_unit(block[:, MIRROR] if mirrored else block) - self.mean) @ self.components
            halves = [_nearest(values[:, half::2], centers) for half, centers in enumerate(self.centers)]
            words[start : start + _BLOCK] = halves[0] * len(self.centers[1]) + halves[1]

        _wait(pool.map(quantize, range(0, len(descriptors), _BLOCK)))
        return words


def propose(descriptors: Array, counts: Array, pool: Executor) -> tuple[Array, Array]:
    """For each image those that share the rarest words with it, turned or mirrored; best first.

    Args:
        descriptors: uint8 of shape (sum of counts, 128), image after image.
        counts: int of shape (images,): descriptors of each.
        pool: computes.

    Returns:
        Rows, int of shape (images, `CANDIDATES`), and votes, float32 of that shape; 0 votes: no candidate.
    """
    images = len(counts)
    rows = np.zeros((images, CANDIDATES), np.int32)
    votes = np.zeros((images, CANDIDATES), np.float32)
    if images < 2 or not len(descriptors):
        return rows, votes
    words = _learn(descriptors)
    ends = np.cumsum(counts)
    plain, mirrored = words.of(descriptors, pool), words.of(descriptors, pool, mirrored=True)
    order = np.argsort(plain, kind="stable")
    listed = np.repeat(np.arange(images, dtype=np.int32), counts)[order]
    starts = np.searchsorted(plain[order], np.arange(len(words.centers[0]) * len(words.centers[1]) + 1))

    def propose_some(start: int) -> None:
        for image in range(start, min(start + _IMAGES, images)):
            span = slice(ends[image] - counts[image], ends[image])
            found = [_vote(image, side[span], listed, starts) for side in (plain, mirrored)]
            others, weight = (np.concatenate(parts) for parts in zip(*found, strict=True))
            best = np.lexsort((others, -weight))
            _, first = np.unique(others[best], return_index=True)  # an image may come turned and mirrored: the better
            best = best[np.sort(first)][:CANDIDATES]
            rows[image, : len(best)], votes[image, : len(best)] = others[best], weight[best]

    _wait(pool.map(propose_some, range(0, images, _IMAGES)))
    return rows, votes


def _learn(descriptors: Array) -> _Words:
    """Deterministic: an even sample, and a seed for k-means."""
    step = max(1, len(descriptors) // _SAMPLE)
    sample = descriptors[::step]
    values = np.concatenate([_unit(sample), _unit(sample[:, MIRROR])])
    mean = values.mean(0)
    _, vectors = np.linalg.eigh(np.cov((values - mean).T))
    components = vectors[:, ::-1][:, :_COMPONENTS].astype(np.float32)
    reduced = (values - mean) @ components
    count = int(np.clip(np.sqrt(len(descriptors) / _FULL_CELL), *_CENTERS))
    count = min(count, len(reduced))
    criteria = (cv2.TERM_CRITERIA_MAX_ITER, 12, 0.0)
    centers = []
    for half in range(2):
        cv2.setRNGSeed(half)
        part = np.ascontiguousarray(reduced[:, half::2])
        centers.append(cv2.kmeans(part, count, None, criteria, 1, cv2.KMEANS_PP_CENTERS)[2])  # type: ignore[call-overload]
    return _Words(mean, components, (centers[0], centers[1]))


def _wait(done: Iterable[None]) -> None:
    for _ in done:
        pass


def _unit(descriptors: Array) -> Array:
    return descriptors.astype(np.float32) / np.float32(DESCRIPTOR_NORM)


def _nearest(values: Array, centers: Array) -> Array:
    distance = values @ (-2 * centers.T)
    distance += (centers * centers).sum(1)
    nearest: Array = distance.argmin(1)
    return nearest


def _vote(image: int, words: Array, listed: Array, starts: Array) -> tuple[Array, Array]:
    """Images that share words with this one, and their votes: a word counts by how rare it is."""
    words = np.unique(words)
    first, length = starts[words], starts[words + 1] - starts[words]
    weight = 1 / np.sqrt(np.maximum(length, 1), dtype=np.float32)
    taken = np.minimum(length, _LONGEST_LIST)
    step = length / np.maximum(taken, 1)  # of a longer list, evenly
    place = np.arange(taken.sum()) - np.repeat(np.cumsum(taken) - taken, taken)
    found = listed[np.repeat(first, taken) + (place * np.repeat(step, taken)).astype(np.int64)]
    others, inverse = np.unique(found, return_inverse=True)
    votes = np.bincount(inverse, weights=np.repeat(weight, taken)).astype(np.float32)
    kept = others != image
    others, votes = others[kept], votes[kept]
    if len(others) > CANDIDATES:
        best = np.lexsort((others, -votes))[:CANDIDATES]
        others, votes = others[best], votes[best]
    return others, votes
