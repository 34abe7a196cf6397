"""Samplers, pruners and objectives: what is refused, with which words, before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from search.answer.words.wording import named, named_all
from search.study.cost import relative_cost
from search.study.objectives import OBJECTIVES, Objective
from search.study.samplers import SAMPLERS, Sampler
from tests.search.workshop import hunt
from trainer.config import TrainConfig
from trainer.vocabulary import AUGMENTATIONS, NORMALIZATIONS, POOLINGS, Pooling


def refusals(**search: Any) -> list[str]:
    with pytest.raises(ValidationError) as raised:
        hunt(**search)
    return [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in raised.value.errors()]


ONE = ["val_accuracy"]


@pytest.mark.parametrize(
    ("search", "words"),
    [
        (
            {"sampler": "grid"},
            'sampler: found "grid"; allowed: "tpe", "random", "qmc", "cmaes", "nsgaii", "gp" or "auto"',
        ),
        (
            {"sampler": "QMC"},
            'sampler: found "QMC"; allowed: "tpe", "random", "qmc", "cmaes", "nsgaii", "gp" or "auto"',
        ),
        (
            {"sampler": ["tpe"]},
            'sampler: found ["tpe"]; allowed: "tpe", "random", "qmc", "cmaes", "nsgaii", "gp" or "auto"',
        ),
        (
            {"pruner": "patient"},
            'pruner: found "patient"; allowed: "none", "asha", "median" or "hyperband"',
        ),
        (
            {"pruner": "asha", "objectives": ["val_loss", "cost"]},
            'pruner: found "asha" with the objectives ["val_loss", "cost"]; it ranks trainings by a measure that may '
            'decide, epoch by epoch; allowed: "none", or one of these among the objectives: val_accuracy, '
            "val_balanced_accuracy, val_macro_f1, val_auroc",
        ),
        (
            {"sampler": "qmc", "n_startup_trials": 5},
            'n_startup_trials: found 5 with the sampler "qmc", which does not start with random trials; '
            "allowed: leave it out, or one of the samplers tpe, cmaes, gp, auto",
        ),
        (
            {"objectives": ["cost", "test_accuracy"]},
            'objectives.1: found "test_accuracy"; allowed: a list of 1 to 3 of "val_accuracy", '
            '"val_balanced_accuracy", "val_macro_f1", "val_auroc", "val_ece", "val_loss", "cost", "vram_peak_mib", '
            '"parameters", "flops_per_image" and "train_s", each at most once',
        ),
        (
            {"objectives": ["val_accuracy", "vram_peak_mib", "train_s", "flops_per_image"]},
            'objectives: found ["val_accuracy", "vram_peak_mib", "train_s", "flops_per_image"]; allowed: a list of 1 '
            'to 3 of "val_accuracy", "val_balanced_accuracy", "val_macro_f1", "val_auroc", "val_ece", "val_loss", '
            '"cost", "vram_peak_mib", "parameters", "flops_per_image" and "train_s", each at most once',
        ),
        (
            {"objectives": ["auroc"]},
            'objectives.0: found "auroc"; allowed: a list of 1 to 3 of "val_accuracy", "val_balanced_accuracy", '
            '"val_macro_f1", "val_auroc", "val_ece", "val_loss", "cost", "vram_peak_mib", "parameters", '
            '"flops_per_image" and "train_s", each at most once',
        ),
        (
            {"objectives": ["val_accuracy", "cost", "parameters"]},
            'objectives.1: found "cost" beside "parameters", and it may be just that; allowed: one of the two',
        ),
    ],
)
def test_what_cannot_be_done_is_refused(search: dict[str, Any], words: str) -> None:
    assert refusals(**search) == [f"search.{words}"]


def build(proposal: object) -> Any:
    raise AssertionError("not built")


def test_a_sampler_that_cannot_do_it_is_refused() -> None:
    with (
        SAMPLERS.registered("one", Sampler("one", build, most_objectives=1)),
        SAMPLERS.registered("three", Sampler("three", build, fewest_numbers=3)),
        SAMPLERS.registered("away", Sampler("away", build, package="no_such_package")),
    ):
        assert refusals(sampler="one") == ['search.sampler: found "one", which takes 1 objective; found 2']
        assert refusals(sampler="three") == [
            'search.sampler: found "three", which needs 3 parameters with low and high; found 2'
        ]
        assert refusals(sampler="away") == [
            'search.sampler: found "away", which needs the package no_such_package; it is not installed '
            "(pip install no_such_package)"
        ]
        assert hunt(sampler="one", objectives=ONE).search is not None
    assert SAMPLERS["cmaes"].most_objectives == 1  # optuna/samplers/_cmaes.py


def test_a_new_objective_is_taken_where_it_is_known() -> None:
    with OBJECTIVES.registered("seconds", Objective("training time", "minimize", lambda end, cost: end.train_s)):
        search = hunt(objectives=["seconds"]).search
        assert search is not None
        assert search.objectives == ("seconds",)
    assert refusals(objectives=["seconds"])


def test_an_estimate_knows_every_name() -> None:
    base = relative_cost(TrainConfig())
    for name, entry in POOLINGS.items():
        assert relative_cost(TrainConfig(pooling=name)) == pytest.approx(base * entry.cost)
    for name, other in AUGMENTATIONS.items():
        assert relative_cost(TrainConfig(augmentation=name)) == pytest.approx(base * other.cost)
    with POOLINGS.registered("slow", Pooling("slow", "slow", build, cost=7.0)):
        assert relative_cost(TrainConfig(pooling="slow")) == pytest.approx(base * 7)


def test_a_level_is_called_what_its_vocabulary_calls_it() -> None:
    with POOLINGS.registered("l2", Pooling("L2", "", build)):
        assert named("pooling", "l2") == "L2 pooling"
        assert named_all("pooling", ["l2", "max"]) == "L2 and max pooling"
        assert named_all("pooling", ["l2"], notes=["worse"]) == "L2 pooling (worse)"
    assert named("normalization", "lrn") == "local response normalization"
    assert named("normalization", "none") == "no normalization"
    assert named_all("normalization", list(NORMALIZATIONS)) == "local response, batch and none normalization"
