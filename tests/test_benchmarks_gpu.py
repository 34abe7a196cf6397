"""`make bench-gpu`: its short form on the CPU, and what it says without a GPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu
from benchmarks.gpu_bandwidth import step_bytes
from trainer.events import Epoch, Event


def epoch(rate: float) -> Event:
    names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "epoch_s")
    return Epoch(trial="t", epoch=1, images_per_s=rate, **dict.fromkeys(names, 1.0))


def test_only_epochs_count_in_which_all_were_training() -> None:
    one = [(1.0, epoch(1)), (3.5, epoch(9)), (5.0, epoch(100)), (6.0, epoch(102)), (9.0, epoch(1))]
    two = [(3.0, epoch(1)), (4.0, epoch(10)), (7.0, epoch(20))]
    assert gpu.images_per_second([one, two]) == 101 + 15
    assert gpu.images_per_second([one[:1], two]) is None
    assert gpu.images_per_second([[], two]) is None
    assert gpu.images_per_second([two]) == 15


def test_bytes_that_a_step_must_move() -> None:
    """By hand: one pixel a block has nothing left after the first pooling."""
    assert step_bytes(1, 1) == 4 * (3 * 1 + 2 * 16)
    assert step_bytes(2, 2) == 4 * (3 * 4 + 2 * 64 + 3 * 16 + 2 * 16)
    assert step_bytes(120, 160) == 4_579_200


def test_what_does_not_fit_into_the_time_is_named(tmp_path: Path) -> None:
    plan = gpu.Plan(most_s=0.0, batches=(100,), together=(1, 2))
    bench = gpu.Bench(plan, gpu.TrainerSource(tmp_path, tmp_path, tmp_path), tmp_path)
    found = gpu.measure(bench, lambda _: None)
    parts = ("reference model, batch 100", "bandwidth", "2 trainers", "reference model, color")
    parts = (*parts, "accuracy after 60 epochs")
    assert found == {"left_out": [f"{part}: no time was left" for part in parts]}


def test_without_a_gpu_nothing_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("search.executors._local.free_vram_mib", lambda gpus: None)
    assert gpu.main(["--out", str(tmp_path / "gpu.json")]) == 2
    assert capsys.readouterr().err == f"{gpu.NO_GPU}\n"
    assert not (tmp_path / "gpu.json").exists()


@pytest.mark.slow
def test_the_short_form_takes_every_part(tiny_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a folder" / "gpu.json"
    assert gpu.main(["--short", "--data", str(tiny_images), "--out", str(out)]) == 0
    told: dict[str, Any] = json.loads(out.read_text())
    assert told["measured_on"].startswith("cpu, in a short form")
    assert told["left_out"] == []
    assert told["bandwidth"]["gb_per_s"] > 0
    assert told["reference model, batch 100"]["vram_peak_mib"] == [None], "on the CPU there is none"
    assert len(told["2 trainers"]["vram_peak_mib"]) == 2
    assert set(told["accuracy after 2 epochs"]) == {"train", "val", "test", "train_s"}
    assert capsys.readouterr().out.endswith(out.read_text())
