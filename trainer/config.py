"""`TrainConfig`: everything that one training depends on, beside the images.

The defaults are the reference model: input 120x160 grayscale, four blocks, max-pooling, local response normalization,
Adam at 0.0005, batch 100. Two trainings of one config on one machine give the same numbers.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from trainer.errors import ConfigError
from trainer.registry import OneOf, Registry
from trainer.vocabulary import AUGMENTATIONS, HEADS, NORMALIZATIONS, OPTIMIZERS, POOLINGS

Resize = Literal["stretch", "crop", "pad"]  # as `trainer.data.images.resizing.Fit`, which would bring Pillow here

# What a traced model depends on. The rest of a config can change from trial to trial without a new trace.
GRAPH_FIELDS = (
    *("depth", "width", "pooling", "dropout_rate", "normalization", "head", "augmentation", "augmentation_strength"),
    *("optimizer", "image_height", "image_width", "color", "mixed_precision"),
)


class TrainConfig(BaseModel):
    """One training. Settings that take names take those of the tables in `trainer.vocabulary`.

    Attributes:
        trial: a label, echoed in every event. It changes nothing in the training.
        learning_rate: the optimizer's step size.
        batch_size: images a step.
        optimizer: by Keras's name, at Keras's other defaults (`sgd` with momentum 0.9).
        epochs: passes over the training images.
        depth: convolution blocks.
        width: factor on the filters of every block.
        pooling: how each block halves its height and width.
        dropout_rate: share of the first dense layer's outputs that are dropped, in training.
        normalization: after each block's pooling.
        head: between the last block and the first dense layer.
        augmentation: random changes to the training images.
        augmentation_strength: factor on the amplitudes of those changes; 1 is the usual amount.
        image_height: pixels.
        image_width: pixels.
        color: three channels in place of one.
        resize: what is done to images of another aspect ratio: stretched, cropped around the center, padded with black.
        seed: of the weights, the order of the images, dropout and augmentation.
        mixed_precision: 16-bit activations with 32-bit weights.
        early_stopping_patience: epochs without a better validation accuracy before the training stops; None is off.
        folds: parts of the TRAIN photographs that validate in turn: one part in so many validates.
        fold: the part that validates, from 0. A replicate of a study has the fold of its number.
        split_seed: of the choice of the folds.
        photographs: the record of photographs and splits in the image cache, by its id; empty: the trainer finds it.
        train_on_validation: trains on the validation photographs too, for a model that nothing more is chosen for.
            What is measured on them then says nothing of other photographs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    trial: Annotated[str, Field(max_length=200, pattern=r"^[\w.@-]*$")] = ""  # names the model file as well
    learning_rate: Annotated[float, Field(gt=0, le=100)] = 0.0005
    batch_size: Annotated[int, Field(ge=1, le=65536)] = 100
    optimizer: Annotated[str, OneOf(OPTIMIZERS)] = "adam"
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 60
    depth: Annotated[int, Field(ge=1, le=6)] = 4
    width: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    pooling: Annotated[str, OneOf(POOLINGS)] = "max"
    dropout_rate: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    normalization: Annotated[str, OneOf(NORMALIZATIONS)] = "lrn"
    head: Annotated[str, OneOf(HEADS)] = "flatten"
    augmentation: Annotated[str, OneOf(AUGMENTATIONS)] = "none"
    augmentation_strength: Annotated[float, Field(gt=0, le=4)] = 1.0
    image_height: Annotated[int, Field(ge=8, le=4096)] = 120
    image_width: Annotated[int, Field(ge=8, le=4096)] = 160
    color: bool = False
    resize: Resize = "stretch"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    mixed_precision: bool = False
    early_stopping_patience: Annotated[int, Field(ge=1)] | None = None
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    fold: Annotated[int, Field(ge=0, lt=100)] = 0
    split_seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    photographs: Annotated[str, Field(pattern=r"^[0-9a-f]{0,16}$")] = ""
    train_on_validation: bool = False

    @model_validator(mode="after")
    def _blocks_fit(self) -> TrainConfig:
        deepest = int(math.log2(min(self.image_height, self.image_width)))
        if self.depth > deepest:
            raise ValueError(
                f"depth {self.depth} halves an image of {self.image_height}x{self.image_width} pixels to nothing; "
                f"at most {deepest} for this size"
            )
        return self

    @model_validator(mode="after")
    def _fold_is_there(self) -> TrainConfig:
        if self.fold >= self.folds:
            raise ValueError(f"fold {self.fold} of {self.folds} folds; allowed: 0 to {self.folds - 1}")
        return self

    @model_validator(mode="after")
    def _validates(self) -> TrainConfig:
        if self.train_on_validation and self.early_stopping_patience is not None:
            raise ValueError(
                "early_stopping_patience needs photographs that are not trained on; train_on_validation leaves none"
            )
        return self

    def graph(self) -> tuple[Any, ...]:
        """Equal for two configs that a warm slot can train with one traced model."""
        return tuple(getattr(self, name) for name in GRAPH_FIELDS)

    @classmethod
    def parse(cls, text: str | bytes) -> TrainConfig:
        """A config from JSON.

        Raises:
            ConfigError: listing every mistake.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise ConfigError(mistakes(error)) from None

    @classmethod
    def of(cls, values: dict[str, Any]) -> TrainConfig:
        """A config from a dictionary.

        Raises:
            ConfigError: listing every mistake.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(mistakes(error)) from None


def vocabulary_of(name: str) -> Registry[Any] | None:
    """The table of the names that a setting may take; None for a setting that takes numbers, or that there is not."""
    field = TrainConfig.model_fields.get(name)
    return next((part.registry for part in field.metadata if isinstance(part, OneOf)), None) if field else None


def mistakes(error: ValidationError) -> str:
    """One line a mistake of a pydantic error: where, what is wrong, what was found."""
    lines = []
    for item in error.errors(include_url=False):
        where = ".".join(str(part) for part in item["loc"]) or "the whole"
        found = "" if item["type"] in ("missing", "value_error") else f" (found {item['input']!r:.80})"
        lines.append(f"{where}: {item['msg'].removeprefix('Value error, ')}{found}")
    return "\n".join(lines)
