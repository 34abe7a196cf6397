"""What was found of each image, kept on disk by the image's content; and the result of a whole list.

    photographs-features-1-<key>.npz    features of some hundred images; the key is of their contents
    photographs-1-<key>.json            groups and links of one list of contents

Everything is written under a temporary name and renamed. What is damaged, absent or may not be read is found again; a
folder that may not be written to is used as it is.
"""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from trainer.data.digest import digest_of
from trainer.data.photographs.features import TEXTURE_SIDE, THUMBNAIL_SIDE, Features
from trainer.data.photographs.found import FINDER_VERSION
from trainer.whole_file import whole_file

_log = logging.getLogger(__name__)
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)


class Store:
    """What is kept of images in a folder; without a folder nothing is."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def features(self, contents: Iterable[str]) -> dict[str, Features]:
        """Those of these contents that are there."""
        wanted = set(contents)
        found: dict[str, Features] = {}
        if self._folder is None:
            return found
        for path in sorted(self._folder.glob(f"photographs-features-{FINDER_VERSION}-*.npz")):
            if len(found) == len(wanted):
                break
            try:
                found.update(_read(path, wanted))
            except _UNREADABLE as error:
                _log.info("%s is damaged and is made again (%s)", path, error)
        return found

    def keep_features(self, features: dict[str, Features]) -> None:
        """Write the features as one file."""
        contents = sorted(features)
        every = [features[content] for content in contents]
        self._write(
            f"photographs-features-{FINDER_VERSION}-{digest_of(contents)[:16]}.npz",
            lambda file: np.savez(
                file,
                contents=np.array([content.encode() for content in contents], bytes),
                counts=np.array([len(one.points) for one in every], np.int32),
                points=np.concatenate([one.points for one in every]),
                descriptors=np.concatenate([one.descriptors for one in every]),
                textures=np.stack([one.texture for one in every]),
                thumbnails=np.stack([one.thumbnail for one in every]),
                shapes=np.stack([one.shape for one in every]),
            ),
        )

    def result(self, contents: Sequence[str]) -> dict[str, Any] | None:
        """What was kept for exactly this list."""
        if self._folder is None:
            return None
        try:
            kept = json.loads((self._folder / _result_name(contents)).read_text("utf-8"))
            values, check = kept["result"], kept["check"]
        except _UNREADABLE:
            return None
        return values if isinstance(values, dict) and check == digest_of(values)[:16] else None

    def keep_result(self, contents: Sequence[str], values: dict[str, Any]) -> None:
        """Write the result of this list."""
        text = json.dumps({"result": values, "check": digest_of(values)[:16]})
        self._write(_result_name(contents), lambda file: file.write(text.encode()))

    def _write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with whole_file(self._folder / name) as part, part.open("wb") as file:
                write(file)
        except OSError as error:
            _log.info("%s is not kept in %s: %s", name, self._folder, error.strerror)


def _read(path: Path, wanted: set[str]) -> dict[str, Features]:
    with path.open("rb") as file, np.load(file) as arrays:  # opened here: NumPy leaves a damaged file open
        contents = [content.decode() for content in arrays["contents"].tolist()]
        rows = [row for row, content in enumerate(contents) if content in wanted]
        if not rows:
            return {}
        counts, points, descriptors = arrays["counts"], arrays["points"], arrays["descriptors"]
        textures, thumbnails, shapes = arrays["textures"], arrays["thumbnails"], arrays["shapes"]
    many, total = len(contents), int(counts.sum())
    if (
        (points.shape, descriptors.shape, counts.shape, shapes.shape) != ((total, 2), (total, 128), (many,), (many, 2))
        or textures.shape != (many, TEXTURE_SIDE, TEXTURE_SIDE)
        or thumbnails.shape != (many, THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    ):
        raise ValueError("arrays that do not fit each other")
    ends = np.cumsum(counts)
    return {
        contents[row]: Features(
            points[ends[row] - counts[row] : ends[row]],
            descriptors[ends[row] - counts[row] : ends[row]],
            textures[row],
            thumbnails[row],
            shapes[row],
        )
        for row in rows
    }


def _result_name(contents: Sequence[str]) -> str:
    return f"photographs-{FINDER_VERSION}-{digest_of(list(contents))[:16]}.json"
