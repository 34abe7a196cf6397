"""Keras in the test's own process, and one small training that many tests look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from trainer.config import TrainConfig
from trainer.events import Event

SMALL = {"depth": 1, "image_height": 12, "image_width": 16, "batch_size": 8, "epochs": 3, "learning_rate": 0.01}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keras 3.15 reads a backend's variable with `np.array`, in a way that NumPy 2 warns of."""
    known = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
    for item in items:
        if "keras" in getattr(item, "fixturenames", ()):
            item.add_marker(known)


@pytest.fixture(scope="session")
def keras() -> Any:
    """Keras as a slot sets it up. Import `trainer.model` and `trainer.fit` after it, inside the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        from trainer.backend import device, keras, set_up

        set_up()
        assert device()[0] == "cpu"
    return keras


@dataclass
class Slot:
    """What a slot keeps, and the folders that it was told of."""

    session: Any
    data: Path
    cache: Path
    output: Path
    trained: list[list[Event]] = field(default_factory=list)

    def train(self, should_stop: Callable[[], bool] = lambda: False, **changes: Any) -> list[Event]:
        """The events of a small training."""
        events: list[Event] = []
        self.session.train(TrainConfig.of({**SMALL, **changes}), events.append, should_stop)
        self.trained.append(events)
        return events


@pytest.fixture(scope="session")
def slot(keras: Any, tiny_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Slot:
    """A slot in this process, on the tiny images, for tests that leave it as it was."""
    from trainer.fit import Session
    from trainer.source import Source

    folder = tmp_path_factory.mktemp("slot")
    source = Source(tiny_images, folder / "cache", folder / "models")
    return Slot(Session(source), source.data, source.cache, folder / "models")


BASE = {"trial": "base", "dropout_rate": 0.3, "augmentation": "flip", "seed": 5}


@pytest.fixture(scope="session")
def base(slot: Slot) -> list[Event]:
    """The events of one small training with everything random in it: `BASE`."""
    return slot.train(**BASE)


def numbers(events: list[Event]) -> list[dict[str, Any]]:
    """Events without their times, their label and where the graph came from: what must repeat to the last digit."""
    times = {"epoch_s", "images_per_s", "train_s", "traced", "trial", "model_file"}
    return [event.model_dump(exclude=times) for event in events]
