"""How long a study takes, before it is run: a rough figure from measured speeds."""

from __future__ import annotations

import math

from search.study import Study
from search.study.design import is_at_most, plan, trial_count
from search.text import duration
from trainer.config import TrainConfig
from trainer.data import Index
from trainer.vocabulary import AUGMENTATIONS, CLASS_WEIGHTS, HEADS, NORMALIZATIONS, OPTIMIZERS, POOLINGS

# Training images/s of the reference model (120x160, grayscale), one slot of one thread, measured on 2 cores of an AMD
# EPYC at 2.6 GHz (benchmarks/). A core's speed differs by a factor of two either way.
CPU_IMAGES_PER_S = 500.0
START_S = 12.0  # a slot's start and its first trace, on a core of its own
FIRST = 60  # trials of a plan: every level of a question at several seeds
END_S = 10.0  # the answer is drawn and the stores are told the rest, on the same cores


def estimate(study: Study, index: Index, slots: int, *, on_gpu: bool, at_once: int | None = None) -> str:
    """How long a study takes, as a sentence: from the images, the settings of its trials and the number of slots.

    Args:
        study: the design.
        index: the images.
        slots: trainers.
        on_gpu: whether they train on GPUs.
        at_once: how many of them have a core, or cores, of their own; more slots than that are no faster. None: all.
    """
    if on_gpu:
        return "not estimated for a GPU: run with --timeout-s 120 and look at the time left"
    base = study.base_config()
    if study.code is not None:
        return "not estimated for code of your own: run with --timeout-s 120 and look at the time left"
    configs = [TrainConfig.of({**base.model_dump(), **trial.params}) for trial in plan(study)] or [base]
    train = sum(side == "TRAIN" for side in index.sides)
    test = len(index.files) - train
    each_s = sum(_seconds(config, train, test) for config in configs) / len(configs)
    trials = trial_count(study)
    started = min(slots, trials)
    abreast = max(1, min(started, at_once or started))
    start_s = START_S * math.ceil(started / abreast)  # they share the cores when they start, too
    seconds = start_s + each_s * math.ceil(trials / abreast) + END_S
    at_most = is_at_most(study) or any(config.epochs_after_start for config in configs)
    about = "at most about" if at_most else "about"
    more = f", of which {abreast} train at once on this machine's cores" if abreast < started else ""
    return f"{about} {duration(seconds)} on {started} slots{more} (within a factor of 2)"


def mean_cost(study: Study) -> float:
    """The `relative_cost` of a trial of the study, over its first trials; 0 of code of one's own: nobody knows."""
    if study.code is not None:
        return 0.0
    base = study.base_config().model_dump()
    configs = [TrainConfig.of({**base, **trial.params}) for trial in plan(study)[:FIRST]]
    return sum(map(relative_cost, configs)) / len(configs) if configs else 0.0


def relative_cost(config: TrainConfig) -> float:
    """How long a training takes at most, beside one of as many images by the reference model for one epoch."""
    pixels = config.image_height * config.image_width / (120 * 160)
    blocks = config.width * (0.55 if config.depth == 1 else 1.0)  # the second block is half of the work
    chosen = (
        POOLINGS[config.pooling],
        NORMALIZATIONS[config.normalization],
        HEADS[config.head],
        OPTIMIZERS[config.optimizer],
        CLASS_WEIGHTS[config.class_weight],
    )
    costs = (*(entry.cost for entry in chosen), _of_augmentation(config.augmentation))
    slower = math.prod(costs) * (1.05 if config.color else 1.0)
    return config.epochs * pixels * blocks * slower


def _of_augmentation(name: str) -> float:
    return AUGMENTATIONS[name].cost if name in AUGMENTATIONS else 1.0  # of code of one's own nothing is known


def _seconds(config: TrainConfig, train: int, test: int) -> float:
    inference = 1 / 3  # of a step
    validating = 1 / config.folds
    epoch = train * (1 - validating) + train * validating * inference
    at_the_end = (train + test) * inference * config.evaluate_last
    return (epoch + at_the_end / config.epochs) * relative_cost(config) / CPU_IMAGES_PER_S
