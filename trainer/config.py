"""`TrainConfig`: everything that one training depends on, beside the images.

The defaults are the reference model: input 120x160 grayscale, four blocks, max-pooling, local response normalization,
Adam at 0.0005, batch 100. Two trainings of one config on one machine give the same numbers.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticKnownError

from trainer.errors import ConfigError
from trainer.own.names import is_own, kind_of
from trainer.registry import OneOf, Registry
from trainer.vocabulary import AUGMENTATIONS, CLASS_WEIGHTS, HEADS, MODELS, NORMALIZATIONS, OPTIMIZERS, POOLINGS

Resize = Literal["stretch", "crop", "pad"]  # as `trainer.data.images.resizing.Fit`, which would bring Pillow here

# What a traced model depends on. The rest of a config can change from trial to trial without a new trace.
GRAPH_FIELDS = (
    *("model", "depth", "width", "pooling", "dropout_rate", "normalization", "head", "augmentation"),
    *("augmentation_strength", "optimizer", "class_weight", "image_height", "image_width", "color", "mixed_precision"),
)


def _own_parameter(name: str) -> str:
    if kind_of(name) is None:
        raise PydanticKnownError("extra_forbidden")
    return name


def _scalar(value: Any) -> Any:
    if isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError("Input should be a text, a number, true or false")


class TrainConfig(BaseModel):
    """One training. Settings that take names take those of the tables in `trainer.vocabulary`.

    Beside the settings below, code of one's own may have parameters: "model.units", "augmentation.sigma". They are part
    of `model_dump()`, and `getattr(config, "model.units")` reads one.

    Attributes:
        trial: a label, echoed in every event. It changes nothing in the training.
        model: "reference", or code of one's own that builds the model: "FILE.py:FUNCTION". What the other settings say
            of the model's layers is that function's to use or not.
        learning_rate: the optimizer's step size.
        batch_size: images a step.
        optimizer: by Keras's name, at Keras's other defaults (`sgd` with momentum 0.9).
        epochs: passes over the training images; with `epochs_after_start` the most that there may be.
        epochs_after_start: passes after the epoch in which the training left chance (`trainer.clock`); it ends then.
            One that has not started while so many are left ends without. None: every training has `epochs`.
        evaluate_last: the last epochs after which train, validation and test are measured; figures are their means.
            The model that is saved is the last epoch's.
        depth: convolution blocks.
        width: factor on the filters of every block.
        pooling: how each block halves its height and width.
        dropout_rate: share of the first dense layer's outputs that are dropped, in training.
        normalization: after each block's pooling.
        head: between the last block and the first dense layer.
        augmentation: random changes to the training images, by name or by code of one's own, "FILE.py:FUNCTION".
        augmentation_strength: factor on the amplitudes of those changes; 1 is the usual amount.
        class_weight: how much the images of each class count in the training loss.
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

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)
    __pydantic_extra__: dict[Annotated[str, AfterValidator(_own_parameter)], Annotated[Any, PlainValidator(_scalar)]]

    trial: Annotated[str, Field(max_length=200, pattern=r"^[\w.@-]*$")] = ""  # names the model file as well
    model: Annotated[str, OneOf(MODELS, own_code=True)] = "reference"
    learning_rate: Annotated[float, Field(gt=0, le=100)] = 0.0005
    batch_size: Annotated[int, Field(ge=1, le=65536)] = 100
    optimizer: Annotated[str, OneOf(OPTIMIZERS)] = "adam"
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 60
    epochs_after_start: Annotated[int, Field(ge=1, le=100_000)] | None = None
    evaluate_last: Annotated[int, Field(ge=1, le=100)] = 1
    depth: Annotated[int, Field(ge=1, le=6)] = 4
    width: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    pooling: Annotated[str, OneOf(POOLINGS)] = "max"
    dropout_rate: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    normalization: Annotated[str, OneOf(NORMALIZATIONS)] = "lrn"
    head: Annotated[str, OneOf(HEADS)] = "flatten"
    augmentation: Annotated[str, OneOf(AUGMENTATIONS, own_code=True)] = "none"
    augmentation_strength: Annotated[float, Field(gt=0, le=4)] = 1.0
    class_weight: Annotated[str, OneOf(CLASS_WEIGHTS)] = "none"
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

    @model_validator(mode="wrap")
    @classmethod
    def _shows_what_was_found(cls, data: Any, handler: ModelWrapValidatorHandler[TrainConfig]) -> TrainConfig:
        """Of a name that nobody knows, pydantic would show the name in the place of its value."""
        try:
            return handler(data)
        except ValidationError as error:
            found = error.errors(include_url=False)
            if not isinstance(data, dict) or all(item["type"] != "extra_forbidden" for item in found):
                raise
            details = [_detail(item, data) for item in found]
            raise ValidationError.from_exception_data(cls.__name__, details) from None

    @model_validator(mode="after")
    def _blocks_fit(self) -> TrainConfig:
        if self.model != "reference":  # of which only the function knows what it halves
            return self
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

    @model_validator(mode="after")
    def _ends_one_way(self) -> TrainConfig:
        after, stopping = self.epochs_after_start, self.early_stopping_patience is not None
        if after is not None and stopping:
            raise ValueError(
                "epochs_after_start and early_stopping_patience both say when a training ends; allowed: one of the two"
            )
        if after is not None and after >= self.epochs:
            raise ValueError(
                f"epochs_after_start {after} leaves none of {self.epochs} epochs to start in; allowed: below epochs"
            )
        if self.evaluate_last > 1 and stopping:
            raise ValueError(
                f"evaluate_last {self.evaluate_last} with early_stopping_patience, which measures the weights of the "
                "best epoch alone; allowed: 1"
            )
        most = after if after is not None else self.epochs
        if self.evaluate_last > most:
            where = "epochs" if after is None else "epochs_after_start"
            raise ValueError(f"evaluate_last {self.evaluate_last} is more than {where}; allowed: 1 to {most}")
        return self

    def graph(self) -> tuple[Any, ...]:
        """Equal for two configs that a warm slot can train with one traced model."""
        own = sorted((self.model_extra or {}).items())
        return (*(getattr(self, name) for name in GRAPH_FIELDS), *own)

    @property
    def uses_own_code(self) -> bool:
        """Whether its model or its augmentation is code of one's own."""
        return is_own(self.model) or is_own(self.augmentation)

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


def default_of(name: str) -> Any:
    """A setting's value in the reference model; None for a parameter of one's own, which has none."""
    field = TrainConfig.model_fields.get(name)
    return None if field is None else field.default


def vocabulary_of(name: str) -> Registry[Any] | None:
    """The table of the names that a setting may take; None for a setting that takes numbers, or that there is not."""
    field = TrainConfig.model_fields.get(name)
    return next((part.registry for part in field.metadata if isinstance(part, OneOf)), None) if field else None


def _detail(item: Any, data: dict[str, Any]) -> InitErrorDetails:
    """A mistake that pydantic found, to be raised again."""
    loc = item["loc"]
    found = data.get(loc[0]) if item["type"] == "extra_forbidden" else item["input"]
    kind: Any = item["type"]
    return InitErrorDetails(type=kind, loc=loc, input=found, ctx=item.get("ctx", {}))


def mistakes(error: ValidationError) -> str:
    """One line a mistake of a pydantic error: where, what is wrong, what was found."""
    lines = []
    for item in error.errors(include_url=False):
        where = ".".join(str(part) for part in item["loc"]) or "the whole"
        found = "" if item["type"] in ("missing", "value_error") else f" (found {item['input']!r:.80})"
        lines.append(f"{where}: {item['msg'].removeprefix('Value error, ')}{found}")
    return "\n".join(lines)
