"""Parameters as Optuna's distributions, and values proposed for them."""

from __future__ import annotations

from collections.abc import Mapping

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from search.study import Study
from search.study.conditions import holds, in_order
from search.study.design import distributions
from search.study.space import Levels, ParamValue, Range

MODEL = "model"


def space_of(study: Study) -> dict[str, BaseDistribution]:
    """The study's parameters, by name.

    The reference study has none, and the dashboard divides by their number (`_importance.py` of optuna-dashboard 0.21):
    it is told of the model, which has one value.
    """
    if study.kind == "reference":
        return {MODEL: CategoricalDistribution([str(study.fixed.get(MODEL, "reference"))])}
    return {name: _distribution(spec) for name, spec in distributions(study).items()}


def _distribution(spec: Levels | Range) -> BaseDistribution:
    if isinstance(spec, Levels):
        return CategoricalDistribution(list(spec.levels))
    if isinstance(spec.low, int) and isinstance(spec.high, int):
        return IntDistribution(spec.low, spec.high, log=spec.log)
    return FloatDistribution(float(spec.low), float(spec.high), log=spec.log)


def propose(
    trial: optuna.Trial, space: Mapping[str, BaseDistribution], specs: Mapping[str, Levels | Range]
) -> dict[str, ParamValue]:
    """A value for each parameter whose condition holds, by the study's sampler; one that the trial has already stays.

    Args:
        trial: to propose for.
        space: the parameters as Optuna is told of them.
        specs: the same as the study has them, with their conditions.
    """
    found: dict[str, ParamValue] = {}
    for name in in_order(specs):
        if holds(specs[name], found):
            found[name] = _proposed(trial, name, space[name])
    return {name: found[name] for name in space if name in found}


def _proposed(trial: optuna.Trial, name: str, spec: BaseDistribution) -> ParamValue:
    value: ParamValue | None
    match spec:
        case FloatDistribution():
            value = trial.suggest_float(name, spec.low, spec.high, log=spec.log)
        case IntDistribution():
            value = trial.suggest_int(name, spec.low, spec.high, log=spec.log)
        case CategoricalDistribution():
            value = trial.suggest_categorical(name, spec.choices)
        case _:
            raise TypeError(f"{name}: no such distribution: {spec}")
    assert value is not None
    return value
