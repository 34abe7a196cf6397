"""Features of many files, in threads, from the store where it has them.

Threads, for OpenCV and Pillow let others run while they compute: on two cores, 47 seconds of CPU took 24 by the clock.
So there is one copy of the features, and no process to start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from trainer.data.images.depth import Range, Ranges
from trainer.data.images.reader import ORIENTATION_TAG, BadImageError, TooLargeNowError, read_image
from trainer.data.images.resizing import SWAPS_SIDES, ImageSize
from trainer.data.photographs.features import Features, extract, working_size
from trainer.data.photographs.store import Store
from trainer.errors import DataError

CHUNK = 512  # images kept as one file: 12 MB, some seconds of work
MEMORY = 400 << 20  # bytes for decoding, all threads together

Progress = Callable[[int, int], None]


def features_of(
    root: Path,
    files: Sequence[str],
    contents: Sequence[str],
    store: Store,
    pool: Executor,
    workers: int,
    progress: Progress | None,
) -> list[Features]:
    """The features of each file, in its order.

    Args:
        root: of the files.
        files: relative to `root`, each of another content.
        contents: a hash of each.
        store: where features are, and where new ones are kept.
        pool: of `workers` threads.
        workers: the memory for decoding is shared among so many.
        progress: called in this thread with (files done, files in all).

    Raises:
        DataError: files that are no usable images; all of them are listed.
    """
    found = store.features(contents)
    missing = [row for row, content in enumerate(contents) if content not in found]
    limit = MEMORY // workers
    bad: list[str] = []

    def decode(row: int) -> Features | None:
        try:
            return _features(root / files[row], limit)
        except TooLargeNowError:
            return None

    done = len(contents) - len(missing)
    for start in range(0, len(missing), CHUNK):
        rows = missing[start : start + CHUNK]
        new: dict[str, Features] = {}
        futures = [pool.submit(decode, row) for row in rows]
        for row, future in zip(rows, futures, strict=True):
            try:
                features = future.result()
                if features is None:  # a large image, alone: the others of this chunk may still be under way
                    for other in futures:
                        other.exception()
                    features = _features(root / files[row], None)
                new[contents[row]] = features
            except BadImageError as error:
                bad.append(f"{files[row]}: {error}")
            except OSError as error:
                bad.append(f"{files[row]}: unreadable ({error.strerror})")
            done += 1
            if progress is not None:
                progress(done, len(contents))
        if new:
            store.keep_features(new)
        found.update(new)
    if bad:
        raise DataError(f"{root}: photographs cannot be found, for {len(bad):,} files are no usable images:", bad)
    return [found[content] for content in contents]


def _features(path: Path, memory_limit: int | None) -> Features:
    with path.open("rb") as file:
        width, height = working_size(*_size(file))
        file.seek(0)
        picture = read_image(file, [ImageSize(height, width, False)], memory_limit)
        if picture.extent is not None:  # more than 8 bits: what it shows, whatever part of its range it uses
            own = Range(picture.extent.low, max(picture.extent.high, picture.extent.low + 1e-9))
            file.seek(0)
            size = [ImageSize(height, width, False)]
            picture = read_image(file, size, memory_limit, ranges=Ranges(integer=own, float=own))
    return extract(picture.pixels[0][..., 0])


def _size(file: BinaryIO) -> tuple[int, int]:
    """(width, height) as the file is displayed, from its header; what is wrong with it `read_image` says."""
    try:
        with Image.open(file) as image:
            swapped = image.getexif().get(ORIENTATION_TAG, 1) in range(SWAPS_SIDES, 9)
            return image.size[::-1] if swapped else image.size
    except Exception:  # a damaged file can raise anything in Pillow
        return 1, 1
