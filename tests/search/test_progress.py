"""What a terminal shows of trials under way: how far they are, and how long it may take."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
from rich.console import Console

from search.console import progress
from search.console.callbacks import Tally
from search.console.progress import Bars
from search.folder.record import TrialRecord
from tests.search.fabricate import trial_record
from trainer.config import TrainConfig


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bars]:
    """Bars whose clock is 100 s further at each look."""
    times = iter(range(0, 1_000_000, 100))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(times)))
    found = Bars(Console(file=io.StringIO(), width=160))
    yield found
    found.end()


def under_way(n_epochs: int, **changes: int) -> TrialRecord:
    record = trial_record(0, {"pooling": "max"}, end="running", n_epochs=n_epochs)
    return replace(record, config=TrainConfig.of({**record.config.model_dump(), "epochs": 120, **changes}))


def shown(bars: Bars) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(bars._render())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("changes", "epoch", "left"),
    [({}, " 60/120 ", " about "), ({"epochs_after_start": 20}, " 60/≤120 ", " at most about ")],
)
def test_under_the_clock_epochs_and_time_are_the_most(
    bars: Bars, changes: dict[str, int], epoch: str, left: str
) -> None:
    tally = Tally(total=4)
    bars.begin("pooling", tally)
    for n in (1, 60):
        bars.trial(under_way(n, **changes), tally)
    text = shown(bars)
    assert epoch in text
    assert left in text
    assert text.count("about") == 1
    assert ("at most" in text) == bool(changes)
