"""Where a slot reads and writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from trainer.data import DataOptions


@dataclass(frozen=True)
class Source:
    """Where a slot's images come from and where its models go.

    Attributes:
        data: the folder with TRAIN/ and TEST/.
        cache: the folder of the decoded images.
        output: the folder for saved models; None saves none.
        options: how the folder is to be read.
        code: the folder of code of one's own; None: the working directory.
    """

    data: Path
    cache: Path
    output: Path | None = None
    options: DataOptions = field(default_factory=DataOptions)
    code: Path | None = None
