"""What a sampler proposes for a trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution

from search.stores.optuna.distributions import propose
from search.stores.optuna.observed import WithObserved, observed_trials
from search.study import Study
from search.study.design import derived_seed
from search.study.samplers import SAMPLERS, Proposal, build_sampler
from search.study.space import ParamValue


def proposed(
    storage: optuna.storages.BaseStorage,
    name: str,
    trial_id: int,
    number: int,
    study: Study,
    space: Mapping[str, BaseDistribution],
    cost_metric: str = "parameters",
) -> dict[str, ParamValue]:
    """The params of a trial of a search; those that it has already stay.

    The sampler's random state follows from the study's name and the trial's number alone.

    Args:
        storage: Optuna's.
        name: of the study there.
        trial_id: of the trial there.
        number: of the trial.
        study: the search.
        space: its parameters.
        cost_metric: what the objective `cost` is.

    Raises:
        SamplerError: the sampler cannot be built.
        ValueError: somebody queued the trial with a value that a parameter cannot have.
    """
    assert study.search is not None
    # Trainings of questions differ from the reference model in one parameter: random trials are needed beside them.
    learns = SAMPLERS[study.search.sampler].learns_from_any
    observed = observed_trials(study, space, cost_metric) if learns else []
    purpose = f"{study.name}/sampler"
    proposal = Proposal(
        seed=derived_seed(purpose, number),
        study_seed=derived_seed(purpose, 0),
        n_startup_trials=study.search.n_startup_trials + len(observed),
        space=dict(space),
        options=study.search.options,
        n_trials=study.search.n_trials,
        n_objectives=len(study.search.objectives),
    )
    sampler = build_sampler(study.search.sampler, proposal)
    # An object of its own: a Study keeps what it once read of the history.
    seen: Any = WithObserved(storage, observed) if observed else storage
    fresh = optuna.load_study(study_name=name, storage=seen, sampler=sampler)
    return propose(optuna.Trial(fresh, trial_id), space, study.scientific)
