"""The images of a study, before its first trial: found, decoded once for every size it needs, and described."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from search.folder.record import DataInfo
from search.study import Study
from search.study.space import Levels, ParamValue
from search.text import plain
from trainer.data import CacheReport, DataOptions, Dataset, ImageSize, open_dataset, prepare
from trainer.data.folds import fold_note
from trainer.data.photographs import table_path


def image_sizes(study: Study) -> list[ImageSize]:
    """Every image size that a trial of the study may ask for."""
    base = study.base_config()

    def values(name: str) -> list[ParamValue]:
        spec = study.scientific.get(name) or study.nuisance.get(name)
        elsewhere = [getattr(base, name)] if spec is None or spec.when else []
        if isinstance(spec, Levels):
            return list(dict.fromkeys([*spec.levels, *elsewhere]))
        if spec is not None:
            return list(dict.fromkeys([*range(int(spec.low), int(spec.high) + 1), *elsewhere]))
        return elsewhere

    sides = itertools.product(values("image_height"), values("image_width"), values("color"))
    return [ImageSize(int(height), int(width), bool(color), base.resize) for height, width, color in sides]


def prepare_images(
    study: Study,
    root: Path,
    cache: Path,
    options: DataOptions,
    *,
    progress: Callable[[int, int], None] | None = None,
    finding: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> tuple[DataInfo, CacheReport]:
    """Decodes what the cache lacks, finds the photographs, and says what the study trains on.

    Args:
        study: the design.
        root: the folder of images.
        cache: of the decoded images.
        options: what the user says of the folder.
        progress: called with (files done, files in all) while files are decoded.
        finding: called likewise while photographs are looked for.
        say: called with a sentence before something that takes long.

    Raises:
        DataError: the folder cannot be used, or the cache cannot be written.
    """
    sizes = image_sizes(study)
    report = prepare(root, cache, sizes, options, progress=progress, finding=finding, say=say)
    base = study.base_config()
    data = open_dataset(
        root,
        cache,
        sizes[0],
        options,
        folds=base.folds,
        split_seed=base.split_seed,
        record=report.grouping.id,
    )
    grouping = data.grouping
    info = DataInfo(
        name=plain(data.name),
        root=str(root),
        fingerprint=data.fingerprint,
        is_demo=data.is_demo,
        images={name: len(rows) for name, rows in data.splits.items()},
        photographs={name: len(set(data.photos[rows].tolist())) for name, rows in data.splits.items()},
        class_names=data.class_names,
        bad_files=data.bad_files,
        folds=data.folds,
        grouping=grouping.digest,
        photographs_by=grouping.how,
        photographs_record=grouping.id,
        photographs_rule=_with_full_path(options.photographs),
        leaks=options.leaks,
        notes=(*report.notes, *grouping.sentences(), *_fold_notes(data, base.folds)),
        caveats=tuple(grouping.caveats()),
    )
    return info, report


def _with_full_path(rule: str | None) -> str | None:
    """The rule; where it is a file, its full path, so that it is found from another working directory too."""
    path = table_path(rule) if rule else None
    return str(path.resolve()) if path is not None else rule


def _fold_notes(data: Dataset, wanted: int) -> list[str]:
    if data.folds == 1:
        return []
    rows = [*data.splits["train"], *data.splits["val"]]
    photos, labels = [data.photo_names[data.photos[row]] for row in rows], [int(data.labels[row]) for row in rows]
    note = fold_note(photos, labels, data.class_names, wanted)
    return [note] if note else []
