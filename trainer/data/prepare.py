"""Before the first training: look at every file once, refuse what cannot be used, and write the caches."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from trainer.data.cache import CacheEntry, Sidecar, cache_key
from trainer.data.conversions import ordered
from trainer.data.decoding import FileResult, Output
from trainer.data.depth import common_ranges
from trainer.data.duplicates import leaks
from trainer.data.index import Index, class_problems, list_folder, refusal, shown
from trainer.data.resizing import ImageSize, reshaped
from trainer.data.split import choose_validation
from trainer.data.workers import decode_files
from trainer.errors import DataError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CacheReport:
    """What `prepare` found.

    Attributes:
        images: good files.
        bad_files: a line for each file that was left out: its name, what was found, what is allowed.
        conversions: how many images needed each kind of conversion (`trainer.data.conversions.KINDS`); no zeros.
        converted: how many images needed any.
        seconds: that `prepare` took, waiting for another process included.
        fingerprint: of names and contents, 16 hexadecimal digits; the same on another machine.
        decoded: False where the caches were all there.
        reshaped: a sentence for each size on the images of another aspect ratio; none where there are none.
    """

    images: int
    bad_files: tuple[str, ...]
    conversions: dict[str, int]
    converted: int
    seconds: float
    fingerprint: str
    decoded: bool
    reshaped: tuple[str, ...] = ()

    def sentence(self) -> str:
        """One line that says what was converted and left out; empty where nothing was."""
        parts = []
        if self.converted:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self.conversions.items())
            parts.append(f"{self.converted:,} of {self.images:,} images were converted to 8-bit gray or RGB: {kinds}.")
        parts += self.reshaped
        if self.bad_files:
            count = len(self.bad_files)
            parts.append(f"{count:,} bad {'file was' if count == 1 else 'files were'} left out.")
        return " ".join(parts)


def prepare(
    root: Path,
    cache_dir: Path,
    sizes: Sequence[ImageSize],
    *,
    skip_bad_files: bool = False,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CacheReport:
    """Decode every file of `root` once, for all of `sizes` that `cache_dir` lacks. Fast where it lacks none.

    Two processes may call this at once: one decodes, the other waits for it. A complete cache is used without a lock,
    so its folder may be read-only.

    Args:
        root: a folder in any layout of `trainer.data.layouts`.
        cache_dir: made where it is missing.
        sizes: at least one.
        skip_bad_files: leave out files that are no usable images, in place of refusing the folder.
        workers: decoding processes; None chooses by the amount of data and the CPUs.
        progress: called in this thread with (files done, files in all) while files are decoded.

    Raises:
        DataError: listing every problem of the layout and of the files at once; or the cache cannot be written.
    """
    index, problems = list_folder(root)
    return prepare_index(
        index, problems, cache_dir, sizes, skip_bad_files=skip_bad_files, workers=workers, progress=progress
    )[0]


def prepare_index(
    index: Index,
    problems: Sequence[str],
    cache_dir: Path,
    sizes: Sequence[ImageSize],
    *,
    skip_bad_files: bool,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[CacheReport, Sidecar]:
    """`prepare` for a folder that is listed already; `problems` are those of its layout."""
    if not sizes:
        raise ValueError("prepare needs at least one image size")
    began = time.monotonic()
    if problems:  # nothing will be cached, but the problems inside the files belong into the same list
        results = decode_files(index, [Output(sizes[0])], workers=workers, progress=progress)
        refused = _refusal(index, problems, results, skip_bad_files)
        assert refused is not None
        raise refused
    entries = [CacheEntry(cache_dir, index, size, skip_bad_files) for size in dict.fromkeys(sizes)]
    sidecars = [entry.load() for entry in entries]
    decoded = False
    if None in sidecars:
        with _lock(cache_dir, cache_key(index, None, skip_bad_files)):
            missing = [entry for entry in entries if entry.load() is None]  # another process may have written them
            if missing:
                _write(index, missing, cache_dir, skip_bad_files, workers, progress)
                decoded = True
        sidecars = [entry.load() for entry in entries]
    first = sidecars[0]
    if first is None or None in sidecars:
        raise DataError(f"The image cache in {cache_dir} disappeared while it was made.")
    report = CacheReport(
        images=len(first.files),
        bad_files=tuple(_bad_line(*bad) for bad in first.bad),
        conversions=first.conversions,
        converted=first.converted,
        seconds=time.monotonic() - began,
        fingerprint=first.fingerprint,
        decoded=decoded,
        reshaped=_reshaped(first, sizes),
    )
    return report, first


def _reshaped(sidecar: Sidecar, sizes: Sequence[ImageSize]) -> tuple[str, ...]:
    shapes = {(width, height): count for width, height, count in sidecar.shapes}
    return tuple(dict.fromkeys(sentence for size in sizes if (sentence := reshaped(shapes, size))))


def _write(
    index: Index,
    entries: Sequence[CacheEntry],
    cache_dir: Path,
    skip_bad_files: bool,
    workers: int | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    needed_mib = sum(entry.bytes_needed(len(index.files)) for entry in entries) / 2**20
    try:
        outputs = [entry.start(len(index.files)) for entry in entries]
        results = decode_files(index, outputs, workers=workers, progress=progress)
        refused = _refusal(index, [], results, skip_bad_files)
        if refused is not None:
            raise refused
        kept = [row for row, result in enumerate(results) if not result.found]
        for entry in entries:
            entry.finish(kept, _sidecar(index, results, kept, entry.key))
    except OSError as error:
        raise DataError(
            f"The image cache of {index.root} cannot be written in {cache_dir}: {error.strerror}. "
            f"It needs {needed_mib:,.1f} MiB."
        ) from error
    finally:
        for entry in entries:
            entry.discard()


def _sidecar(index: Index, results: Sequence[FileResult], kept: Sequence[int], key: str) -> Sidecar:
    counts = Counter(kind for row in kept for kind in results[row].conversions)
    shapes = Counter((results[row].width, results[row].height) for row in kept)
    return Sidecar(
        key=key,
        files=tuple(index.files[row] for row in kept),
        contents=tuple(results[row].content for row in kept),
        bad=tuple(
            (file, result.found, result.allowed)
            for file, result in zip(index.files, results, strict=True)
            if result.found
        ),
        conversions=ordered(counts),
        converted=sum(bool(results[row].conversions) for row in kept),
        shapes=tuple(sorted((width, height, count) for (width, height), count in shapes.items())),
        ranges=common_ranges(results[row].extent for row in kept),
    )


def _refusal(
    index: Index, problems: Sequence[str], results: Sequence[FileResult], skip_bad_files: bool
) -> DataError | None:
    """The error that lists the given problems of the layout and all in the files; None where there are none."""
    bad = bad_file_lines(index, results)
    found = [*problems, *([] if skip_bad_files else bad)]
    good = index.subset(row for row, result in enumerate(results) if not result.found)
    if skip_bad_files and bad and not problems:
        found += [f"{line} (bad files left out)" for line in class_problems(good)]
    contents = [result.content for result in results if not result.found]
    found += leaks(good, contents)
    if not found:
        try:
            choose_validation(good, contents, 0.5, 0)  # only whether one can be made
        except DataError as error:
            found += error.problems
    hint = " (--skip-bad-files leaves out files that are no usable images.)" if bad and not skip_bad_files else ""
    return refusal(index, found, hint) if found else None


def bad_file_lines(index: Index, results: Sequence[FileResult]) -> list[str]:
    """A line for each bad file."""
    pairs = zip(index.files, results, strict=True)
    return [_bad_line(file, result.found, result.allowed) for file, result in pairs if result.found]


def _bad_line(file: str, found: str, allowed: str) -> str:
    return f"{shown(file)}: {found}; allowed: {allowed}"


@contextmanager
def _lock(cache_dir: Path, key: str) -> Iterator[None]:
    """Hold the lock on one state of one folder; the system frees it when the process ends, however it ends."""
    path = cache_dir / f"{key[:16]}.lock"
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise DataError(f"The image cache cannot be written in {cache_dir}: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("Another process reads these images; waiting for it (%s).", path)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
