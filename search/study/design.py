"""Which trials a study consists of: `plan`, a pure function of the study and of what its trials have given so far.

Without nuisance parameters: every level with every seed, the same seeds for every level, so that differences between
levels are paired; of two scientific parameters every combination of their levels (`search.study.factorial`). With
nuisance parameters, as in the Deep Learning Tuning Playbook (Godbole et al. 2023,
https://github.com/google-research/tuning_playbook): every level gets the same number of tuning trials, at the same
points; then its replicates, at its best point by validation accuracy. With `tune`, every level with every seed at every
rate of a small grid.
"""

from __future__ import annotations

import hashlib
import math
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from search.study import Study
from search.study.conditions import active, is_whole
from search.study.confirm import confirm_count, confirming, is_searched
from search.study.factorial import cell_name, cells
from search.study.space import Levels, ParamValue, Range
from search.study.tune import RATE
from trainer.config import TrainConfig, default_of, vocabulary_of
from trainer.own.names import kind_of

Role = Literal["replicate", "tuning", "search", "confirm"]
Result: TypeAlias = tuple[Mapping[str, ParamValue], Role, float | None]  # params, role, on validation (None: it failed)

# The tuning trials' seed, none of the replicates': those would else be the trials that their level was chosen for, and
# their mean too high.
TUNING_SEED = 1_000_000

LOG_AXIS = frozenset({"learning_rate"})  # steps are ratios


@dataclass(frozen=True)
class PlannedTrial:
    """A trial to queue.

    Attributes:
        params: what stands in Optuna: the scientific and nuisance parameters, and "seed" except in a search.
        role: what the trial is for.
    """

    params: dict[str, ParamValue]
    role: Role


def plan(
    study: Study, results: Sequence[Result] = (), due: Mapping[ParamValue, int] | None = None
) -> list[PlannedTrial]:
    """Every trial that is known so far, in the order of training; no two have the same params.

    Queue what `missing` leaves of it, at the start and, with nuisance parameters, whenever a tuning trial ends: the
    replicates are known when all tuning trials have a result. A later call with more results only adds to the end. Of a
    study with levels or seeds added, the order differs, but what was planned before is in it unchanged.

    A search has few planned trials, the reference model if its space contains it and what it starts from; a sampler
    proposes the others. When they are over, those that are trained again are planned too (`search.study.confirm`).

    Args:
        results: of finished and failed trials; of those with the same params, the first accuracy counts.
        due: of a study with looks, the replicates of each level that are known by now to be wanted
            (`search.answer.looks.course`); None: those of the first look.
    """
    if study.search is not None:
        again = [PlannedTrial(params, "confirm") for params in confirming(study, results, reference_params(study))]
        first = _first_of_search(study)
        if is_searched(study, results):  # what it was to start from, and was ended before, is wanted no more
            there = {_key(params) for params, role, _ in results if role == "search"}
            first = [trial for trial in first if _key(trial.params) in there]
        return first + again
    levels = cells(study)
    if study.tune:
        levels = [{**level, RATE: rate} for level in levels for rate in study.rates]
    if not study.nuisance:
        return _replicates(study, levels, due)
    points = _tuning_points(study)
    tuning = [PlannedTrial({**level, **point, "seed": TUNING_SEED}, "tuning") for point in points for level in levels]
    accuracies = _accuracies(results)
    if not all(_key(trial.params) in accuracies for trial in tuning):
        return tuning
    best = [{**level, **_best_point(study, level, points, accuracies)} for level in levels]
    return tuning + _replicates(study, best, due)


def missing(planned: Iterable[PlannedTrial], existing: Iterable[Mapping[str, ParamValue]]) -> list[PlannedTrial]:
    """What of a plan is not there yet, in order. `existing`: the params of every trial there is, in any state.

    So trials that are added to a study later stand behind those that it has.
    """
    there = {_key(params) for params in existing}
    return [trial for trial in planned if _key(trial.params) not in there]


def trial_count(study: Study, left: Mapping[ParamValue, int] | None = None, results: Sequence[Result] = ()) -> int:
    """How many trials the study has in the end; at most, where levels may leave it.

    Args:
        left: levels that have left, and after how many replicates.
        results: of a search, the trials that are over, by number: from them follows whether it goes on.
    """
    if study.search is not None:
        searched = sum(role == "search" for _, role, _ in results)
        proposed = searched if is_searched(study, results) else study.search.n_trials
        return proposed + confirm_count(study, results, reference_params(study))
    tuning = study.tuning.trials_per_level if study.tuning else 0
    gone = left or {}
    times = len(study.rates) or 1
    compared = [cell_name(cell) for cell in cells(study)]
    seeds = [study.seeds if level is None else gone.get(level, study.seeds) for level in compared]
    return sum(tuning + times * of_level for of_level in seeds)


def is_at_most(study: Study, left: Mapping[ParamValue, int] | None = None, results: Sequence[Result] = ()) -> bool:
    """Whether `trial_count` is an upper bound, as levels may leave at looks to come, and a search may end by its
    patience, or with fewer trials that finish than are trained again.
    """
    if study.search is not None:
        return study.search.is_open and not is_searched(study, results)
    return bool(study.looks) and not set(study.levels) <= set(left or {})


def config_of(
    study: Study, params: Mapping[str, ParamValue], trial_label: str, number: int | None = None
) -> TrainConfig:
    """What to train: the params over the study's [fixed] over the reference model.

    Replicate r validates on fold r modulo the number of folds, the same at every level; trial n of a search on fold n
    modulo that number.

    Args:
        number: the trial's, in a search, where the seed follows from it unless it is among the params.

    Raises:
        ConfigError: the params break a rule of `TrainConfig`.
    """
    seed = params.get("seed")
    left_out = elsewhere(study, params)
    turn = int(seed) if seed is not None else number
    if seed is None:
        if number is None:
            raise ValueError(f"trial {trial_label} has no seed among its params, and no number to derive one from")
        seed = derived_seed(study.name, number)
    folds = study.fixed.get("folds", TrainConfig.model_fields["folds"].default)
    fold = (turn or 0) % int(folds)
    return TrainConfig.of({**left_out, **study.fixed, **params, "seed": seed, "fold": fold, "trial": trial_label})


def derived_seed(study_name: str, index: int) -> int:
    """A seed below 2**31 that depends on nothing but these two, on every machine and Python."""
    digest = hashlib.sha256(f"{study_name}/{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 2**31


def distributions(study: Study) -> dict[str, Levels | Range]:
    """The space that Optuna is told of, by parameter: whole numbers, real numbers or categories, by the values' types.

    Seeds are none of them: they are not asked about, and Optuna would tell how important they are. So the reference
    study has none.

    Optuna refuses to change a parameter's categories, and a question may be given more levels. So its factor has all
    names that are registered (`search.stores.optuna.growth` adds those that a newer version registers); numbers have
    the range of the levels, which Optuna lets grow.
    """
    spaces = {**study.scientific, **study.nuisance}
    for name in study.factors:
        spec = study.scientific[name]
        spaces[name] = _growing(name, spec.levels) if isinstance(spec, Levels) else spec
    if study.tune:
        spaces[RATE] = Range(low=study.rates[0], high=study.rates[-1], log=True)
    return spaces


def _growing(name: str, levels: tuple[ParamValue, ...]) -> Levels | Range:
    numbers = [level for level in levels if isinstance(level, int | float) and not isinstance(level, bool)]
    if numbers and len(numbers) == len(levels):
        return Range(low=min(numbers), high=max(numbers), log=name in LOG_AXIS)
    names = vocabulary_of(name)
    if names is not None or kind_of(name):  # code of one's own is beside the names, and its parameters have none
        return Levels(levels=tuple(dict.fromkeys([*(names or ()), *levels])))
    categories = typing.get_args(TrainConfig.model_fields[name].annotation)
    return Levels(levels=categories or (False, True))


def _replicates(
    study: Study, levels: list[dict[str, ParamValue]], due: Mapping[ParamValue, int] | None
) -> list[PlannedTrial]:
    """Seed by seed, so that a study that is stopped early has compared all levels."""
    first = study.looks[0] if study.looks else study.seeds

    def wanted(params: Mapping[str, ParamValue]) -> int:
        return first if due is None or study.factor is None else due[params[study.factor]]

    seeds = range(max(map(wanted, levels)))
    return [
        PlannedTrial({**params, "seed": seed}, "replicate")
        for seed in seeds
        for params in levels
        if seed < wanted(params)
    ]


def reference_params(study: Study) -> dict[str, ParamValue] | None:
    """The reference model in the space of a search; None where that does not contain it."""
    specs = study.scientific
    found = active(specs, {name: value for name in specs if (value := default_of(name)) is not None})
    inside = all(specs[name].contains(value) for name, value in found.items())
    return found if inside and is_whole(specs, found) else None


def elsewhere(study: Study, params: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
    """The values of the conditional parameters of a search that are not among a trial's params, without [fixed]."""
    left_out = {name: spec for name, spec in study.scientific.items() if spec.when and name not in params}
    return {name: spec.anchor(default_of(name)) for name, spec in left_out.items()}


def _first_of_search(study: Study) -> list[PlannedTrial]:
    assert study.search is not None
    reference = reference_params(study)
    first = [*([reference] if reference is not None else []), *(start.params for start in study.starts)]
    return [PlannedTrial(dict(params), "search") for params in first[: study.search.n_trials]]


def _tuning_points(study: Study) -> list[dict[str, ParamValue]]:
    """The reference model's values, if the ranges contain them, then quasi-random points: a Halton sequence, scrambled.

    Quasi-random points cover a small budget more evenly than random ones (Bousquet et al. 2017, "Critical
    Hyper-Parameters: No Random, No Cry", https://arxiv.org/abs/1706.03200), and the playbook above prefers them. They
    follow from the study's name, for one version of SciPy and NumPy.
    """
    import numpy as np  # here, as scipy takes a second to import and most studies tune nothing
    from scipy.stats import qmc

    specs, wanted = study.nuisance, study.tuning.trials_per_level if study.tuning else 0
    defaults = {name: default_of(name) for name in specs}
    points: dict[object, dict[str, ParamValue]] = {}  # by key: whole numbers and categories repeat, and are passed over
    if all(spec.contains(defaults[name]) for name, spec in specs.items()):
        points[_key(defaults)] = defaults
    halton = qmc.Halton(len(specs), rng=np.random.default_rng(derived_seed(study.name, 0)))
    while len(points) < wanted:  # ends, as the rules of a study file ask for as many values as trials
        for shares in halton.random(64):
            point = {name: spec.at(float(share)) for (name, spec), share in zip(specs.items(), shares, strict=True)}
            points.setdefault(_key(point), point)
    return list(points.values())[:wanted]


def _best_point(
    study: Study,
    level: Mapping[str, ParamValue],
    points: Sequence[dict[str, ParamValue]],
    accuracies: Mapping[object, float | None],
) -> dict[str, ParamValue]:
    """The point of highest validation accuracy, the earliest of equals; the reference model's where all failed."""
    best, highest = None, -math.inf
    for point in points:
        accuracy = accuracies[_key({**level, **point, "seed": TUNING_SEED})]
        if accuracy is not None and accuracy > highest:
            best, highest = point, accuracy
    if best is not None:
        return best
    return {name: spec.anchor(default_of(name)) for name, spec in study.nuisance.items()}


def _accuracies(results: Iterable[Result]) -> dict[object, float | None]:
    """Validation accuracy of the tuning trials, by params; None where all attempts failed."""
    accuracies: dict[object, float | None] = {}
    for params, role, accuracy in results:
        if role == "tuning" and accuracies.get(_key(params)) is None:
            accuracies[_key(params)] = accuracy if accuracy is not None and math.isfinite(accuracy) else None
    return accuracies


def _key(params: Mapping[str, ParamValue]) -> frozenset[tuple[str, ParamValue]]:
    return frozenset(params.items())
