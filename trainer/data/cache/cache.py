"""The decoded images on disk: one memory-mapped array and one sidecar for each (files, size).

`images-<size>-<key>.npy` has the pixels, in NumPy's own format, and `images-<size>-<key>.json` what was learnt of the
files. The key covers names, sizes and times of the files, so a changed folder gets another cache. Both are written
under temporary names and renamed when complete, the sidecar last: where it is there and agrees, the array is whole.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainer.data.cache.decoding import Output, write_at
from trainer.data.digest import digest_of
from trainer.data.images.depth import FULL, Range, Ranges
from trainer.data.images.reader import READER_VERSION
from trainer.data.images.resizing import ImageSize
from trainer.data.index import Index


@dataclass(frozen=True)
class Sidecar:
    """What was learnt of the files behind a cached array.

    Attributes:
        key: of the cache; see `cache_key`.
        files: relative paths, one a row of the array.
        contents: a hash of each file's bytes.
        bad: (file, found, allowed) for each file that was left out.
        conversions: how many images needed each kind of conversion.
        converted: how many images needed any.
        shapes: (width, height, images) for each shape of an image, as displayed.
        ranges: by which images of more than 8 bits were scaled.
    """

    key: str
    files: tuple[str, ...]
    contents: tuple[str, ...]
    bad: tuple[tuple[str, str, str], ...]
    conversions: dict[str, int]
    converted: int
    shapes: tuple[tuple[int, int, int], ...] = ()
    ranges: Ranges = FULL

    @property
    def fingerprint(self) -> str:
        """Of names and contents: the same for a copy of the folder on another machine. 16 hexadecimal digits."""
        return digest_of(list(zip(self.files, self.contents, strict=True)))[:16]


def cache_key(index: Index, size: ImageSize | None, skip_bad_files: bool) -> str:
    """Everything that the pixels depend on, hashed. Without a size: of the folder's state, for all sizes."""
    files = list(zip(index.files, index.sizes, index.mtimes_ns, strict=True))
    return digest_of([READER_VERSION, size, skip_bad_files, files])


class CacheEntry:
    """One cached array: where it is, whether it is there, and writing it."""

    def __init__(self, folder: Path, index: Index, size: ImageSize, skip_bad_files: bool) -> None:
        self.size = size
        self.key = cache_key(index, size, skip_bad_files)
        color = "color" if size.color else "gray"
        fit = "" if size.fit == "stretch" else f"-{size.fit}"
        self.array_path = folder / f"images-{size.height}x{size.width}-{color}{fit}-{self.key[:16]}.npy"
        self.sidecar_path = self.array_path.with_suffix(".json")
        self._shape_of_one = (size.height, size.width, size.channels)
        self._temporary = self.array_path.with_suffix(".npy.part")

    def load(self) -> Sidecar | None:
        """The sidecar, where array and sidecar are both there, whole and of this key; else None."""
        try:
            values: dict[str, Any] = json.loads(self.sidecar_path.read_text("utf-8"))
            fingerprint = values.pop("fingerprint")
            sidecar = Sidecar(
                key=values["key"],
                files=tuple(values["files"]),
                contents=tuple(values["contents"]),
                bad=tuple((file, found, allowed) for file, found, allowed in values["bad"]),
                conversions={str(kind): int(count) for kind, count in values["conversions"].items()},
                converted=int(values["converted"]),
                shapes=tuple((int(width), int(height), int(count)) for width, height, count in values["shapes"]),
                ranges=Ranges(*(Range(*span) for span in values["ranges"])),
            )
            if sidecar.key != self.key or sidecar.fingerprint != fingerprint:
                return None
            self.open(len(sidecar.files))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return sidecar

    def open(self, count: int) -> np.memmap[Any, np.dtype[np.uint8]]:
        """The array, read-only, uint8 of shape (count, height, width, 1 or 3).

        Raises:
            OSError: it is not there.
            ValueError: it is incomplete or of another shape.
        """
        array = np.load(self.array_path, mmap_mode="r")
        if not isinstance(array, np.memmap) or array.shape != (count, *self._shape_of_one) or array.dtype != np.uint8:
            raise ValueError(f"{self.array_path} is not the array that its name says")
        return array

    def bytes_needed(self, count: int) -> int:
        """The array's size on disk with `count` rows."""
        return len(_header((count, *self._shape_of_one))) + count * int(np.prod(self._shape_of_one))

    def start(self, count: int) -> Output:
        """Reserve the space for `count` rows under a temporary name; what an earlier process left there goes.

        Raises:
            OSError: there is no space or no permission.
        """
        self.discard()
        header = _header((count, *self._shape_of_one))
        file = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            os.posix_fallocate(file, 0, self.bytes_needed(count))  # a full disk shows here, not after the decoding
            write_at(file, header, 0)
        finally:
            os.close(file)
        return Output(self.size, str(self._temporary), len(header))

    def finish(self, rows: Sequence[int], sidecar: Sidecar) -> None:
        """Keep these rows of the temporary array, and make array and sidecar visible.

        Raises:
            OSError: they cannot be written.
        """
        header = _header((len(rows), *self._shape_of_one))
        with self._temporary.open("r+b", buffering=0) as file:
            _close_gaps(file.fileno(), rows, len(header), int(np.prod(self._shape_of_one)))
            write_at(file.fileno(), header, 0)
            file.truncate(self.bytes_needed(len(rows)))
            os.fsync(file.fileno())
        self.sidecar_path.unlink(missing_ok=True)  # a damaged one must not speak for the new array
        self._temporary.replace(self.array_path)
        part = self.sidecar_path.with_suffix(".json.part")
        with part.open("w", encoding="utf-8") as text:
            json.dump({**asdict(sidecar), "fingerprint": sidecar.fingerprint}, text)
            text.flush()
            os.fsync(text.fileno())
        part.replace(self.sidecar_path)

    def discard(self) -> None:
        """Remove what is unfinished."""
        self._temporary.unlink(missing_ok=True)
        self.sidecar_path.with_suffix(".json.part").unlink(missing_ok=True)


def _header(shape: tuple[int, ...]) -> bytes:
    """NumPy's header for a uint8 array. Its length is the same for any number of rows: NumPy pads that number."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


def _close_gaps(file: int, rows: Sequence[int], offset: int, row_bytes: int) -> None:
    """Move the rows to keep (ascending) to the front."""
    for target, source in enumerate(rows):
        if target != source:
            write_at(file, os.pread(file, row_bytes, offset + source * row_bytes), offset + target * row_bytes)
