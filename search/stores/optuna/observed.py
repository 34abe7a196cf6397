"""Trainings of questions, as the sampler of a search sees them: before the study's own trials.

They are added to what the sampler reads, and not to the study (`Study.add_trial`): there a trial has a number, which is
the number of its journal, and a place in the counts of the dashboard. None of these is a trial of the search.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.stores.optuna.outcome import MEMORY
from search.study import Study
from search.study.constraints import share_over


def observed_trials(study: Study, space: Mapping[str, BaseDistribution], cost_metric: str) -> list[FrozenTrial]:
    """The trainings that have all objectives, as finished trials, and those that ended at chance, as PRUNED ones.

    Args:
        study: the search.
        space: its parameters.
        cost_metric: what the objective `cost` is.
    """
    assert study.search is not None
    names = [cost_metric if name == "cost" else name for name in study.search.objectives]
    found = []
    for one in study.observed:
        if one.values and any(name not in one.values for name in names):
            continue
        excess = {name: share_over(limit, one.values.get(name)) for name, limit in study.constraints.items()}
        trial = create_trial(
            state=TrialState.COMPLETE if one.values else TrialState.PRUNED,
            params=dict(one.params),
            distributions={name: space[name] for name in one.params},  # of conditional parameters those it had
            values=[one.values[name] for name in names] if one.values else None,
            user_attrs={"from": f"{one.study} {one.number}"},
            constraints=dict(sorted({MEMORY: 0.0, **excess}.items())),  # in the order of `OptunaStudy.tell`
        )
        found.append(trial)
    return found


class WithObserved:
    """A storage with some trials in front of those of a study, for the sampler; all else is the storage's.

    Args:
        storage: Optuna's.
        observed: the trials.
    """

    def __init__(self, storage: optuna.storages.BaseStorage, observed: list[FrozenTrial]) -> None:
        self._storage, self._observed = storage, observed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """As Optuna's."""
        own = self._storage.get_all_trials(study_id, deepcopy=deepcopy, states=states)
        return [*(trial for trial in self._observed if states is None or trial.state in states), *own]
