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

from trainer.data.cache.cache import CacheEntry, Sidecar, cache_key
from trainer.data.cache.decoding import FileResult, Output
from trainer.data.cache.workers import decode_files
from trainer.data.grouping.checks import check_photographs
from trainer.data.grouping.group_images import cost_warning, group_images, known_grouping
from trainer.data.grouping.grouping import Grouping
from trainer.data.images.conversions import ordered
from trainer.data.images.depth import common_ranges
from trainer.data.images.resizing import ImageSize, reshaped
from trainer.data.index import Index, class_problems, list_folder, refusal, shown
from trainer.data.options import DataOptions
from trainer.errors import DataError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CacheReport:
    """What `prepare` found.

    Attributes:
        images: good files.
        bad_files: a line for each file that was left out: its name, what was found, what is allowed.
        conversions: how many images needed each kind of conversion (`trainer.data.images.conversions.KINDS`); no zeros.
        converted: how many images needed any.
        seconds: that `prepare` took, waiting for another process included.
        fingerprint: of names and contents, 16 hexadecimal digits; the same on another machine.
        decoded: False where the caches were all there.
        grouping: which images are of one photograph, and on which side they stand.
        notes: what the folder's layout made of it, sentences.
        reshaped: a sentence for each size on the images of another aspect ratio; none where there are none.
    """

    images: int
    bad_files: tuple[str, ...]
    conversions: dict[str, int]
    converted: int
    seconds: float
    fingerprint: str
    decoded: bool
    grouping: Grouping
    notes: tuple[str, ...] = ()
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
    options: DataOptions | None = None,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    finding: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> CacheReport:
    """Decode every file of `root` once, for all of `sizes` that `cache_dir` lacks, and find its photographs.

    Fast where nothing is lacking. Two processes may call this at once: one works, the other waits for it. A complete
    cache is used without a lock, so its folder may be read-only.

    Args:
        root: a folder of images, in any layout of `trainer.data.layouts`.
        cache_dir: made where it is missing.
        sizes: at least one.
        options: what the user says of the folder.
        workers: processes; None chooses by the amount of data and the CPUs.
        progress: called in this thread with (files done, files in all) while files are decoded.
        finding: called likewise while photographs are looked for.
        say: called with a sentence before something that takes long.

    Raises:
        DataError: listing every problem of the layout and of the files at once; then those of its photographs; or the
            cache cannot be written.
    """
    options = options or DataOptions()
    began = time.monotonic()
    index, problems = list_folder(root)
    sidecar, decoded = decode_index(index, problems, cache_dir, sizes, options, workers=workers, progress=progress)
    good = good_files(index, sidecar)
    grouping = find_grouping(index, good, sidecar, options, cache_dir, workers=workers, progress=finding, say=say)
    check_photographs(good, grouping, cache_dir, sidecar.ranges)
    return CacheReport(
        images=len(sidecar.files),
        bad_files=tuple(_bad_line(*bad) for bad in sidecar.bad),
        conversions=sidecar.conversions,
        converted=sidecar.converted,
        seconds=time.monotonic() - began,
        fingerprint=sidecar.fingerprint,
        decoded=decoded,
        grouping=grouping,
        notes=(*index.notes, *_unused(index, grouping, options)),
        reshaped=_reshaped(sidecar, sizes),
    )


def find_grouping(
    index: Index,
    good: Index,
    sidecar: Sidecar,
    options: DataOptions,
    cache_dir: Path,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Grouping:
    """The photographs of the good files: from the cache, else found by this process or another that is at it."""
    known = known_grouping(good, sidecar.contents, options, cache_dir)
    if known is not None:
        return known
    if say is not None and (warning := cost_warning(good, options)):
        say(warning)
    with _lock(cache_dir, cache_key(index, None, options.skip_bad_files)):
        known = known_grouping(good, sidecar.contents, options, cache_dir)
        return known or group_images(good, sidecar.contents, options, cache_dir, workers=workers, progress=progress)


def good_files(index: Index, sidecar: Sidecar) -> Index:
    """The files of the cached array, in its order."""
    kept = set(sidecar.files)
    return index.subset(row for row, file in enumerate(index.files) if file in kept)


def decode_index(
    index: Index,
    problems: Sequence[str],
    cache_dir: Path,
    sizes: Sequence[ImageSize],
    options: DataOptions,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Sidecar, bool]:
    """What is known of the decoded files of a folder that is listed already, and whether anything was decoded now.

    Args:
        problems: of the folder's layout.

    Raises:
        DataError: as `prepare`, but for the photographs.
    """
    if not sizes:
        raise ValueError("prepare needs at least one image size")
    skip_bad_files = options.skip_bad_files
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
    return first, decoded


def _unused(index: Index, grouping: Grouping, options: DataOptions) -> list[str]:
    """A sentence where the folder tells photographs, and they are known otherwise."""
    if not any(index.told) or grouping.method in ("folders", "labels.csv"):
        return []
    if grouping.method == "pixels" and options.photographs is None:
        return ["Not all images are told of; what is told joins images beside the pixels."]
    return ["What the folder itself tells of photographs is not used."]


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
