"""A question's categories may grow: a level that a newer version knows joins a study that an older one began.

Optuna refuses a categorical parameter whose choices differ from those that the study's trials have, and has no call to
add one. A trial's value is stored as a place among the choices, so choices added behind the others change no trial. All
rows of the parameter are rewritten in one statement, as Optuna's own migrations of its schema do (alembic, v3.0.0.a).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import optuna
import sqlalchemy
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    distribution_to_json,
    json_to_distribution,
)

from search.errors import StorageError

_STORED = sqlalchemy.text(
    "SELECT distribution_json FROM trial_params JOIN trials ON trial_params.trial_id = trials.trial_id "
    "WHERE trials.study_id = :study_id AND trial_params.param_name = :name LIMIT 1"
)
_REWRITTEN = sqlalchemy.text(
    "UPDATE trial_params SET distribution_json = :grown "
    "WHERE param_name = :name AND trial_id IN (SELECT trial_id FROM trials WHERE study_id = :study_id)"
)


def grown(
    storage: optuna.storages.BaseStorage, study_id: int, space: dict[str, BaseDistribution], factors: Collection[str]
) -> dict[str, BaseDistribution]:
    """The space in which the study can go on. Call it before trials are read: Optuna caches what it has read.

    A factor of a question has the choices that are stored, then those of `space` that are not, in the storage too.

    Args:
        storage: an RDB storage, as `open_storage` gives it.
        study_id: Optuna's number of the study.
        space: what the study would have on an empty storage.
        factors: the scientific parameters of a question; empty for other studies, where no parameter grows.

    Raises:
        StorageError: another parameter has other choices in the storage, or one is of another kind.
    """
    backend: Any = getattr(storage, "_backend", storage)  # behind Optuna's cache
    found = dict(space)
    with backend.engine.begin() as connection:
        for name, wanted in space.items():
            place = {"study_id": study_id, "name": name}
            text = connection.execute(_STORED, place).scalar()
            stored = json_to_distribution(text) if text else wanted
            if not isinstance(wanted, CategoricalDistribution) and type(stored) is type(wanted):
                continue  # of numbers: ranges may differ from trial to trial
            if stored == wanted:
                continue
            if name not in factors or not isinstance(stored, CategoricalDistribution):
                raise StorageError(
                    f"Optuna's study has trials with {name} {_words(stored)}; this study has it {_words(wanted)}. "
                    "Optuna cannot change that: start a new study beside it with --fresh."
                )
            new = [choice for choice in _choices(wanted) if choice not in stored.choices]
            found[name] = CategoricalDistribution([*stored.choices, *new])
            if new:
                connection.execute(_REWRITTEN, {**place, "grown": distribution_to_json(found[name])})
    return found


def _choices(distribution: Any) -> tuple[Any, ...]:
    return tuple(distribution.choices)


def _words(distribution: BaseDistribution) -> str:
    if isinstance(distribution, CategoricalDistribution):
        return f"among {', '.join(str(choice) for choice in distribution.choices)}"
    return f"from {getattr(distribution, 'low', '?')} to {getattr(distribution, 'high', '?')}"
