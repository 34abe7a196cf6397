"""What can go wrong in a training.

TrainerError
├── ConfigError        a TrainConfig that breaks a rule
│   └── OwnCodeError   code of one's own that cannot be trained
├── DataError          a folder of images that cannot be used; lists every problem at once
├── DiskError          a model cannot be saved
├── NotFiniteError     the loss became NaN or infinite
└── OutOfMemoryError   the device has too little memory for this configuration
"""

from __future__ import annotations

from collections.abc import Sequence

from trainer.outside import typed


class TrainerError(Exception):
    """The base of everything the trainer raises on purpose."""


class ConfigError(TrainerError):
    """A configuration breaks a rule. The message has one line a mistake: name, value found, values allowed."""


class OwnCodeError(ConfigError):
    """A model or an augmentation of one's own cannot be trained. The message has the file and the line."""


class DataError(TrainerError):
    """A folder of images cannot be used.

    Args:
        summary: what is wrong, in one sentence, with the folder's name.
        problems: one line each: the file or class, what was found, what is allowed.
    """

    SHOWN = 50  # a terminal's page; the rest is counted

    def __init__(self, summary: str, problems: Sequence[str] = ()) -> None:
        self.summary = summary
        self.problems = list(problems)
        shown = [f"  {problem}" for problem in self.problems[: self.SHOWN]]
        rest = len(self.problems) - len(shown)
        if rest > 0:
            shown.append(f"  ... and {rest} more (all of them: {typed('trainer.data', 'audit', 'DIR')})")
        super().__init__("\n".join([summary, *shown]))


class DiskError(TrainerError):
    """A model cannot be saved: the disk is full, or may not be written to. No matter of what was trained."""


class NotFiniteError(TrainerError):
    """The training loss became NaN or infinite."""


class OutOfMemoryError(TrainerError):
    """The device has too little memory.

    Args:
        message: the allocator's own words.
        requested_mib: how much the allocation that failed asked for, in MiB, where the allocator says so.
    """

    def __init__(self, message: str, requested_mib: float | None = None) -> None:
        self.requested_mib = requested_mib
        super().__init__(message)
