"""Trials in Optuna's own queue (WAITING), made once each."""

from __future__ import annotations

from collections.abc import Mapping

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.stores.optuna.outcome import FAILURE
from search.study.design import PlannedTrial
from search.study.space import ParamValue

ROLE = "role"
SEED = "seed"
PLANNED = ("replicate", "tuning", "confirm")  # the roles of trials that are queued by the design, with their seed
QUEUED = "fixed_params"  # where Optuna keeps the params that `enqueue_trial` was given


def waiting(planned: PlannedTrial, space: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """A trial to be queued, with its params. Its seed stands beside them: in the queue, and among the attributes."""
    params = {key: value for key, value in planned.params.items() if key in space}
    if not params and planned.role == "replicate":  # of the reference study, whose parameter has one value
        ones = {key: spec.choices[0] for key, spec in space.items() if isinstance(spec, CategoricalDistribution)}
        params = {key: choice for key, choice in ones.items() if choice is not None}
    return create_trial(
        state=TrialState.WAITING,
        params=params,
        distributions={key: space[key] for key in params},
        user_attrs={key: value for key, value in planned.params.items() if key == SEED} | {ROLE: planned.role},
        system_attrs={QUEUED: dict(planned.params)},
    )


def made(
    storage: optuna.storages.BaseStorage, study_id: int, name: str, number: int, template: FrozenTrial | None
) -> int:
    """The id of the trial of this number, made if it is not there.

    Raises:
        ValueError: another controller makes trials of this study, in another folder of runs.
    """
    try:
        trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, number)
        storage.get_all_trials(study_id, deepcopy=False)  # Optuna's cache learns of what somebody else made
    except KeyError:
        trial_id = storage.create_new_trial(study_id, template_trial=template)
    there = storage.get_trial(trial_id)
    if there.number != number or (template and trial_params(there) != trial_params(template)):
        raise ValueError(f"somebody else makes trials of Optuna's study {name}; trial {number} is not ours")
    return trial_id


def fail(storage: optuna.storages.BaseStorage, trial_id: int, why: str) -> None:
    """Ends a trial that somebody queued and that cannot be trained: FAIL, and why among its attributes."""
    storage.set_trial_user_attr(trial_id, FAILURE, why[:2000])
    storage.set_trial_state_values(trial_id, TrialState.FAIL)


def trial_params(trial: FrozenTrial) -> dict[str, ParamValue]:
    """The params of a trial, also of one whose params stand in the queue alone.

    The seed of a planned one stands there; in studies of older versions it is a parameter like the others. The one
    parameter of the reference study does not.
    """
    queued = trial.system_attrs.get(QUEUED, {})
    if trial.user_attrs.get(ROLE) not in PLANNED or SEED not in queued:
        return dict(trial.params or queued)
    return {**{key: value for key, value in trial.params.items() if key in queued}, SEED: queued[SEED]}
