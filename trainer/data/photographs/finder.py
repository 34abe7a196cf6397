"""Which images show the same photograph, found in their pixels.

Each image gets local features; an index of them proposes pairs; pairs are laid upon each other by an affine map, turned
or mirrored; what lies upon each other well is one photograph. Parts of a smear that overlap are linked as well, for
they show the same cells. Files of equal bytes are one image.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from trainer.data.photographs.found import Found, Link, numbered

DOUBTFUL = 20  # links of each kind that are shown
MOST_WORKERS = 8
_IMAGE_S = 0.015  # of CPU; measured: 12,444 images of 320x240 in 167 s, 3,000 of 64x64 in 48 s, on busy cores
_CHECKS = 64  # pairs handed to a thread at once

Progress = Callable[[int, int], None]


def find_photographs(
    root: Path,
    files: Sequence[str],
    contents: Sequence[str],
    *,
    store: Path | None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Found:
    """Find which images show the same photograph.

    The result depends on the contents alone: not on `workers`, not on the order of the files, not on their names.

    Args:
        root: a folder.
        files: relative to it; usable images, as `trainer.data.cache.prepare` leaves them.
        contents: a hash of each file's bytes.
        store: a folder where features and results are kept, made where it is missing; None keeps nothing.
        workers: threads; None takes one for each CPU.
        progress: called in this thread with (images done, images in all) while features are extracted, nearly all of
            the time.

    Raises:
        DataError: files that are no usable images; all of them are listed.
    """
    if len(files) != len(contents):
        raise ValueError(f"{len(files)} files and {len(contents)} contents")
    rows: dict[str, int] = {}
    for row, content in enumerate(contents):
        rows.setdefault(content, row)
    unique = sorted(rows)
    from trainer.data.photographs.store import Store  # these need OpenCV, a tenth of a second that others do not pay

    kept = Store(store)
    values = kept.result(unique)
    if values is None or len(values.get("groups", ())) != len(unique):
        values = _find(root, [files[rows[content]] for content in unique], unique, kept, workers, progress)
        kept.keep_result(unique, values)
    elif progress is not None:
        progress(len(unique), len(unique))
    return _found(values, unique, rows, contents)


def foreseen_seconds(images: int, *, workers: int | None = None) -> float:
    """About how long `find_photographs` takes for images that are not in the store, on CPUs that do nothing else.

    The size of the images hardly matters: large ones are reduced, small ones enlarged.

    Args:
        images: how many.
        workers: as for `find_photographs`.
    """
    return 1 + images * _IMAGE_S / _worker_count(workers)


def _worker_count(workers: int | None) -> int:
    return max(1, workers if workers is not None else min(MOST_WORKERS, len(os.sched_getaffinity(0))))


def _find(
    root: Path,
    files: Sequence[str],
    contents: Sequence[str],
    store: Any,
    workers: int | None,
    progress: Progress | None,
) -> dict[str, Any]:
    """The result for files of different contents, in the order of these, as it is stored."""
    from trainer.data.photographs.candidates import propose
    from trainer.data.photographs.extraction import features_of
    from trainer.data.photographs.features import FEWEST_FEATURES, is_plain
    from trainer.data.photographs.geometry import Overlay, overlay
    from trainer.data.photographs.linking import Pair, is_weak, link
    from trainer.data.photographs.plain import alike

    count = _worker_count(workers)
    with _one_thread_each(), ThreadPoolExecutor(count, thread_name_prefix="photographs") as pool:
        features = features_of(root, files, contents, store, pool, count, progress)
        counts = np.array([len(one.points) for one in features], np.int64)
        counts[counts < FEWEST_FEATURES] = 0

        def check(pairs: Sequence[Pair]) -> list[Overlay]:
            def some(start: int) -> list[Overlay]:
                return [overlay(features[one], features[other]) for one, other in pairs[start : start + _CHECKS]]

            return [one for part in pool.map(some, range(0, len(pairs), _CHECKS)) for one in part]

        descriptors = np.concatenate(
            [
                np.zeros((0, 128), np.uint8),
                *(one.descriptors for one, many in zip(features, counts, strict=True) if many),
            ]
        )
        candidates, votes = propose(descriptors, counts, pool)
        del descriptors
        linked = link(candidates, votes, check)
    plain = np.array([row for row, one in enumerate(features) if is_plain(one)], int)
    if len(plain):
        thumbnails = np.stack([features[row].thumbnail for row in plain])
        for one, other in alike(thumbnails, np.stack([features[row].shape for row in plain])):
            linked.groups.join(int(plain[one]), int(plain[other]))
    roots = linked.groups.roots()
    links = [
        [*pair, found.inliers, found.agreement, found.overlap, found.mirrored, roots[pair[0]] == roots[pair[1]]]
        for pair, found in sorted(linked.checked.items())
        if found.inliers and (is_weak(found) or roots[pair[0]] != roots[pair[1]])
    ]
    return {"groups": roots, "links": links, "plain": plain.tolist(), "checked": len(linked.checked)}


def _found(values: dict[str, Any], unique: Sequence[str], rows: dict[str, int], contents: Sequence[str]) -> Found:
    """The result for the files as they were given: `unique` are their contents, `rows` the first file of each."""
    place = {content: number for number, content in enumerate(unique)}
    links = []
    for one, other, *rest in values["links"]:
        first, second = sorted((rows[unique[one]], rows[unique[other]]))
        links.append(Link(first, second, *rest))
    links.sort(key=lambda link: (-link.strength, link.first, link.second))
    accepted_links = [link for link in links if link.accepted]
    rejected = [link for link in links if not link.accepted]
    plain = set(values["plain"])
    return Found(
        groups=numbered([values["groups"][place[content]] for content in contents]),
        links=tuple(accepted_links),
        doubtful=tuple(reversed([*accepted_links[-DOUBTFUL:], *rejected[:DOUBTFUL]])),
        plain=tuple(row for row, content in enumerate(contents) if place[content] in plain),
        pairs_checked=values["checked"],
    )


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """OpenCV computes in the thread that calls it: the pool has as many as there are CPUs."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
