"""`make bench-gpu`: its short form on the CPU, and what it says without a GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import gpu, gpu_stacked
from benchmarks.gpu_bandwidth import step_bytes
from benchmarks.gpu_stacked import COMMAND, Stack, verdict, verdict_of
from benchmarks.gpu_trained import epochs_together, images_per_second
from benchmarks.processes import Ran
from tests.trainer.conftest import keras
from trainer.events import Epoch, Event

__all__ = ["keras"]

ROOT = Path(__file__).resolve().parents[1]


def epoch(rate: float) -> Event:
    names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "epoch_s")
    return Epoch(trial="t", epoch=1, images_per_s=rate, **dict.fromkeys(names, 1.0))


def test_only_epochs_count_in_which_all_were_training() -> None:
    one = [(1.0, epoch(1)), (3.5, epoch(9)), (5.0, epoch(100)), (6.0, epoch(102)), (9.0, epoch(1))]
    two = [(3.0, epoch(1)), (4.0, epoch(10)), (7.0, epoch(20))]
    assert images_per_second([one, two]) == 101 + 15
    assert images_per_second([one[:1], two]) is None
    assert images_per_second([[], two]) is None
    assert images_per_second([two]) == 15
    assert [epochs_together(said) for said in ([one, two], [one[:1], two], [[], two], [two])] == [2, 0, 0, 2]


def test_bytes_that_a_step_must_move() -> None:
    """By hand: one pixel a block has nothing left after the first pooling."""
    assert step_bytes(1, 1) == 4 * (3 * 1 + 2 * 16)
    assert step_bytes(2, 2) == 4 * (3 * 4 + 2 * 64 + 3 * 16 + 2 * 16)
    assert step_bytes(120, 160) == 4_579_200


def test_stacked_seeds_are_kept_where_they_at_least_double() -> None:
    """The best of stacked seeds against the best of trainers beside each other; each number beside its own, too."""
    trainers = {1: 1000.0, 2: 1600.0, 4: 2000.0}
    found = verdict({1: 1100.0, 2: 2000.0, 4: 4000.0, 8: 3900.0}, trainers)
    times = {"1": 1.1, "2": 1.25, "4": 2.0}
    assert found == {"times_of_trainers": times, "times_of_best": 2.0, "at_least_doubles": True}
    assert verdict({1: 3999.0}, trainers)["at_least_doubles"] is False
    nothing = {"times_of_trainers": {}, "times_of_best": None, "at_least_doubles": None}
    assert verdict({}, trainers) == verdict({8: 1.0}, trainers) == verdict({1: 1.0}, {}) == nothing
    found = {"one": {"images_per_s": 5}, "two": {"images_per_s": None}, "trainer": {"images_per_s": 2}}
    assert verdict_of(found, {1: "one", 2: "two", 4: "four"}, {1: "trainer"})["times_of_trainers"] == {"1": 2.5}


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_stacked_seed_trains_as_it_does_alone(keras: Any, dropout: float) -> None:
    """Losses and weights of three seeds in one program, against each of them in Keras's own training step."""
    if keras.backend.backend() != "jax":
        pytest.skip("seeds are stacked with JAX: pip install jax, then KERAS_BACKEND=jax")
    from trainer.config import TrainConfig
    from trainer.model import build, compile_model, reset

    size = {"image_height": 12, "image_width": 16, "depth": 2, "dropout_rate": dropout, "learning_rate": 0.003}
    configs = [TrainConfig.of({**size, "seed": seed}) for seed in (3, 1, 2)]
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (40, 12, 16, 1), np.uint8)
    labels = random.integers(0, 4, 40).astype("int32")
    rows = random.permuted(np.tile(np.arange(40, dtype="int32"), (3, 1)), axis=1)[:, :8]

    def made() -> Any:
        model = build(configs[0], ["a", "b", "c", "d"])
        compile_model(model, configs[0], 1)
        return model

    stack, alone = Stack(made(), configs), made()
    together = np.array([stack.train(images, labels, rows) for _ in range(5)])
    for place, config in enumerate(configs):
        reset(alone, config)
        batch = images[rows[place]], labels[rows[place]]
        losses = [float(alone.train_on_batch(*batch, return_dict=True)["loss"]) for _ in range(5)]
        means = np.cumsum(together[:, place]) / np.arange(1, 6)  # as Keras tells them
        assert np.isclose(means, losses, rtol=1e-4).all() or np.isclose(together[:, place], losses, rtol=1e-4).all()
    assert len(np.unique(together[0])) == 3


def test_stacked_seeds_are_measured_in_a_process_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a command that `benchmarks.gpu_stacked` takes, on the card alone, within the time that is left."""
    ran: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], environment: dict[str, str]) -> Ran:
        ran.append((command, environment))
        return Ran(1.0, 'a word of JAX\n{"seeds": 4, "images_per_s": 7000, "vram_peak_mib": 900.5}\n')

    monkeypatch.setattr("benchmarks.gpu.run", run)
    source = gpu.TrainerSource(tmp_path / "Ada's cells", tmp_path / "cache", tmp_path)
    bench = gpu.Bench(gpu.Plan((2,), steps=9), source, tmp_path)
    assert gpu.stacked(bench, 4) == {"seeds": 4, "images_per_s": 7000, "vram_peak_mib": 900.5}
    ((command, environment),) = ran
    assert environment["CUDA_VISIBLE_DEVICES"] == "2"
    assert (command[0], 500 < int(command[1]) <= 540, tuple(command[2:5])) == ("timeout", True, COMMAND)
    args = vars(gpu_stacked.parser().parse_args(command[5:]))
    size = {"height": 120, "width": 160, "batch": 100, "seeds": [4], "steps": 9}
    assert args == {"data": source.data, "cache": source.cache, **size}


def test_what_does_not_fit_into_the_time_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    plan = gpu.Plan(most_s=0.0, batches=(100,), together=(1, 2))
    bench = gpu.Bench(plan, gpu.TrainerSource(tmp_path, tmp_path, tmp_path), tmp_path)
    found = gpu.measure(bench, lambda _: None)
    parts = ("reference model, batch 100", "bandwidth", "2 trainers", "reference model, color")
    parts = (*parts, "accuracy after 60 epochs")
    why = {"not_measured": "it needs JAX: KERAS_BACKEND=jax make bench-gpu; this run trained with tensorflow"}
    assert found == {"left_out": [f"{part}: no time was left" for part in parts], "stacked seeds": why}
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    found = gpu.measure(bench, lambda _: None)
    assert found["left_out"][-2:] == [f"{count} stacked seeds: no time was left" for count in (1, 2)]
    assert found["stacked seeds"]["at_least_doubles"] is None


def test_nothing_is_imported_that_trainers_do_not_need() -> None:
    """A machine with the trainer's packages alone can be measured."""
    block = (
        "import sys\n"
        "for name in ('docker', 'mlflow', 'optuna', 'plotly', 'ray', 'requests', 'scipy', 'sqlalchemy'):\n"
        "    sys.modules[name] = None\n"
        "import benchmarks.gpu\n"
    )
    ran = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr


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
    assert told["2 trainers"]["images_per_s"] > 0, "however far apart they started"
    if os.environ.get("KERAS_BACKEND") == "jax":
        assert [told[f"{count} stacked seeds"]["seeds"] for count in (1, 2)] == [1, 2]
        assert set(told["stacked seeds"]["times_of_trainers"]) == {"1", "2"}
        assert told["stacked seeds"]["at_least_doubles"] in (True, False)
    else:
        assert told["stacked seeds"]["not_measured"].startswith("it needs JAX")
    assert set(told["accuracy after 2 epochs"]) == {"train", "val", "test", "train_s"}
    assert capsys.readouterr().out.endswith(out.read_text())
