"""The images of a study, before its first trial: found, decoded once for every size it needs, and described."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from search.levels import Levels, ParamValue
from search.record import DataInfo
from search.study import Study
from trainer.data import CacheReport, ImageSize, open_dataset, prepare


def image_sizes(study: Study) -> list[ImageSize]:
    """Every image size that a trial of the study may ask for."""
    base = study.base_config()

    def values(name: str) -> list[ParamValue]:
        spec = study.scientific.get(name) or study.nuisance.get(name)
        if isinstance(spec, Levels):
            return list(spec.levels)
        if spec is not None:
            return list(range(int(spec.low), int(spec.high) + 1))
        return [getattr(base, name)]

    sides = itertools.product(values("image_height"), values("image_width"), values("color"))
    return [ImageSize(int(height), int(width), bool(color), base.resize) for height, width, color in sides]


def prepare_images(
    study: Study, root: Path, cache: Path, *, skip_bad_files: bool, progress: Callable[[int, int], None] | None = None
) -> tuple[DataInfo, CacheReport]:
    """Decodes what the cache lacks, and says what the study trains on.

    Raises:
        DataError: the folder cannot be used, or the cache cannot be written.
    """
    sizes = image_sizes(study)
    report = prepare(root, cache, sizes, skip_bad_files=skip_bad_files, progress=progress)
    base = study.base_config()
    data = open_dataset(
        root,
        cache,
        sizes[0],
        validation_fraction=base.validation_fraction,
        split_seed=base.split_seed,
        skip_bad_files=skip_bad_files,
    )
    info = DataInfo(
        name=data.name,
        root=str(root),
        fingerprint=data.fingerprint,
        is_demo=data.is_demo,
        images={name: len(rows) for name, rows in data.splits.items()},
        photographs={name: len(set(data.photos[rows].tolist())) for name, rows in data.splits.items()},
        class_names=data.class_names,
        bad_files=data.bad_files,
    )
    return info, report
