"""One training after another in one process: configs in, events out."""

from __future__ import annotations

import gc
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer import familiar, measure
from trainer.backend import device, forget_gradients, keras
from trainer.batches import Batches
from trainer.clock import Clock, chance_loss
from trainer.config import TrainConfig
from trainer.data import Dataset, ImageSize, open_dataset
from trainer.driver import Driver
from trainer.errors import DiskError, NotFiniteError
from trainer.evaluations import Evaluations
from trainer.events import Epoch, Event, Finished, SplitName, Started, Stopped
from trainer.failures import EXPECTED, failure_of
from trainer.memory import Meter
from trainer.model import (
    STEPS_PER_EXECUTION,
    build,
    compile_model,
    flops_per_image,
    graph_key,
    parameters,
    reset,
    save_model,
)
from trainer.own.build import take_state
from trainer.own.travelling import python_files
from trainer.residence import Keeps, Residence
from trainer.source import Source
from trainer.vocabulary.class_weight import class_weights

Emit = Callable[[Event], None]
MODELS_KEPT = 8  # traced models a slot keeps on a CPU: the levels of a question; on a GPU one, for its memory


class Session:
    """What a slot keeps between trainings: the images, the traced models, the memory meter.

    Args:
        source: the images, and where models go.
        driver: made before anything was done on the GPU; None where that does not matter.
        keeps: whether so many bytes of images are kept on the device; None: on a GPU, where they fit.
    """

    def __init__(self, source: Source, driver: Driver | None = None, keeps: Keeps | None = None) -> None:
        self.source = source
        self.meter = Meter(device()[0] == "gpu", driver)
        self._models: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self.residence = Residence(self.meter, keeps, forget=self._models.clear)
        self._datasets: dict[tuple[Any, ...], Dataset] = {}
        self._familiar: dict[tuple[int, int], dict[str, Any]] = {}

    def train(self, config: TrainConfig, emit: Emit, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Trains once. Every outcome is an event, the last one finished, failed or stopped; nothing is raised.

        Args:
            should_stop: asked at the end of each epoch.
        """
        training = None
        try:
            training = _Training(self, config, emit, should_stop)
            emit(training.run())
        except Exception as error:
            if not isinstance(error, EXPECTED):
                self._models.clear()  # a step that failed half-way may have left a model that no reset mends
            emit(failure_of(error, config.trial, training.epoch if training else None))
        finally:
            forget_gradients()

    def dataset(self, config: TrainConfig) -> Dataset:
        """The images of a config, mapped once for each size and fold."""
        size = ImageSize(config.image_height, config.image_width, config.color, config.resize)
        key = (size, config.folds, config.fold, config.split_seed, config.photographs)
        if key not in self._datasets:
            self._datasets[key] = open_dataset(
                self.source.data,
                self.source.cache,
                size,
                self.source.options,
                folds=config.folds,
                fold=config.fold,
                split_seed=config.split_seed,
                record=config.photographs,
            )
        return self._datasets[key]

    def familiar(self, dataset: Dataset, splits: Mapping[SplitName, npt.NDArray[np.int64]]) -> dict[str, Any]:
        """What a saved model is told of the images of these rows, found once for each choice of them."""
        key = (id(dataset), len(splits["train"]))  # with the validation images, or without; datasets stay
        if key not in self._familiar:
            train = familiar.batches(dataset.images, splits["train"], familiar.MOST_FITTED)
            test = familiar.batches(dataset.images, splits["test"])
            self._familiar[key] = familiar.fit(train, test).saved()
        return self._familiar[key]

    def model(self, config: TrainConfig, dataset: Dataset, steps: int) -> tuple[Any, bool]:
        """The model of a config with weights of its own, and whether its graph is new."""
        per_execution = max(1, min(STEPS_PER_EXECUTION, steps))
        key = graph_key(config, dataset.class_names, per_execution)
        new = key not in self._models
        if new:
            while len(self._models) >= (1 if self.meter.measures else MODELS_KEPT):
                self._models.popitem(last=False)
                gc.collect()
                self.meter.reset()  # what the model before had is no part of this training
            model = build(config, dataset.class_names, self.source.code)
            compile_model(model, config, per_execution)
            self.residence.prepare_model(model)
        else:
            model = self._models.pop(key)  # back at the end of the queue, unless `reset` fails
            if config.uses_own_code:  # which `reset` does not know how to begin anew
                take_state(model, build(config, dataset.class_names, self.source.code))
        reset(model, config)
        self._models[key] = model
        return model, new


class _Training:
    """One training, from its images to its `finished` event."""

    def __init__(self, session: Session, config: TrainConfig, emit: Emit, should_stop: Callable[[], bool]) -> None:
        self.session, self.config, self.emit, self.should_stop = session, config, emit, should_stop
        self.epoch = 1  # the one under way
        self.stopped = False
        self.dataset = session.dataset(config)
        self.splits = self.dataset.trained_on(validation=config.train_on_validation)
        labels, classes = self.dataset.labels[self.splits["train"]], len(self.dataset.class_names)
        images = np.bincount(labels, minlength=classes)
        self.class_weight = class_weights(config.class_weight, images.tolist())
        self.resident = session.residence.of(self.dataset.images)
        self.train = self._batches("train", config.seed, self.class_weight)
        self.val = self._batches("val")
        self.val_logits: npt.NDArray[np.float32] = np.empty((0, 0), np.float32)
        counted = (images if self.class_weight is None else images * self.class_weight).tolist()
        self.clock, self.chance_loss = Clock(config, counted), chance_loss(counted)
        self.evaluations = Evaluations(self.dataset, self.splits, config.evaluate_last)
        self.evaluating_s = 0.0  # of the time that the training takes
        session.meter.reset()
        self.model, self.traced = session.model(config, self.dataset, len(self.train))

    def _batches(
        self, split: SplitName, seed: int | None = None, class_weight: Sequence[float] | None = None
    ) -> Batches:
        data, rows, size = self.dataset, self.splits[split], self.config.batch_size
        return Batches(data.images, data.labels, rows, size, seed, class_weight, self.resident)

    def run(self) -> Event:
        config, data, meter = self.config, self.dataset, self.session.meter
        rows = self.splits
        self.emit(
            Started(
                trial=config.trial,
                parameters=parameters(self.model),
                flops_per_image=flops_per_image(self.model),
                images={name: len(rows[name]) for name in rows},
                photographs={name: len(np.unique(data.photos[rows[name]])) for name in rows},
                traced=self.traced,
                fingerprint=data.fingerprint,
                chance_loss=self.chance_loss if math.isfinite(self.chance_loss) else None,
            )
        )
        begun = time.perf_counter()
        callbacks: list[Any] = [_Report(self)]
        if config.early_stopping_patience:
            callbacks.append(
                keras.callbacks.EarlyStopping(
                    "val_accuracy", mode="max", patience=config.early_stopping_patience, restore_best_weights=True
                )
            )
        self.model.fit(self.train, epochs=config.epochs, shuffle=False, verbose=0, callbacks=callbacks)
        train_s = time.perf_counter() - begun - self.evaluating_s
        epochs_run = self.epoch - 1
        if self.stopped:
            return Stopped(trial=config.trial, epoch=epochs_run)
        if config.early_stopping_patience:
            self.val_logits = self.predict(self.val)  # the weights may be an earlier epoch's
        self.evaluate()
        measured = self.evaluations.measures(epochs_run)
        return Finished(
            trial=config.trial,
            epochs_run=epochs_run,
            start_epoch=self.clock.start,
            splits=measured,
            parameters=parameters(self.model),
            flops_per_image=flops_per_image(self.model),
            train_s=round(train_s, 3),
            images_per_s=round(epochs_run * len(rows["train"]) / train_s, 1),
            vram_peak_mib=meter.peak_mib(),
            vram_process_mib=meter.process_mib(),
            model_file=self._save(),
        )

    def evaluate(self) -> None:
        """Every split by the weights as they are, for the figures at the end: the last evaluations are kept."""
        begun = time.perf_counter()
        train, test = (self.predict(self._batches(split)) for split in ("train", "test"))
        self.evaluations.add({"train": train, "val": self.val_logits, "test": test})
        self.evaluating_s += time.perf_counter() - begun

    def predict(self, batches: Batches) -> npt.NDArray[np.float32]:
        """Logits in inference mode, float32 (n, classes).

        Batch by batch: `Model.predict` would trace the graph anew for each split, by its number of batches.
        """
        images = (batches.pixels(index) for index in range(len(batches)))
        return np.concatenate([np.asarray(self.model.predict_on_batch(batch)) for batch in images])

    def _save(self) -> str | None:
        folder = self.session.source.output
        if folder is None:
            return None
        name = f"{self.config.trial or 'model'}.keras"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            reading = {"fit": self.config.resize, "ranges": [list(span) for span in self.dataset.ranges]}
            code = python_files(self.config, self.session.source.code)
            save_model(self.model, folder / name, reading, code, self.session.familiar(self.dataset, self.splits))
        except OSError as error:
            raise DiskError(f"the model cannot be saved in {folder}: {error.strerror or error}") from error
        return name


class _Report(keras.callbacks.Callback):
    """Validates at the end of each epoch, emits the epoch, and ends a training that diverged or was asked to stop."""

    def __init__(self, training: _Training) -> None:
        super().__init__()
        self.training = training

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begun = time.perf_counter()
        self.training.train.begin(epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = float(logs["loss"])  # the mean of the epoch so far: one bad batch is enough
        if not math.isfinite(loss):
            every, total = self.training.model.steps_per_execution, len(self.training.train)
            first, last = batch + 2 - every, min(batch + 1, total)
            where = f"batch {last}" if first == last else f"one of the batches {first}-{last}"
            raise NotFiniteError(
                f"the training loss became {loss} in epoch {self.training.epoch}, at {where} of {total}"
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        training = self.training
        epoch_s = time.perf_counter() - self.begun
        labels = training.dataset.labels[training.dataset.splits["val"]]
        logits = training.val_logits = training.predict(training.val)
        logs["val_loss"] = measure.cross_entropy(logits, labels, training.class_weight)
        logs["val_accuracy"] = measure.accuracy(logits, labels)
        balanced_accuracy, macro_f1, auroc = measure.over_classes(logits, labels)
        if not math.isfinite(logs["val_loss"]):
            raise NotFiniteError(f"the validation loss became {logs['val_loss']} after epoch {training.epoch}")
        training.emit(
            Epoch(
                trial=training.config.trial,
                epoch=epoch + 1,
                train_loss=float(logs["loss"]),
                train_accuracy=float(logs["accuracy"]),
                val_loss=logs["val_loss"],
                val_accuracy=logs["val_accuracy"],
                epoch_s=round(epoch_s, 4),
                images_per_s=round(len(training.splits["train"]) / epoch_s, 1),
                vram_peak_mib=training.session.meter.peak_mib(),
                val_balanced_accuracy=balanced_accuracy,
                val_macro_f1=macro_f1,
                val_auroc=auroc,
            )
        )
        training.epoch = epoch + 2
        training.clock.tick(float(logs["loss"]))
        end = training.clock.end
        if epoch + 1 >= end:
            self.model.stop_training = True
        elif training.should_stop():
            training.stopped = self.model.stop_training = True
        elif epoch + 1 > end - training.config.evaluate_last:
            training.evaluate()
