"""Whether code of one's own can be trained: tried on noise, before the first trial.

A slot is asked for it by a line `{"check": {"configs": [...], "class_names": [...]}}` and answers with `checked`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ValidationError

from trainer.backend import keras
from trainer.config import TrainConfig
from trainer.errors import ConfigError
from trainer.events import Checked, ModelLayer, ModelSummary
from trainer.model import (
    all_layers,
    build,
    compile_model,
    flops_per_image,
    load_model,
    parameters,
    save_model,
)
from trainer.model.build import layer_parameters
from trainer.model.layers import ClassNames
from trainer.own import build as own
from trainer.own.loading import load_function, located, place_of
from trainer.own.names import file_and_function, is_own, kind_of
from trainer.own.parameters import OF_THE_BUILT_IN, Read, reads_noted
from trainer.own.travelling import python_files

IMAGES = 4  # of noise: enough for batch statistics
APPLIED = "learning_rate, batch_size or optimizer"  # examples, for a message


class Request(BaseModel):
    """What is to be tried: the configs of a study, the one that others are compared with first."""

    configs: list[TrainConfig]
    class_names: list[str]


def answer(line: str, code: Path | None) -> Checked:
    """The answer to a slot's line; never raises."""
    try:
        request = _Line.model_validate_json(line).check
    except ValidationError as error:
        return Checked(problems=[f"the request to check code cannot be read: {str(error)[:500]}"])
    return check(request.configs, request.class_names, code)


class _Line(BaseModel):
    check: Request


def check(configs: Sequence[TrainConfig], class_names: Sequence[str], code: Path | None) -> Checked:
    """Builds the models of all configs; trains, saves and loads the first of each model and augmentation.

    Args:
        configs: of a study, with code of one's own in at least one of them.
        class_names: of its images.
        code: the folder of the code; None: the working directory.
    """
    problems: dict[str, None] = {}
    summaries: dict[str, ModelSummary] = {}
    tried: set[tuple[str, str]] = set()
    with reads_noted() as read:
        for config in (config for config in configs if config.uses_own_code):
            pair = (config.model, config.augmentation)
            try:
                model = build(config, class_names, code)
                if pair not in tried:
                    tried.add(pair)
                    for problem in _tried(config, model, class_names, code):
                        problems.setdefault(problem)
                    if is_own(config.model):
                        summaries.setdefault(config.model, _summary(config.model, model))
            except ConfigError as error:
                problems.setdefault(str(error))
            except Exception as error:
                text = str(error).strip().splitlines() or ["no message"]
                problems.setdefault(f"{_named(config)}: {type(error).__name__}: {text[0][:500]}")
    if not problems:
        problems.update(dict.fromkeys([*_unread(configs, read), *_copies(configs, read, code or own.HERE)]))
    return Checked(problems=list(problems), models=list(summaries.values()))


def _tried(config: TrainConfig, model: Any, class_names: Sequence[str], code: Path | None) -> Iterator[str]:
    """What is wrong with a model that could be built, a sentence each."""
    folder = code or own.HERE
    where = _named(config)
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, *model.input_shape[1:]), dtype=np.uint8)
    if is_own(config.model):
        function = load_function(folder, config.model, own.MODEL_ARGUMENTS)
        where = place_of(function)
        yield from _weights(config, model, class_names, code, where)
    if is_own(config.augmentation):
        yield from _augmented(config, pixels, folder)
    with located(folder, f"{where}, in inference"):
        logits = np.asarray(model.predict_on_batch(pixels))
    if not np.isfinite(logits).all():
        yield f"{where}: of noise the model makes numbers that are not finite"
    elif logits.min() >= 0 and np.abs(logits.sum(axis=1) - 1).max() < 1e-3:
        yield f"{where}: the model gives probabilities, as after a softmax; leave the softmax out: logits are wanted"
        return
    with located(folder, f"{where}, in training"):
        compile_model(model, config, 1)
        model.train_on_batch(pixels, np.arange(IMAGES, dtype=np.int32) % len(class_names))
    with located(folder, f"{where}, saved and loaded"), tempfile.TemporaryDirectory() as place:
        path = Path(place, "model.keras")
        save_model(model, path, code=python_files(config, code))
        again = np.asarray(load_model(path).predict_on_batch(pixels))
        if not np.allclose(again, np.asarray(model.predict_on_batch(pixels)), rtol=1e-3, atol=1e-3):
            yield f"{where}: saved and loaded, the model gives other numbers"


def _weights(
    config: TrainConfig, model: Any, class_names: Sequence[str], code: Path | None, where: str
) -> Iterator[str]:
    """They follow from the seed, and there are some."""
    if not model.trainable_variables:
        yield f"{where}: the model has no weights that can be trained"
    again = build(config, class_names, code)
    pairs = list(zip(model.weights, again.weights, strict=False))
    if len(model.weights) != len(again.weights) or any(a.shape != b.shape for a, b in pairs):
        yield f"{where}: built twice from one config, the model has other layers"
        return
    differing = [a.path for a, b in pairs if not np.array_equal(np.asarray(a), np.asarray(b))]
    if differing:
        yield (
            f"{where}: built twice with one seed, the model has other weights (first in {differing[0]}); take random "
            "numbers from Keras, or from config.seed"
        )


def _augmented(config: TrainConfig, pixels: Any, folder: Path) -> Iterator[str]:
    """It leaves images alone in inference."""
    file, _ = file_and_function(config.augmentation)
    function = load_function(folder, config.augmentation, own.AUGMENTATION_ARGUMENTS)
    layer = own.own_augmentation(config, "float32", folder)
    images = pixels.astype("float32") / 255
    with located(folder, file):
        still = np.asarray(layer(images, training=False))
        np.asarray(layer(images, training=True))
    if not np.allclose(still, images, atol=1e-5):
        yield f"{place_of(function)}: the augmentation changes images in inference too; it must look at `training`"


def _unread(configs: Sequence[TrainConfig], read: set[Read]) -> Iterator[str]:
    """Parameters that the study varies or fixes and that no function asked for: their levels would be all the same."""
    declared = {name: None for config in configs for name in config.model_extra or {}}
    for name in declared:
        if all(name != there for _, there in read):
            kind = kind_of(name) or ""
            functions = sorted({getattr(config, kind) for config in configs if is_own(getattr(config, kind))})
            yield f"{', '.join(functions)}: config.{name} is never read, so that its value would change nothing"


def _copies(configs: Sequence[TrainConfig], read: set[Read], folder: Path) -> Iterator[str]:
    """Settings of the trainer's own layers that vary, and that the function in their place never reads: the study would
    compare copies of one model.
    """
    for kind, arguments in (("model", own.MODEL_ARGUMENTS), ("augmentation", own.AUGMENTATION_ARGUMENTS)):
        for reference in sorted({getattr(config, kind) for config in configs if is_own(getattr(config, kind))}):
            alike = [config for config in configs if getattr(config, kind) == reference]
            for name in OF_THE_BUILT_IN[kind]:
                values = list(dict.fromkeys(getattr(config, name) for config in alike))
                if len(values) < 2 or (reference, name) in read:
                    continue
                function = load_function(folder, reference, arguments)
                reads = [other for other in OF_THE_BUILT_IN[kind] if (reference, other) in read]
                instead = f" or a setting that it reads ({', '.join(reads)})" if reads else ""
                yield (
                    f"{place_of(function)}: {file_and_function(reference)[1]} never reads config.{name}, which the "
                    f"study varies ({', '.join(map(str, values))}): its trials would compare copies of one {kind}; "
                    f'allowed: to read it, to vary a parameter of its own ("{kind}.NAME"){instead}, or a setting that '
                    f"the trainer applies itself, as {APPLIED}"
                )


def _named(config: TrainConfig) -> str:
    return config.model if is_own(config.model) else config.augmentation


def _summary(name: str, model: Any) -> ModelSummary:
    layers = [
        ModelLayer(
            name=layer.name,
            kind=type(layer).__name__,
            shape=_shape(layer),
            parameters=layer_parameters(layer),
        )
        for layer in all_layers(model)
        if not isinstance(layer, ClassNames | keras.layers.InputLayer)
    ]
    return ModelSummary(name=name, parameters=parameters(model), flops_per_image=flops_per_image(model), layers=layers)


def _shape(layer: Any) -> str:
    try:
        return " × ".join(str(size) for size in layer.output.shape[1:])
    except (AttributeError, ValueError):
        return ""
