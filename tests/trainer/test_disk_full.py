"""A model that does not fit on the disk."""

from __future__ import annotations

from collections.abc import Callable

from tests.conftest import SmallDisk
from tests.trainer.conftest import SMALL, Slot
from trainer.config import TrainConfig
from trainer.events import Event, Failed, Finished
from trainer.fit import Session
from trainer.predict import Classifier
from trainer.source import Source


def test_a_model_that_does_not_fit_is_no_result(slot: Slot, small_disk: Callable[[str, int], SmallDisk]) -> None:
    """It is told as a matter of the disk, nothing of it is left, and with some space the same training succeeds."""
    disk = small_disk("Ada's models", 1)
    session = Session(Source(slot.data, slot.cache, disk.folder))
    config = TrainConfig.of({**SMALL, "trial": "full"})
    disk.fill(6000)
    events: list[Event] = []
    session.train(config, events.append)
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert (failed.trial, failed.kind) == ("full", "disk")
    assert failed.message.startswith(f"the model cannot be saved in {disk.folder}: ")
    assert "No space left on device" in failed.message
    assert [file.name for file in disk.folder.iterdir()] == ["filler"]
    disk.free()
    session.train(config, events.append)
    assert isinstance(events[-1], Finished)
    (disk.folder / ".other.partial.keras").write_bytes(b"half a model")  # as a slot leaves it that is killed
    assert Classifier(disk.folder).class_names
