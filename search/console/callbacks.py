"""What the controller shows while it works. `View` shows nothing; `search.console.progress` has the ones for people."""

from __future__ import annotations

from dataclasses import dataclass

from search.folder.record import TrialRecord
from trainer.events import Ready


@dataclass(frozen=True)
class Tally:
    """How far a study is. `best` is the finished trial of highest validation accuracy; `at_most` says that levels may
    leave it before it has `total` trials; `mean_cost` is what a trial of it costs (`search.study.cost.relative_cost`),
    0 where that is not known.
    """

    total: int
    complete: int = 0
    failed: int = 0
    pruned: int = 0
    best: TrialRecord | None = None
    behind: str = ""
    at_most: bool = False
    mean_cost: float = 0.0

    @property
    def of(self) -> str:
        """Its trials in the end: `18`, `at most 80`."""
        return f"at most {self.total}" if self.at_most else str(self.total)

    @property
    def over(self) -> int:
        """Trials with an outcome."""
        return self.complete + self.failed + self.pruned


class View:
    """All methods are called by the controller's thread, except `say`. A context manager that ends with `end`."""

    def begin(self, name: str, tally: Tally) -> None:
        """The study begins or goes on."""

    def images(self, done: int, total: int) -> None:
        """Files decoded so far."""

    def photographs(self, done: int, total: int) -> None:
        """Images looked at so far, to find which show one photograph."""

    def slot_ready(self, slot: int, ready: Ready) -> None:
        """A slot waits for its first trial."""

    def trial(self, record: TrialRecord, tally: Tally) -> None:
        """A trial began, ended an epoch, or is over."""

    def slot_gone(self, slot: int) -> None:
        """A slot has ended."""

    def say(self, sentence: str) -> None:
        """A line for the user. Called by any thread."""

    def end(self) -> None:
        """The study ends, for now. May be called twice."""

    def __enter__(self) -> View:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
