"""Many files to pixels, chunk by chunk, into the rows of arrays on disk."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.data.digest import content_digest
from trainer.data.images.depth import FULL, Extent, Ranges
from trainer.data.images.formats import FORMATS_ALLOWED
from trainer.data.images.reader import BadImageError, TooLargeNowError, read_image
from trainer.data.images.resizing import ImageSize


@dataclass(frozen=True)
class Output:
    """Where the pixels of one size go: row i to byte `offset` + i * height * width * channels. No path: nowhere."""

    size: ImageSize
    path: str | None = None
    offset: int = 0


@dataclass(frozen=True)
class FileResult:
    """What one file turned out to be.

    Attributes:
        found: what is wrong with it; empty for a good image.
        allowed: what would have been right; empty for a good image.
        content: SHA-256 of the file's bytes, 32 hexadecimal digits of it; empty where they cannot be read.
        format, mode, width, height, conversions, extent: as in `trainer.data.images.reader.Picture`.
    """

    found: str = ""
    allowed: str = ""
    content: str = ""
    format: str = ""
    mode: str = ""
    width: int = 0
    height: int = 0
    conversions: tuple[str, ...] = ()
    extent: Extent | None = None


class ChunkDecoder:
    """Decodes files of one folder into the rows of the outputs. Not for use by two threads at once."""

    def __init__(self, root: Path, outputs: Sequence[Output]) -> None:
        self._root = root
        self._outputs = list(outputs)
        self._sizes = [output.size for output in outputs]
        self._files = [os.open(output.path, os.O_WRONLY) if output.path else None for output in outputs]

    def decode(
        self, rows: Sequence[tuple[int, str]], memory_limit: int | None, ranges: Ranges = FULL
    ) -> list[FileResult | None]:
        """Results in the order of `rows` ((row, relative path)); None for a file that would take more memory.

        Images of more than 8 bits are scaled by `ranges`.

        Raises:
            OSError: an output cannot be written: the disk is full, a limit is reached.
        """
        return [self._decode_one(row, name, memory_limit, ranges) for row, name in rows]

    def close(self) -> None:
        """Close the outputs."""
        for file in self._files:
            if file is not None:
                os.close(file)

    def _decode_one(self, row: int, name: str, memory_limit: int | None, ranges: Ranges) -> FileResult | None:
        path = self._root / name
        content = ""
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                return FileResult("no regular file", FORMATS_ALLOWED)
            with path.open("rb") as file:
                content = content_digest(file)
                file.seek(0)
                picture = read_image(file, self._sizes, memory_limit, ranges)
        except BadImageError as error:
            return FileResult(error.found, error.allowed, content)
        except TooLargeNowError:
            return None
        except OSError as error:
            what = "a link to nothing" if path.is_symlink() and not path.exists() else f"unreadable ({error.strerror})"
            return FileResult(what, f"a readable {FORMATS_ALLOWED} file")
        for output, target, pixels in zip(self._outputs, self._files, picture.pixels, strict=True):
            if target is not None:
                write_at(target, pixels.tobytes(), output.offset + row * pixels.nbytes)
        return FileResult(
            content=content,
            format=picture.format,
            mode=picture.mode,
            width=picture.width,
            height=picture.height,
            conversions=picture.conversions,
            extent=picture.extent,
        )


def write_at(file: int, data: bytes, offset: int) -> None:
    """Write all of `data` to the open file at `offset` (a disk that is nearly full takes a part first).

    Raises:
        OSError: not all of it could be written.
    """
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view, offset = view[written:], offset + written
