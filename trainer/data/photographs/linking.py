"""From candidates to photographs: which pairs are laid upon each other, and which links join.

A strong link joins two groups. A weak one alone never does: two of them must say the same, between different images of
the two groups, so that one mistake cannot make two photographs one.

On the blood-cell set the links of true copies have 25 inliers and more, agree by 0.74 to 0.99 and overlap by half and
more; pairs that have nothing in common reach 5 inliers and seldom an agreement of 0.3. Between the two lie neighbours
on one smear that overlap by a fifth or less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from trainer.data.photographs.features import Array
from trainer.data.photographs.geometry import Overlay

STRONG_INLIERS = 15  # whatever the overlap
COPY_INLIERS = 8  # of a copy, which small images have no more of
COPY_OVERLAP = 0.5
WEAK_INLIERS = 10
LEAST_AGREEMENT = 0.6
ROUNDS = 12
_SHARE = 4  # a group of n images checks n / 4 pairs a round

Pair = tuple[int, int]
Check = Callable[[Sequence[Pair]], Sequence[Overlay]]


def is_strong(found: Overlay) -> bool:
    """Whether a link joins by itself: many inliers, or fewer over most of the image."""
    enough = COPY_INLIERS if found.overlap >= COPY_OVERLAP else STRONG_INLIERS
    return found.inliers >= enough and found.agreement >= LEAST_AGREEMENT


def is_weak(found: Overlay) -> bool:
    """Whether a link joins together with a second one; strong links are weak ones too."""
    return is_strong(found) or (found.inliers >= WEAK_INLIERS and found.agreement >= LEAST_AGREEMENT)


class Groups:
    """Union-find; the root of a group is its smallest row."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))
        self._sizes = [1] * count

    def root(self, row: int) -> int:
        """The smallest row of the group that `row` is in."""
        while self._parents[row] != row:
            self._parents[row] = self._parents[self._parents[row]]
            row = self._parents[row]
        return row

    def join(self, one: int, other: int) -> None:
        """Make the groups of two rows one."""
        one, other = sorted((self.root(one), self.root(other)))
        if one != other:
            self._parents[other] = one
            self._sizes[one] += self._sizes[other]

    def size(self, root: int) -> int:
        """The size of the group with this root."""
        return self._sizes[root]

    def roots(self) -> list[int]:
        """The root of every row."""
        return [self.root(row) for row in range(len(self._parents))]


@dataclass(frozen=True)
class Linked:
    """The groups, and every pair that was checked."""

    groups: Groups
    checked: dict[Pair, Overlay]


def link(candidates: Array, votes: Array, check: Check) -> Linked:
    """Check candidates, best first, round after round, and join what they show to be one photograph.

    In a round each group checks the best of its unchecked pairs, one with each other group, and no pair within a group:
    so a photograph of 40 copies costs about 40 checks and not 780.

    Args:
        candidates: int of shape (images, k): rows.
        votes: of the same shape; 0: no candidate.
        check: lays pairs upon each other, in the order given.
    """
    groups = Groups(len(candidates))
    waiting = _ordered(candidates, votes)
    checked: dict[Pair, Overlay] = {}
    for _ in range(ROUNDS):
        waiting = [pair for pair in waiting if pair not in checked and groups.root(pair[0]) != groups.root(pair[1])]
        chosen = _choose(waiting, groups)
        if not chosen:
            break
        for pair, found in zip(chosen, check(chosen), strict=True):
            checked[pair] = found
        strong = [pair for pair in chosen if is_strong(checked[pair])]
        for pair in strong:
            groups.join(*pair)
        _join_twice_weak([pair for pair, found in checked.items() if is_weak(found)], groups)
    return Linked(groups, checked)


def _ordered(candidates: Array, votes: Array) -> list[Pair]:
    """Pairs of rows (smaller, larger), once each, by falling votes."""
    best: dict[Pair, float] = {}
    for row, (others, theirs) in enumerate(zip(candidates.tolist(), votes.tolist(), strict=True)):
        for other, vote in zip(others, theirs, strict=True):
            if vote > 0:
                pair = (min(row, other), max(row, other))
                best[pair] = max(vote, best.get(pair, 0.0))
    return sorted(best, key=lambda pair: (-best[pair], pair))


def _choose(waiting: Iterable[Pair], groups: Groups) -> list[Pair]:
    """Of pairs by falling votes: a share for each group, one for each pair of groups."""
    taken: dict[int, int] = defaultdict(int)
    met: set[Pair] = set()
    chosen = []
    for pair in waiting:
        one, other = sorted((groups.root(pair[0]), groups.root(pair[1])))
        if (one, other) in met:
            continue
        wanted = [root for root in (one, other) if taken[root] < -(-groups.size(root) // _SHARE)]
        if wanted:
            met.add((one, other))
            chosen.append(pair)
            for root in wanted:
                taken[root] += 1
    return chosen


def _join_twice_weak(pairs: Sequence[Pair], groups: Groups) -> None:
    """Join groups between which two weak links stand that share no image."""
    between: dict[Pair, list[Pair]] = defaultdict(list)
    for pair in pairs:
        one, other = sorted((groups.root(pair[0]), groups.root(pair[1])))
        if one != other:
            between[one, other].append(pair)
    for links in between.values():
        if any(not set(first) & set(second) for first in links for second in links):
            groups.join(*links[0])
