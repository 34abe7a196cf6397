"""Decodes all files of a folder, in as many processes as are worth their start.

The processes are `python -m trainer.data.cache.decoding_process`. Threads gain nothing (measured: 2,000 images in
0.63 s with one, 0.71 s with two; half of the time is Pillow's Python).
"""

from __future__ import annotations

import json
import os
import queue
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from trainer.child_process import end_child, start_child
from trainer.data.cache.decoding import ChunkDecoder, FileResult, Output
from trainer.data.images.depth import FULL, Extent, Ranges, common_ranges
from trainer.data.index import Index, shown
from trainer.errors import DataError

CHUNK = 64  # files; about 30 ms of work
BYTES_A_WORKER = 10_000_000  # JPEG bytes that one process decodes in about 0.4 s; starting one takes 0.25 s
MOST_WORKERS = 8  # 45 MiB each
MEMORY = 850 << 20  # bytes for all processes together; what is left of 1 GiB is for the caller
WORKER_BASE = 50 << 20  # bytes that a process takes before it decodes anything

Row = tuple[int, str]


class _Decoder(Protocol):
    def decode(self, rows: Sequence[Row], memory_limit: int | None, ranges: Ranges) -> list[FileResult | None]: ...

    def close(self) -> None: ...


def decode_files(
    index: Index,
    outputs: Sequence[Output],
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[FileResult]:
    """Decode every file of `index`, file i into row i of each output.

    A file that would take more than its process's share of the memory waits until the others are done. Images of more
    than 8 bits are decoded again at the end, where the range of all of them is not that of their files.

    Args:
        index: the files.
        outputs: one for each size.
        workers: processes; None chooses by the amount of data and the CPUs. 1 decodes in this process.
        progress: called in this thread with (files done, files in all).

    Raises:
        OSError: an output cannot be written.
        DataError: a decoding process was killed.
    """
    rows: list[Row] = list(enumerate(index.files))
    count = workers if workers is not None else _worker_count(sum(max(0, size) for size in index.sizes))
    count = max(1, min(count, -(-len(rows) // CHUNK)))
    limit = (MEMORY - count * WORKER_BASE) // count if count > 1 else None
    results: list[FileResult | None] = [None] * len(rows)
    done, total = 0, len(rows)
    with ExitStack() as stack:
        decoders: list[_Decoder] = []
        for _ in range(count):
            decoder = _Process(index.root, outputs) if count > 1 else ChunkDecoder(index.root, outputs)
            stack.callback(decoder.close)
            decoders.append(decoder)
        ranges, left = FULL, rows
        while left:
            waiting = []
            for chunk, answers in stack.enter_context(closing(_in_parallel(decoders, left, limit, ranges))):
                for (row, name), answer in zip(chunk, answers, strict=True):
                    results[row] = answer
                    if answer is None:
                        waiting.append((row, name))
                done += sum(answer is not None for answer in answers)
                if progress is not None:
                    progress(done, total)
            for row, name in waiting:
                results[row] = decoders[0].decode([(row, name)], None, ranges)[0]
                done += 1
                if progress is not None:
                    progress(done, total)
            # Once more, where the folder's range turned out to be another than that of its files.
            common = common_ranges(result.extent for result in results if result is not None)
            again, ranges = common != ranges and ranges == FULL, common
            left = [row for row in rows if again and _differs(results[row[0]], ranges)]
            total += len(left)
    return [result for result in results if result is not None]


def _differs(result: FileResult | None, ranges: Ranges) -> bool:
    """Whether a file that was decoded with the range of its kind of file has another one now."""
    extent = result.extent if result is not None else None
    return extent is not None and ranges.of(extent.kind) != FULL.of(extent.kind)


def _worker_count(total_bytes: int) -> int:
    return min(len(os.sched_getaffinity(0)), MOST_WORKERS, 1 + total_bytes // BYTES_A_WORKER)


def _in_parallel(
    decoders: Sequence[_Decoder], rows: Sequence[Row], limit: int | None, ranges: Ranges
) -> Generator[tuple[Sequence[Row], list[FileResult | None]], None, None]:
    chunks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    if len(decoders) == 1:
        for chunk in chunks:
            yield chunk, decoders[0].decode(chunk, limit, ranges)
        return
    free: queue.SimpleQueue[_Decoder] = queue.SimpleQueue()
    for decoder in decoders:
        free.put(decoder)

    def decode(chunk: Sequence[Row]) -> tuple[Sequence[Row], list[FileResult | None]]:
        decoder = free.get()
        try:
            return chunk, decoder.decode(chunk, limit, ranges)
        finally:
            free.put(decoder)

    with ThreadPoolExecutor(len(decoders), thread_name_prefix="decoding") as pool:
        futures = [pool.submit(decode, chunk) for chunk in chunks]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


class _Process:
    """A decoding process: the same methods as `ChunkDecoder`, over a pipe."""

    def __init__(self, root: Path, outputs: Sequence[Output]) -> None:
        self._process = start_child("trainer.data.cache.decoding_process")
        self._plan: dict[str, Any] | None = {"root": str(root), "outputs": [asdict(output) for output in outputs]}

    def decode(self, rows: Sequence[Row], memory_limit: int | None, ranges: Ranges) -> list[FileResult | None]:
        answer = self._ask({"rows": rows, "memory_limit": memory_limit, "ranges": ranges})
        if answer is None:
            first, last = shown(rows[0][1]), shown(rows[-1][1])
            raise DataError(
                f"A process that decodes images ended with status {self._process.wait()} (-9 is often too little "
                f"memory) between {first} and {last}."
            )
        if "errno" in answer:
            raise OSError(answer["errno"], answer["message"])
        return [None if item is None else _result(item) for item in answer["results"]]

    def close(self) -> None:
        end_child(self._process)

    def _ask(self, question: dict[str, Any]) -> dict[str, Any] | None:
        """The answer; None where the process is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            if self._plan is not None:
                self._process.stdin.write(json.dumps(self._plan).encode() + b"\n")
                self._plan = None
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            return None
        return json.loads(line) if line.endswith(b"\n") else None


def _result(item: dict[str, Any]) -> FileResult:
    """What was written as JSON."""
    extent = None if item["extent"] is None else Extent(*item["extent"])
    return FileResult(**{**item, "conversions": tuple(item["conversions"]), "extent": extent})
