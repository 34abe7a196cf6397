"""A real training is the same whoever starts its slot: in a login, or by cron in no home, with a strict umask."""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from search.executors import LocalExecutor, SlotLine, TrainerSource
from trainer.config import TrainConfig
from trainer.events import Epoch, Finished, Ready, parse

CONFIG = TrainConfig.of(
    {"trial": "one", "depth": 1, "epochs": 2, "batch_size": 8, "image_height": 12, "image_width": 16, "seed": 3}
)
TIMES = {"epoch_s", "images_per_s", "train_s"}
PATIENCE_S = 120.0  # for what takes some ten seconds


def train(data: Path, place: Path) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """One training in a slot of its own. Returns its environment as it is noted, and what came of it, without times."""
    mail: queue.SimpleQueue[Any] = queue.SimpleQueue()
    environment: dict[str, str] = {}
    found: list[dict[str, Any]] = []
    source = TrainerSource(data, place / "cache", place / "models")
    with LocalExecutor(source, place / "logs", gpus=[]) as executor:
        slot = executor.start(0, mail)
        slot.send(CONFIG.model_dump_json())
        while not found or found[-1]["event"] != "finished":
            said = mail.get(timeout=PATIENCE_S)
            assert isinstance(said, SlotLine), slot.log.read_text()
            event = parse(said.line)
            if isinstance(event, Ready):
                environment = event.environment
            elif isinstance(event, Epoch | Finished):
                found.append(event.model_dump(mode="json", exclude=TIMES))
    return environment, found


@contextmanager
def by_cron() -> Iterator[None]:
    """What cron, systemd and a careful administrator leave a process, in this one."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "KERAS_BACKEND") if name in os.environ}
    strange = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PYTHONUTF8": "0", "OMP_NUM_THREADS": "7"}
    umask, hangup = os.umask(0o077), signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            patch.delenv(name)
        for name, value in {**kept, **strange}.items():
            patch.setenv(name, value)
        try:
            yield
        finally:
            os.umask(umask)
            signal.signal(signal.SIGHUP, hangup)


@pytest.mark.slow
def test_a_training_is_the_same_to_the_last_bit(
    tiny_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TZ", "CUDA_HOME", "CUDA_PATH", "CUDA_CACHE_PATH", "CUDA_DEVICE_ORDER"):
        monkeypatch.delenv(name, raising=False)  # they are passed on, and noted
    environment, found = train(tiny_images, tmp_path / "login")
    assert [event["event"] for event in found] == ["epoch", "epoch", "finished"]
    with by_cron():
        assert train(tiny_images, tmp_path / "cron") == (environment, found)
    files = [path for path in (tmp_path / "cron").rglob("*") if path.is_file()]
    assert files
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
