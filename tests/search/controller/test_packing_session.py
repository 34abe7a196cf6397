"""Whole runs on a GPU that the tests make up, with what is the default: it is filled by measurement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from search.executors import Leases
from search.folder.record import TrialRecord
from tests.search.controller.test_session import Installation, here, mlflow_template
from tests.search.controller.told import Together
from tests.search.workshop import Noops, Watcher, question

__all__ = ["here", "mlflow_template"]

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """What is free on one card, MiB; empty: NVML does not say."""
    card = [1000.0]
    monkeypatch.setattr(Noops, "gpus", [0])
    monkeypatch.setattr(Noops, "slots_per_gpu", None)
    monkeypatch.setattr("search.executors._local.free_vram_mib", lambda gpus: list(card) or None)
    monkeypatch.setattr("search.executors._local.available_cores", lambda: 3)
    return card


class Starts(Watcher):
    """What was there when the first epoch of all was over: slots by number; the leases, as another run sees them."""

    def __init__(self, here: Installation) -> None:
        super().__init__(self._look)
        self.here = here
        self.first: list[int] | None = None
        self.leases: list[tuple[int, set[int]]] = []

    def _look(self, record: TrialRecord) -> None:
        if record.epochs and self.first is None:
            self.first = numbers(self.here)
            self.leases = [(lease.slots, set(lease.gpus)) for lease in Leases().others()]


def numbers(here: Installation) -> list[int]:
    assert here.executor is not None
    return [slot.number for slot in here.executor.started]


def test_a_run_begins_with_one_trainer_and_goes_on_with_as_many_as_fit(
    here: Installation, free: list[float], tmp_path: Path
) -> None:
    """The card is this run's, with all that it may come to have, so that another run takes none of its room."""
    starts = Starts(here)
    view = Together(lambda: here.executor, tmp_path / "speed", on_trial=starts.on_trial)
    outcome = here.run(question(seeds=3, epochs=6), view=view, settings={"gpu": True, **view.settings}, slots=None)
    assert (outcome.end, len(outcome.records)) == ("finished", 6)
    assert starts.first == [0]
    assert starts.leases == [(3, {0})]
    assert set(numbers(here)) == {0, 1, 2}, "one a core at the most"
    (sentence,) = [said for said in view.said if "share it" in said]
    assert sentence.endswith("1,040 MiB are there: up to 3 trainers share it.")


def test_a_gpu_that_does_not_say_its_memory_has_one_trainer(here: Installation, free: list[float]) -> None:
    free.clear()
    view = Watcher()
    here.run(question(seeds=2, epochs=1), view=view, settings={"gpu": True}, slots=None)
    assert set(numbers(here)) == {0}
    (sentence,) = [said for said in view.said if "cannot be asked" in said]
    assert sentence.startswith("The memory of the GPUs cannot be asked from here: 1 trainer, and no more beside them")
