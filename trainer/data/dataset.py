"""The images as a training uses them: a mapped array, labels, photographs and the three splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from trainer.data.cache import CacheEntry
from trainer.data.depth import FULL, Ranges
from trainer.data.index import Index, list_folder
from trainer.data.prepare import prepare_index
from trainer.data.resizing import ImageSize
from trainer.data.split import choose_validation

SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A folder of images at one size. Rows are files, sorted by name; everything is read-only.

    Attributes:
        images: uint8 of shape (n, height, width, 1 or 3), mapped from the cache.
        labels: int32 of shape (n,), places in `class_names`.
        photos: int32 of shape (n,), places in `photo_names`.
        photo_names: sorted keys; a file's own path where nothing more is known of it.
        files: paths relative to the folder, with forward slashes.
        class_names: sorted.
        splits: rows of "train", "val" and "test", int64, sorted. No photograph has rows in two of them.
        fingerprint: of names and contents, 16 hexadecimal digits; the same on another machine.
        is_demo: the images were drawn by `trainer.data.write_demo`.
        name: of the folder; "demo" for the demo set.
        bad_files: how many files were left out.
        conversions: how many images needed each kind of conversion.
        ranges: by which images of more than 8 bits were scaled.
    """

    images: np.memmap[Any, np.dtype[np.uint8]]
    labels: npt.NDArray[np.int32]
    photos: npt.NDArray[np.int32]
    photo_names: tuple[str, ...]
    files: tuple[str, ...]
    class_names: tuple[str, ...]
    splits: Mapping[SplitName, npt.NDArray[np.int64]]
    fingerprint: str
    is_demo: bool
    name: str
    bad_files: int
    conversions: Mapping[str, int]
    ranges: Ranges = FULL


def open_dataset(
    root: Path,
    cache_dir: Path,
    size: ImageSize,
    *,
    validation_fraction: float = 0.2,
    split_seed: int = 0,
    skip_bad_files: bool = False,
) -> Dataset:
    """The images of `root` at `size`; the cache in `cache_dir` is made where it is missing.

    Args:
        root: a folder in any layout of `trainer.data.layouts`.
        cache_dir: may be read-only once the cache is there.
        size: of the images.
        validation_fraction: share of the TRAIN photographs of each class that validate.
        split_seed: of the choice of those photographs.
        skip_bad_files: leave out files that are no usable images, in place of refusing the folder.

    Raises:
        DataError: the folder cannot be used, or the cache cannot be written; lists every problem.
    """
    listed, problems = list_folder(root)
    report, sidecar = prepare_index(listed, problems, cache_dir, [size], skip_bad_files=skip_bad_files)
    kept = set(sidecar.files)
    index = listed.subset(row for row, file in enumerate(listed.files) if file in kept)
    images = CacheEntry(cache_dir, listed, size, skip_bad_files).open(len(index.files))
    photo_names = tuple(sorted(set(index.photos)))
    places = {name: place for place, name in enumerate(photo_names)}
    return Dataset(
        images=images,
        labels=_fixed(np.array(index.labels, np.int32)),
        photos=_fixed(np.array([places[photo] for photo in index.photos], np.int32)),
        photo_names=photo_names,
        files=index.files,
        class_names=index.class_names,
        splits=_splits(index, sidecar.contents, validation_fraction, split_seed),
        fingerprint=report.fingerprint,
        is_demo=index.is_demo,
        name=index.name,
        bad_files=len(report.bad_files),
        conversions=report.conversions,
        ranges=sidecar.ranges,
    )


def _splits(
    index: Index, contents: Sequence[str], fraction: float, seed: int
) -> Mapping[SplitName, npt.NDArray[np.int64]]:
    validating = choose_validation(index, contents, fraction, seed)
    rows: dict[SplitName, list[int]] = {"train": [], "val": [], "test": []}
    for row, (side, photo) in enumerate(zip(index.sides, index.photos, strict=True)):
        rows["test" if side == "TEST" else "val" if photo in validating else "train"].append(row)
    return {name: _fixed(np.array(members, np.int64)) for name, members in rows.items()}


_T = TypeVar("_T", bound=np.generic)


def _fixed(array: npt.NDArray[_T]) -> npt.NDArray[_T]:
    array.flags.writeable = False
    return array
