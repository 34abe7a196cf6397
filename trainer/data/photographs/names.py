"""Whether the files' names tell photographs, held against the photographs that were found otherwise.

Names are never believed by themselves. Keras's image generator writes `_12_3845.jpeg`, where 12 is a position in a
shuffled epoch and 3845 a random number, so that images which share the 12 come from many photographs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

AGREE = 0.95  # adjusted Rand index from which names and pixels tell the same; 1 is equality
CONTRADICT = 0.5  # and below which they do not
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class NamesAgreement:
    """How a naming pattern compares with the photographs.

    Attributes:
        example: a name in which the part that would be the photograph stands in brackets, as "[_12]_3845".
        groups: how many photographs the names would make.
        index: the adjusted Rand index with the photographs: 1 for the same groups, about 0 for unrelated ones.
    """

    example: str
    groups: int
    index: float

    def sentence(self, how: str) -> str:
        """For people. `how` says what the photographs were found in, as "the pixels"."""
        text = f"names as {self.example} would make {self.groups:,} photographs; adjusted Rand index {self.index:.2f}"
        if self.index >= AGREE:
            return f"The files' names agree with {how} ({text})."
        if self.index < CONTRADICT:
            return f"The files' names do not tell the photographs, and are not used: {how} contradict them ({text})."
        return f"The files' names agree with {how} in part, and are not used ({text})."


def names_agreement(files: Sequence[str], photos: Sequence[str]) -> NamesAgreement | None:
    """The naming pattern that comes nearest to the photographs; None where the names have no pattern that groups them.

    A pattern is the part of a name up to its first, second, ... number, within its folder. It counts where it puts at
    least a tenth of the images into groups, and not all of them into one.

    Args:
        files: paths, with forward slashes.
        photos: the photograph of each.
    """
    truth, folders = _codes(photos), _codes([str(PurePosixPath(file).parent) for file in files])
    best = None
    for keys, example in _patterns(files):
        codes = _codes(keys)
        counts = np.bincount(codes)
        if len(counts) < 2 or counts[counts > 1].sum() < 0.1 * len(files):
            continue
        found = NamesAgreement(example, len(counts), adjusted_rand_index(codes, truth, folders))
        if best is None or found.index > best.index:
            best = found
    return best


def adjusted_rand_index(
    one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], strata: npt.NDArray[np.int64] | None = None
) -> float:
    """The agreement of two groupings (n,) of the same things, corrected for chance: 1 the same, 0 as by chance.

    Hubert and Arabie 1985, "Comparing Partitions", Journal of Classification 2, 193-218, equation 5. With `strata` (n,)
    only pairs within a stratum count, and chance is that within each: two groupings that both respect the folders agree
    by that alone, which says nothing of the names.
    """
    together = ones = others = expected = 0.0
    groups = np.zeros(len(one), np.int64) if strata is None else strata
    for stratum in np.unique(groups):
        rows = groups == stratum
        first, second = one[rows], other[rows]
        _, cells = np.unique(first.astype(np.int64) * (int(second.max()) + 1) + second, return_counts=True)
        pairs = [_pairs(np.bincount(codes)) for codes in (first, second)]
        together, ones, others = together + _pairs(cells), ones + pairs[0], others + pairs[1]
        expected += pairs[0] * pairs[1] / max(_pairs(np.array([len(first)])), 1.0)
    highest = (ones + others) / 2
    return 1.0 if highest == expected else float((together - expected) / (highest - expected))


def _pairs(counts: npt.NDArray[np.int64]) -> float:
    wide = counts.astype(np.float64)
    return float((wide * (wide - 1) / 2).sum())


def _codes(names: Sequence[str]) -> npt.NDArray[np.int64]:
    codes: npt.NDArray[np.int64] = np.unique(np.asarray(names, dtype=object), return_inverse=True)[1].astype(np.int64)
    return codes


def _patterns(files: Sequence[str]) -> Iterator[tuple[list[str], str]]:
    """Each way to cut the names behind a number, with an example; the folder is part of every key."""
    numbers = [list(_NUMBER.finditer(PurePosixPath(file).stem)) for file in files]
    for place in range(max((len(found) for found in numbers), default=0)):
        keys, example = [], ""
        for file, found in zip(files, numbers, strict=True):
            path = PurePosixPath(file)
            if place < len(found) - 1:
                end = found[place].end()
                keys.append(f"{path.parent}/{path.stem[:end]}")
                example = example or f"[{path.stem[:end]}]{path.stem[end:]}"
            else:
                keys.append(file)
        if example:
            yield keys, example
