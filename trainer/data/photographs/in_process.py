"""Finds photographs in a process of its own, which ends.

OpenCV, and what the features of thousands of images leave behind, would stay in the memory of a controller that runs
for days: 110 MiB for the 880 images of the demo set.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trainer.child_process import start_child
from trainer.data.photographs.found import Found, Link
from trainer.errors import DataError

FEW = 100  # images that take about as long as the start of a process does: half a second to two


def find_in_process(
    root: Path,
    files: Sequence[str],
    contents: Sequence[str],
    *,
    store: Path | None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """Do what `find_photographs` does, in a process that ends; its arguments, result and errors are the same.

    Raises:
        DataError: also where the process dies, as for want of memory.
    """
    process = start_child("trainer.data.photographs.finding_process")
    assert process.stdin is not None
    assert process.stdout is not None
    question = {
        "root": str(root),
        "files": list(files),
        "contents": list(contents),
        "store": None if store is None else str(store),
        "workers": workers,
    }
    answer: dict[str, Any] = {}
    try:
        with contextlib.suppress(BrokenPipeError):  # how it ended is told below
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
        for line in process.stdout:
            answer = json.loads(line)
            if "done" in answer and progress is not None:
                progress(answer["done"], answer["total"])
    except BaseException:  # an interruption, raised by `progress`
        process.kill()
        raise
    finally:
        process.communicate()
    if "problems" in answer:
        raise DataError(answer["summary"], answer["problems"])
    if "found" not in answer:
        raise DataError(
            f"The process that looks for photographs in {root} ended with status {process.returncode} (-9 is often too "
            "little memory). --photographs FILE, PATTERN or none spares it."
        )
    return _found(answer["found"])


def _found(values: dict[str, Any]) -> Found:
    """What was written as JSON."""
    return Found(
        groups=tuple(values["groups"]),
        links=tuple(Link(**link) for link in values["links"]),
        doubtful=tuple(Link(**link) for link in values["doubtful"]),
        plain=tuple(values["plain"]),
        pairs_checked=values["pairs_checked"],
    )
