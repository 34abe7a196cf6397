"""What the image cache knows of a folder by now, for whoever only asks: nothing is decoded, found or written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from trainer.data.cache.cache import CacheEntry
from trainer.data.cache.prepare import good_files
from trainer.data.grouping.group_images import known_grouping
from trainer.data.images.resizing import ImageSize
from trainer.data.index import list_folder
from trainer.data.options import DataOptions


class KnownImages(NamedTuple):
    """What tells one folder of images from another.

    Attributes:
        fingerprint: of names and contents.
        grouping: the digest of their photographs.
    """

    fingerprint: str
    grouping: str


def known_images(root: Path, cache_dir: Path, sizes: Iterable[ImageSize], options: DataOptions) -> KnownImages | None:
    """The same that `prepare` would find, where the cache has these images at any of these sizes, and knows their
    photographs; else None.

    Raises:
        DataError: the folder cannot be used.
    """
    index, problems = list_folder(root)
    if problems:
        return None
    for size in dict.fromkeys(sizes):
        sidecar = CacheEntry(cache_dir, index, size, options.skip_bad_files).load()
        if sidecar is None:
            continue
        grouping = known_grouping(good_files(index, sidecar), sidecar.contents, options, cache_dir)
        if grouping is not None:
            return KnownImages(sidecar.fingerprint, grouping.digest)
    return None
