"""What a trainer says, one JSON object a line on stdout. `parse` reads a line back.

A slot's life: `ready` once; then for each config `started`, an `epoch` each, and `finished`, `failed` or `stopped`. A
trainer on another machine also says `alive` every few seconds, and before `finished` sends its `model` in parts.
Accuracies are shares (0-1), times are seconds, memory is MiB, epochs count from 1. A measure that was not taken is
absent (None), never 0.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

PROTOCOL = 2  # raised when a reader of the old events would misread the new

Count = int | float  # of images: a mean over several evaluations need not be whole
SplitName = Literal["train", "val", "test"]
FailureKind = Literal["config", "data", "disk", "not_finite", "out_of_memory", "error"]


def _escaped(text: str) -> str:
    """With escapes for bytes of a path that are no UTF-8, lone surrogates in Python, which JSON cannot have."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Alive(_Event):
    """The trainer lives; said every few seconds by a thread, whatever the training is doing."""

    event: Literal["alive"] = "alive"


class Ready(_Event):
    """The slot has loaded Keras and waits for a config.

    `version` and `code` (`trainer.fingerprint`) are the trainer's, `machine` is the name of the machine. Trainers of
    protocol 1 said none of the three.
    """

    event: Literal["ready"] = "ready"
    protocol: int = PROTOCOL
    backend: str
    device: str
    device_name: str
    vram_measured: bool
    threads: int
    pid: int
    versions: dict[str, str]
    environment: dict[str, str] = {}  # the settings among its variables
    version: str = ""
    code: str = ""
    machine: str = ""

    @property
    def peaks_once(self) -> bool:
        """Whether the allocator's peak is known of the first training alone: JAX has no way to reset it."""
        return self.backend == "jax" and self.vram_measured


class Started(_Event):
    """A training begins. `images` and `photographs` count by split.

    `chance_loss` is the training loss of a model that has learnt nothing (`trainer.clock.chance_loss`), in nats, None
    from trainers of version 0.1: from it and the losses of the epochs follows when a training starts to learn.
    """

    event: Literal["started"] = "started"
    trial: str
    parameters: int
    flops_per_image: int
    images: dict[SplitName, int]
    photographs: dict[SplitName, int]
    traced: bool  # False where the graph of an earlier trial of this slot is used again
    fingerprint: str = ""  # of the images
    chance_loss: float | None = None


class Epoch(_Event):
    """An epoch is over. The train figures are running means over the epoch, in training mode: with augmentation and
    dropout, while the weights change. Those of validation are in inference mode, after it.

    Both losses count each class as the training does (`TrainConfig.class_weight`); accuracies count every image alike.
    Balanced accuracy, macro F1 and AUROC are what a study may decide by; trainers of version 0.1 did not tell them.
    """

    event: Literal["epoch"] = "epoch"
    trial: str
    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    epoch_s: float
    images_per_s: float
    vram_peak_mib: float | None = None
    val_balanced_accuracy: float | None = None
    val_macro_f1: float | None = None
    val_auroc: float | None = None


class PhotoCount(_Event):
    """The images of one photograph and class, by predicted class (in the order of the class names).

    A photograph with images of two classes, as a patient may have, comes once for each. Each image counts once: where
    it was evaluated after several epochs, each class that it was taken for gets its share.
    """

    photo: str
    label: int
    predicted: list[Count]


class SplitMeasures(_Event):
    """One split in inference mode, without augmentation; every image counts alike, in the loss too.

    `confusion[i][j]` counts the images of class i predicted as j. `recall` is None for a class without images.
    `wrong` names the images that were classified wrongly, with the predicted class (test only). `log_probabilities` has
    the images' class probabilities, photograph after photograph in the order of `photos`, those of one photograph in
    the order of their files (test only; see `trainer.scores`). `auroc` is the mean over classes of a class against the
    rest, and `placements` what each photograph adds to it, in the order of `photos` (`trainer.probabilities`); `ece` is
    the expected calibration error. Earlier versions told none of these. With several epochs evaluated
    (`TrainConfig.evaluate_last`) all figures are means over them, but `wrong`, `log_probabilities` and `ece` are of the
    last one, whose model is saved.
    """

    accuracy: float
    loss: float
    macro_f1: float
    recall: list[float | None]
    confusion: list[list[Count]]
    photos: list[PhotoCount]
    wrong: dict[str, int] = Field(default_factory=dict)
    log_probabilities: str | None = None
    auroc: float | None = None
    placements: list[float] | None = None
    ece: float | None = None


class Model(_Event):
    """A part of a saved model's file, for a search that does not see the slot's output folder.

    Parts come in their order, before `finished`. `part` counts from 0; `size` (bytes) and `sha256` (hexadecimal) are of
    the whole file; `data` is base64.
    """

    event: Literal["model"] = "model"
    trial: str
    file: str
    part: int
    parts: int
    size: int
    sha256: str
    data: str


class Finished(_Event):
    """A training is over.

    `start_epoch` is the epoch in which it left chance (`trainer.clock`), None where it never did; trainers of version
    0.1 did not tell. `model_file` is the saved model's name in the slot's output folder.
    """

    event: Literal["finished"] = "finished"
    trial: str
    epochs_run: int
    start_epoch: int | None = None
    splits: dict[SplitName, SplitMeasures]
    parameters: int
    flops_per_image: int
    train_s: float
    images_per_s: float
    vram_peak_mib: float | None = None
    vram_process_mib: float | None = None
    model_file: str | None = None


class Failed(_Event):
    """A training failed; the slot goes on, except after running out of memory."""

    event: Literal["failed"] = "failed"
    trial: str
    kind: FailureKind
    message: Annotated[str, AfterValidator(_escaped)]
    traceback: Annotated[str, AfterValidator(_escaped)] = ""
    epoch: int | None = None
    requested_mib: float | None = None


class Stopped(_Event):
    """The training was stopped at the end of an epoch, as asked."""

    event: Literal["stopped"] = "stopped"
    trial: str
    epoch: int


class ModelLayer(_Event):
    """A layer of a model: its name, what it is, the shape of its output for one image, and its weights."""

    name: str
    kind: str
    shape: str
    parameters: int


class ModelSummary(_Event):
    """What a model of one's own is made of, at the settings that a study compares the others with."""

    name: str  # as "my_model.py:build"
    parameters: int
    flops_per_image: int
    layers: list[ModelLayer]


class Checked(_Event):
    """Code of one's own was tried: what is wrong with it, a sentence each, and what it builds.

    The answer to a request to try it, of a slot that trains nothing; so it is none of a training's events.
    """

    event: Literal["checked"] = "checked"
    problems: list[str]
    models: list[ModelSummary] = Field(default_factory=list)


Event = Annotated[Alive | Ready | Started | Epoch | Model | Finished | Failed | Stopped, Field(discriminator="event")]
TrialEvent = Started | Epoch | Model | Finished | Failed | Stopped  # those that name their trial
TERMINAL = (Finished, Failed, Stopped)

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)
_TRIED: TypeAdapter[Ready | Checked] = TypeAdapter(Annotated[Ready | Checked, Field(discriminator="event")])


def parse(line: str | bytes) -> Event:
    """An event from its line.

    Raises:
        pydantic.ValidationError: the line is no event.
    """
    return _ADAPTER.validate_json(line)


def parse_checked(line: str | bytes) -> Ready | Checked:
    """What a slot says that is asked to try code of one's own.

    Raises:
        pydantic.ValidationError: the line is neither.
    """
    return _TRIED.validate_json(line)


def protocol_of(line: str | bytes) -> int | None:
    """The protocol's version in a line that is a trainer's `ready`, of whatever version; None for any other line."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("event") != "ready":
        return None
    version = said.get("protocol")
    return version if isinstance(version, int) else None
