"""Trials in Optuna's own queue (WAITING), made once each."""

from __future__ import annotations

from collections.abc import Mapping

import optuna
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.stores.optuna.outcome import FAILURE
from search.study.confirm import CONFIRM_SEED
from search.study.design import PlannedTrial
from search.study.space import ParamValue

ROLE = "role"
# Of the trials that a search trains again, the only ones of it with a seed of their own; no sampler proposes it.
SEEDS = IntDistribution(CONFIRM_SEED, CONFIRM_SEED + 100)
QUEUED = "fixed_params"  # where Optuna keeps the params that `enqueue_trial` was given


def waiting(planned: PlannedTrial, space: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """A trial to be queued, with its params."""
    return create_trial(
        state=TrialState.WAITING,
        params=dict(planned.params),
        distributions={key: space.get(key, SEEDS) for key in planned.params},
        user_attrs={ROLE: planned.role},
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
    if there.number != number or (template and there.params != template.params):
        raise ValueError(f"somebody else makes trials of Optuna's study {name}; trial {number} is not ours")
    return trial_id


def fail(storage: optuna.storages.BaseStorage, trial_id: int, why: str) -> None:
    """Ends a trial that somebody queued and that cannot be trained: FAIL, and why among its attributes."""
    storage.set_trial_user_attr(trial_id, FAILURE, why[:2000])
    storage.set_trial_state_values(trial_id, TrialState.FAIL)


def trial_params(trial: FrozenTrial) -> dict[str, ParamValue]:
    """The params of a trial, also of one whose params stand in the queue alone."""
    return dict(trial.params) or dict(trial.system_attrs.get(QUEUED, {}))
