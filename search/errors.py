"""What can go wrong in a study.

    SearchError
    ├── StudyFileError      a study file, or a change to it by a flag, that cannot be used; lists every mistake
    ├── SettingsError       a flag or an environment variable that cannot be used
    ├── LockedError         another controller works on this study
    ├── ChangedStudyError   the study file no longer means what the finished trials were made with
    ├── ExecutorError       trainers cannot be started
    ├── SamplerError        the sampler of a search cannot be built, or cannot propose
    └── StorageError        Optuna's or MLflow's store cannot be used

Every one of them is for the user to mend: the command ends with status 2 and prints the message, without a traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class SearchError(Exception):
    """The base of everything the search raises on purpose."""

    exit_status: ClassVar[int] = 2


class StudyFileError(SearchError):
    """A study file, or a change to it, cannot be used.

    Args:
        summary: what cannot be used, in one sentence.
        mistakes: one line each: file and line (or the flag), the key, what was found, what is allowed.
    """

    SHOWN = 50  # a terminal's page; the rest is counted

    def __init__(self, summary: str, mistakes: Sequence[str] = ()) -> None:
        self.summary = summary
        self.mistakes = list(mistakes)
        lines = [summary, *(f"  {mistake}" for mistake in self.mistakes[: self.SHOWN])]
        if len(self.mistakes) > self.SHOWN:
            lines.append(f"  ... and {len(self.mistakes) - self.SHOWN} more")
        super().__init__("\n".join(lines))


class SettingsError(SearchError):
    """A flag or an environment variable cannot be used. The message says what was found and what is allowed."""


class LockedError(SearchError):
    """Another controller works on this study. The message names it."""


class ChangedStudyError(SearchError):
    """The study file no longer means what the finished trials were made with. The message lists the differences."""


class ExecutorError(SearchError):
    """Trainers cannot be started. The message quotes the trainer's own error."""


class SamplerError(SearchError):
    """The sampler of a search cannot be built, or cannot propose. The message quotes its own error."""


class StorageError(SearchError):
    """Optuna's or MLflow's store cannot be used. The message names it, without passwords."""
