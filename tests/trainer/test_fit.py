"""Trainings in one process: their events, their numbers, and every way they end."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.conftest import BASE, Slot, numbers
from trainer.clock import start_epoch
from trainer.data import ImageSize, open_dataset
from trainer.events import Epoch, Event, Failed, Finished, Started, Stopped, parse

CLASSES = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE")
DIVERGES = {"learning_rate": 100.0, "optimizer": "sgd", "normalization": "none", "depth": 3, "width": 4, "epochs": 9}


def end(events: list[Event], kind: type) -> Any:
    assert [type(event) for event in events].count(kind) == 1, events[-1]
    assert isinstance(events[-1], kind)
    return events[-1]


# ----------------------------------------------------------------------------------------------------------- events


def test_events_in_their_order(base: list[Event]) -> None:
    assert [type(event) for event in base] == [Started, Epoch, Epoch, Epoch, Finished]
    started, *epochs, finished = base
    assert {event.trial for event in base} == {"base"}
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3]
    # 3 classes: 4 photographs to train with, of which 1 validates, and 2 to test with; 3 images each.
    assert started.images == {"train": 27, "val": 9, "test": 18}
    assert started.photographs == {"train": 9, "val": 3, "test": 6}
    # 3 * 3 * 16 + 16; 6 * 8 * 16 = 768 inputs of 32 units; 32 * 8 + 8; 8 * 3 + 3.
    assert started.parameters == finished.parameters == 160 + (768 * 32 + 32) + 264 + 27
    flops = 2 * (12 * 16 * 9 * 16 + 768 * 32 + 32 * 8 + 8 * 3)
    assert started.flops_per_image == finished.flops_per_image == flops
    assert finished.epochs_run == 3
    assert all(epoch.epoch_s > 0 and epoch.images_per_s > 0 for epoch in epochs)
    assert finished.train_s >= sum(epoch.epoch_s for epoch in epochs)
    assert finished.images_per_s == pytest.approx(3 * 27 / finished.train_s, rel=0.01)


def test_events_survive_their_line(base: list[Event]) -> None:
    for event in base:
        assert parse(event.model_dump_json()) == event


def test_memory_is_absent_on_a_cpu(base: list[Event]) -> None:
    assert base[-1].vram_peak_mib is None
    assert base[-1].vram_process_mib is None
    assert [event.vram_peak_mib for event in base if isinstance(event, Epoch)] == [None] * 3


# ---------------------------------------------------------------------------------------------------------- numbers


def test_measures_are_those_of_the_saved_model(slot: Slot, base: list[Event]) -> None:
    from trainer.model import load_model

    finished = base[-1]
    assert finished.model_file == "base.keras"
    model = load_model(slot.output / "base.keras")
    assert model.layers[-1].names == CLASSES
    data = open_dataset(slot.data, slot.cache, ImageSize(12, 16, False))
    assert set(finished.splits) == {"train", "val", "test"}
    for name, split in finished.splits.items():
        rows = data.splits[name]
        labels = data.labels[rows]
        logits = np.asarray(model.predict(data.images[rows], batch_size=8, verbose=0)).astype("float64")
        predicted = logits.argmax(1)
        probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        assert split.accuracy == np.mean(predicted == labels)
        assert split.loss == pytest.approx(-np.log(probabilities[np.arange(len(rows)), labels]).mean(), rel=1e-6)
        counts = [[int(np.sum((labels == i) & (predicted == j))) for j in range(3)] for i in range(3)]
        assert split.confusion == counts
        assert split.recall == [counts[c][c] / sum(counts[c]) for c in range(3)]
        by_photo = {}
        for row, winner in zip(rows, predicted, strict=True):
            by_photo.setdefault(data.photo_names[data.photos[row]], [0, 0, 0])[winner] += 1
        assert {photo.photo: photo.predicted for photo in split.photos} == by_photo
        wrong = {data.files[row]: int(j) for row, i, j in zip(rows, labels, predicted, strict=True) if i != j}
        assert split.wrong == (wrong if name == "test" else {})


def test_photographs_count_every_image_once(base: list[Event]) -> None:
    started, finished = base[0], base[-1]
    for name, split in finished.splits.items():
        assert sum(sum(photo.predicted) for photo in split.photos) == started.images[name]
        assert len({photo.photo for photo in split.photos}) == started.photographs[name]
        assert all(CLASSES[photo.label] in photo.photo for photo in split.photos)


def test_the_last_validation_is_that_of_the_end(base: list[Event]) -> None:
    *_, last, finished = base
    val = finished.splits["val"]
    assert (last.val_accuracy, last.val_loss) == (val.accuracy, val.loss)


def test_one_config_gives_one_set_of_numbers_whatever_was_trained_before(slot: Slot, base: list[Event]) -> None:
    other = slot.train(**{**BASE, "seed": 6, "learning_rate": 0.3, "batch_size": 5})
    again = slot.train(**BASE)
    assert (again[0].traced, numbers(again)) == (False, numbers(base))
    assert numbers(other) != numbers(base)
    slot.session._models.clear()
    anew = slot.train(**BASE)
    assert (anew[0].traced, numbers(anew)) == (True, numbers(base))


def test_seeds_give_other_numbers(slot: Slot, base: list[Event]) -> None:
    other = slot.train(**{**BASE, "seed": 6})
    assert [event.train_loss for event in other[1:4]] != [event.train_loss for event in base[1:4]]


def test_a_training_learns(slot: Slot) -> None:
    finished = end(slot.train(epochs=60, learning_rate=0.003, normalization="batch"), Finished)  # as all of 6 seeds do
    assert finished.splits["train"].accuracy >= 0.9
    assert finished.splits["train"].macro_f1 >= 0.9


@pytest.mark.parametrize("changes", [{"mixed_precision": True, "color": True}, {"augmentation": "mixup"}])
def test_16_bits_and_mixup_train(slot: Slot, changes: dict[str, Any]) -> None:
    events = slot.train(**changes)
    end(events, Finished)
    assert all(np.isfinite(event.train_loss) for event in events if isinstance(event, Epoch))


def test_early_stopping_stops_and_goes_back_to_its_best(slot: Slot) -> None:
    events = slot.train(epochs=60, early_stopping_patience=2, seed=1)
    finished, accuracies = end(events, Finished), [e.val_accuracy for e in events if isinstance(e, Epoch)]
    best = int(np.argmax(accuracies))
    assert len(accuracies) == finished.epochs_run == best + 1 + 2 < 60
    losses = [e.val_loss for e in events if isinstance(e, Epoch)]
    assert (finished.splits["val"].accuracy, finished.splits["val"].loss) == (accuracies[best], losses[best])


def test_each_epoch_is_begun_once(slot: Slot, base: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    from trainer.batches import Batches

    begun, begin = [], Batches.begin

    def recorded(self: Any, epoch: int) -> None:
        if self.seed is not None:
            begun.append(epoch)
        begin(self, epoch)

    monkeypatch.setattr(Batches, "begin", recorded)
    assert numbers(slot.train(**BASE)) == numbers(base)
    assert begun == [0, 0, 1, 2]  # the first is the constructor's


# ------------------------------------------------------------------------------------------------------------- clock

LEARNS = {"learning_rate": 0.003, "normalization": "batch", "seed": 1}


def test_a_training_ends_so_many_epochs_after_its_start(slot: Slot) -> None:
    plain = slot.train(**LEARNS, epochs=12)
    losses = [event.train_loss for event in plain if isinstance(event, Epoch)]
    start = start_epoch(losses, [9, 9, 9])
    assert end(plain, Finished).start_epoch == start
    assert start is not None
    assert 1 < start < 9
    clocked = slot.train(**LEARNS, epochs=100, epochs_after_start=3)
    assert (end(clocked, Finished).start_epoch, end(clocked, Finished).epochs_run) == (start, start + 3)
    assert numbers(clocked)[1:-1] == numbers(plain)[1 : 1 + start + 3], "the same training, ended earlier"
    assert not clocked[0].traced
    assert isinstance(plain[0], Started)
    assert plain[0].chance_loss == pytest.approx(math.log(3))
    final = end(plain, Finished).splits["val"]
    last = [event for event in plain if isinstance(event, Epoch)][-1]
    assert last.val_macro_f1 == pytest.approx(final.macro_f1)
    assert last.val_balanced_accuracy == pytest.approx(np.mean(final.recall))
    assert last.val_auroc == pytest.approx(final.auroc)


def test_a_training_that_does_not_start_ends_when_none_of_its_epochs_would_be_left(slot: Slot) -> None:
    events = slot.train(epochs=9, epochs_after_start=4, learning_rate=1e-9)
    finished = end(events, Finished)
    assert (finished.start_epoch, finished.epochs_run) == (None, 5)


@pytest.mark.parametrize("settings", [{"epochs": 5}, {"epochs": 40, "epochs_after_start": 4}])
def test_figures_are_means_over_the_last_epochs(slot: Slot, settings: dict[str, Any]) -> None:
    """Against the same training ended one, two and three epochs earlier."""
    both = {**LEARNS, **settings}
    finished = end(slot.train(**both, evaluate_last=3, trial="mean"), Finished)
    last = finished.epochs_run
    ends = [end(slot.train(**LEARNS, epochs=n, trial="one"), Finished) for n in (last - 2, last - 1, last)]
    for name, split in finished.splits.items():
        own = [one.splits[name] for one in ends]
        assert split.accuracy == pytest.approx(np.mean([one.accuracy for one in own]))
        assert split.loss == pytest.approx(np.mean([one.loss for one in own]))
        assert split.auroc == pytest.approx(np.mean([one.auroc for one in own]))
        assert split.ece == pytest.approx(own[-1].ece)
        assert np.array(split.confusion) == pytest.approx(np.mean([one.confusion for one in own], axis=0))
        assert sum(sum(photo.predicted) for photo in split.photos) == pytest.approx(np.sum(own[0].confusion))
        assert split.wrong == own[-1].wrong
    saved = [slot.output / f"{name}.keras" for name in ("mean", "one")]
    mean, one = (load_weights(path) for path in saved)
    assert all(np.array_equal(here, there) for here, there in zip(mean, one, strict=True)), "of the last epoch"
    epochs = [event.epoch_s for event in slot.trained[-4] if isinstance(event, Epoch)]
    assert finished.train_s >= sum(epochs)


def load_weights(path: Path) -> list[Any]:
    from trainer.model import load_model

    weights: list[Any] = load_model(path).get_weights()
    return weights


def test_a_stop_is_heeded_under_the_clock_until_its_end(slot: Slot) -> None:
    events = slot.train(lambda: True, **LEARNS, epochs=100, epochs_after_start=3)
    assert events[-1] == Stopped(trial="", epoch=1)
    never = slot.train(lambda: True, epochs=2, epochs_after_start=1, learning_rate=1e-9)
    assert end(never, Finished).epochs_run == 1, "the stop came too late"


# -------------------------------------------------------------------------------------------------------- slot state


def test_a_graph_leaves_nothing_in_tensorflows_registry(slot: Slot, keras: Any) -> None:
    """Where each would stay for ever, and a slot grow with every new graph; a graph that is kept trains on."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("it is TensorFlow's")
    from tensorflow.python.framework import ops

    first = slot.train(dropout_rate=0.123)
    assert end(first, Finished)
    assert first[0].traced
    assert [name for name in ops.gradient_registry.list() if name.startswith("CustomGradient")] == []
    again = slot.train(dropout_rate=0.123)
    assert not again[0].traced
    assert numbers(again) == numbers(first)


def test_traced_models_are_kept_and_the_oldest_goes(slot: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    from trainer import fit

    monkeypatch.setattr(fit, "MODELS_KEPT", 2)
    slot.session._models.clear()
    started = [slot.train(epochs=1, width=width)[0] for width in (1, 0.25, 1, 0.5)]
    assert [event.traced for event in started] == [True, True, False, True]
    kept = [model.get_layer("conv_1").filters for model in slot.session._models.values()]
    assert kept == [16, 8], "the one that was used longest ago goes"


def test_a_stop_ends_the_training_after_the_epoch(slot: Slot) -> None:
    asked: list[None] = []

    def should_stop() -> bool:
        asked.append(None)
        return len(asked) >= 2

    events = slot.train(should_stop, epochs=50, trial="s")
    assert [type(event) for event in events] == [Started, Epoch, Epoch, Stopped]
    assert events[-1] == Stopped(trial="s", epoch=2)
    assert not (slot.output / "s.keras").exists()


def test_a_stop_at_the_last_epoch_comes_too_late(slot: Slot) -> None:
    events = slot.train(lambda: True, epochs=1)
    end(events, Finished)


def test_without_an_output_folder_no_model_is_saved(slot: Slot) -> None:
    from trainer.fit import Session
    from trainer.source import Source

    other = Slot(Session(Source(slot.data, slot.cache)), slot.data, slot.cache, slot.output)
    before = sorted(slot.output.iterdir())
    assert end(other.train(epochs=1, trial="unsaved"), Finished).model_file is None
    assert sorted(slot.output.iterdir()) == before


# ---------------------------------------------------------------------------------------------------------- failures


def test_a_training_that_diverges_fails_and_leaves_the_next_one_alone(
    slot: Slot, base: list[Event], keras: Any
) -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("another backend's weights of this seed do not diverge: needs KERAS_BACKEND=tensorflow")
    failed = end(slot.train(**DIVERGES, trial="bad"), Failed)
    assert (failed.kind, failed.trial, failed.traceback) == ("not_finite", "bad", "")
    assert failed.epoch == 1 + sum(isinstance(event, Epoch) for event in slot.trained[-1])
    message = rf"the (training|validation) loss became (nan|inf) (in|after) epoch {failed.epoch}(, at .+ of 4)?"
    assert re.fullmatch(message, failed.message)
    assert numbers(slot.train(**BASE)) == numbers(base)
    healed = slot.train(**{**DIVERGES, "learning_rate": 0.001, "epochs": 1})
    assert (healed[0].traced, type(healed[-1])) == (False, Finished)


@pytest.mark.parametrize(
    ("batch_size", "where"),
    [(1, "one of the batches 1-20 of 27"), (8, "one of the batches 1-4 of 4"), (27, "batch 1 of 1")],
)
def test_a_loss_that_is_no_number_is_found_where_it_happened(
    slot: Slot, keras: Any, monkeypatch: pytest.MonkeyPatch, batch_size: int, where: str
) -> None:
    from trainer import fit

    def poisoned(model: Any, config: Any) -> None:
        fit_reset(model, config)
        kernel = model.get_layer("logits").kernel
        kernel.assign(kernel.numpy() * np.nan)

    fit_reset = fit.reset
    monkeypatch.setattr(fit, "reset", poisoned)
    events = slot.train(batch_size=batch_size)
    assert [type(event) for event in events] == [Started, Failed]
    if keras.backend.backend() == "torch":  # trains one batch a call
        where = f"batch 1 of {where.rpartition(' ')[2]}"
    assert events[-1].message == f"the training loss became nan in epoch 1, at {where}"


@pytest.mark.parametrize(
    ("images", "message"),
    [(9, "the validation loss became nan after epoch 1"), (18, "the test loss is nan after epoch 1")],
)
def test_infinite_logits_outside_the_training_fail_as_well(
    slot: Slot, monkeypatch: pytest.MonkeyPatch, images: int, message: str
) -> None:
    from trainer import fit

    predict = fit._Training.predict

    def infinite(self: Any, batches: Any) -> Any:
        logits = predict(self, batches)
        return np.where(len(logits) == images, np.inf, logits)

    monkeypatch.setattr(fit._Training, "predict", infinite)
    failed = end(slot.train(epochs=1), Failed)
    assert (failed.kind, failed.epoch, failed.message) == ("not_finite", images // 9, message)


def test_a_folder_that_cannot_be_used_fails_as_data(slot: Slot, tmp_path: Path) -> None:
    from trainer.fit import Session
    from trainer.source import Source

    broken = tmp_path / "broken"
    shutil.copytree(slot.data, broken)
    shutil.rmtree(broken / "TEST" / "MONOCYTE")
    other = Slot(Session(Source(broken, tmp_path / "cache")), broken, tmp_path / "cache", tmp_path)
    failed = end(other.train(trial="d"), Failed)
    assert (failed.kind, failed.trial, failed.epoch, failed.traceback) == ("data", "d", None, "")
    assert "MONOCYTE" in failed.message


class ResourceExhaustedError(Exception):
    """By the name of TensorFlow's."""


OOM = "Graph execution error: OOM when allocating tensor with shape[100,16,120,160] and type float on /device:GPU:0"


@pytest.mark.parametrize(
    ("error", "kind", "requested"),
    [
        (ResourceExhaustedError(OOM), "out_of_memory", 100 * 16 * 120 * 160 * 4 / 2**20),
        (MemoryError(), "out_of_memory", None),
        (ValueError("two words"), "error", None),
    ],
    ids=["device", "host", "other"],
)
def test_any_other_exception_is_an_event(
    slot: Slot, monkeypatch: pytest.MonkeyPatch, error: Exception, kind: str, requested: float | None
) -> None:
    from trainer import fit

    before = slot.train(epochs=2)
    real = fit._Report.on_epoch_end

    def second_epoch(self: Any, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            raise error
        real(self, epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(fit._Report, "on_epoch_end", second_epoch)
        events = slot.train(epochs=2, trial="x")
    assert [type(event) for event in events] == [Started, Epoch, Failed]
    failed = events[-1]
    assert (failed.kind, failed.epoch, failed.trial) == (kind, 2, "x")
    assert failed.requested_mib == requested
    assert failed.message == f"{type(error).__name__}: {error}"
    assert "in second_epoch" in failed.traceback
    after = slot.train(epochs=2)
    assert after[0].traced, "the model that failed half-way was used again"
    assert numbers(after) == numbers(before)


# ------------------------------------------------------------------------------------------------------- all of TRAIN


def test_training_on_the_validation_photographs_too(slot: Slot) -> None:
    started, *_, finished = slot.train(**{**BASE, "epochs": 1, "train_on_validation": True})
    assert started.images == {"train": 36, "val": 9, "test": 18}
    assert started.photographs == {"train": 12, "val": 3, "test": 6}
    photos = {name: {count.photo for count in split.photos} for name, split in finished.splits.items()}
    assert photos["val"] < photos["train"]
    assert not photos["train"] & photos["test"]
