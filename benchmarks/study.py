"""The pooling question as a study file, of any size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

TEXT = """\
question = "What does the pooling do, as a benchmark?"
seeds = {seeds}
[scientific.pooling]
levels = {levels}
reference = "max"
[fixed]
epochs = {epochs}
"""


def write_study(path: Path, *, levels: Sequence[str], seeds: int, epochs: int) -> Path:
    """Writes it, and returns where."""
    path.write_text(TEXT.format(seeds=seeds, levels=list(levels), epochs=epochs), encoding="utf-8")
    return path
