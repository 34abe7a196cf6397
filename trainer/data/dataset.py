"""The images as a training uses them: a mapped array, labels, photographs and the three splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from trainer.data.cache.cache import CacheEntry
from trainer.data.cache.prepare import decode_index, find_grouping, good_files
from trainer.data.folds import FOLDS, assign_folds, fold_count
from trainer.data.grouping.checks import check_photographs
from trainer.data.grouping.grouping import Grouping, grouped, read_record, record_path
from trainer.data.images.depth import FULL, Ranges
from trainer.data.images.resizing import ImageSize
from trainer.data.index import Index, list_folder
from trainer.data.options import DataOptions
from trainer.errors import DataError

SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A folder of images at one size. Rows are files, sorted by name; everything is read-only.

    Attributes:
        images: uint8 of shape (n, height, width, 1 or 3), mapped from the cache.
        labels: int32 of shape (n,), places in `class_names`.
        photos: int32 of shape (n,), places in `photo_names`.
        photo_names: sorted; what a user called a photograph, else the path of the first of its files.
        files: paths relative to the folder, with forward slashes.
        class_names: sorted.
        splits: rows of "train", "val" and "test", int64, sorted. No photograph has rows in two of them, but for leaks
            that the user keeps.
        folds: how many folds there are; 1 where the folder has validation images of its own.
        grouping: how photographs are known.
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
    folds: int
    grouping: Grouping
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
    options: DataOptions | None = None,
    *,
    folds: int = FOLDS,
    fold: int = 0,
    split_seed: int = 0,
    record: str = "",
) -> Dataset:
    """The images of `root` at `size`; the cache in `cache_dir` is made where it is missing.

    Args:
        root: a folder of images, in any layout of `trainer.data.layouts`.
        cache_dir: may be read-only once the cache is there.
        size: of the images.
        options: what the user says of the folder.
        folds: parts of the TRAIN photographs that validate in turn; there are fewer where no class has so many.
        fold: the part that validates, from 0; counted round where there are fewer.
        split_seed: of the choice of the folds.
        record: the id of the grouping in the cache to split by; empty: it is found where it is missing.

    Raises:
        DataError: the folder cannot be used, or the cache cannot be written; lists every problem.
    """
    options = options or DataOptions()
    listed, problems = list_folder(root)
    sidecar, _ = decode_index(listed, problems, cache_dir, [size], options)
    good = good_files(listed, sidecar)
    grouping = read_record(record_path(cache_dir, record)) if record else None
    if record and grouping is None:
        raise DataError(f"{record_path(cache_dir, record)}: this record of the images' photographs is not there.")
    if grouping is None:
        grouping = find_grouping(listed, good, sidecar, options, cache_dir)
        check_photographs(good, grouping)
    index = grouped(good, grouping)
    photo_names = tuple(sorted(set(index.photos)))
    places = {name: place for place, name in enumerate(photo_names)}
    splits, there = _splits(index, folds, fold, split_seed)
    return Dataset(
        images=CacheEntry(cache_dir, listed, size, options.skip_bad_files).open(len(index.files)),
        labels=_fixed(np.array(index.labels, np.int32)),
        photos=_fixed(np.array([places[photo] for photo in index.photos], np.int32)),
        photo_names=photo_names,
        files=index.files,
        class_names=index.class_names,
        splits=splits,
        folds=there,
        grouping=grouping,
        fingerprint=sidecar.fingerprint,
        is_demo=index.is_demo,
        name=index.name,
        bad_files=len(sidecar.bad),
        conversions=sidecar.conversions,
        ranges=sidecar.ranges,
    )


def _splits(index: Index, folds: int, fold: int, seed: int) -> tuple[Mapping[SplitName, npt.NDArray[np.int64]], int]:
    """The rows of each split, and how many folds there are."""
    rows: dict[SplitName, list[int]] = {"train": [], "val": [], "test": []}
    train = [row for row, side in enumerate(index.sides) if side == "TRAIN"]
    photos, labels = [index.photos[row] for row in train], [index.labels[row] for row in train]
    own = "VAL" in index.sides
    there = 1 if own else fold_count(photos, labels, folds)
    chosen = {} if own else assign_folds(photos, labels, there, seed)
    for row, (side, photo) in enumerate(zip(index.sides, index.photos, strict=True)):
        if side == "TRAIN":
            rows["val" if chosen.get(photo) == fold % there else "train"].append(row)
        elif side:
            rows["val" if side == "VAL" else "test"].append(row)
    return {name: _fixed(np.array(members, np.int64)) for name, members in rows.items()}, there


_T = TypeVar("_T", bound=np.generic)


def _fixed(array: npt.NDArray[_T]) -> npt.NDArray[_T]:
    array.flags.writeable = False
    return array
