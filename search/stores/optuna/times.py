"""When a trial began and ended, in Optuna: the times of the training, not those at which the storage was told.

Optuna notes the time of the telling, and has no call to set another; so the two columns are written, as
`search.stores.optuna.growth` writes distributions. What is told late, or again after an outage, then has the duration
that it had.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import optuna
import sqlalchemy

from search.folder.record import TrialRecord

_TIMES = sqlalchemy.text(
    "UPDATE trials SET datetime_start = :start, datetime_complete = :complete WHERE trial_id = :trial_id"
).bindparams(
    sqlalchemy.bindparam("start", type_=sqlalchemy.DateTime),
    sqlalchemy.bindparam("complete", type_=sqlalchemy.DateTime),
)


def set_times(storage: optuna.storages.BaseStorage, trial_id: int, record: TrialRecord) -> None:
    """Writes when a trial began, and when it ended where it did. Call it after Optuna's own telling, which writes now.

    Args:
        storage: an RDB storage, as `open_storage` gives it.
        trial_id: of the trial there.
        record: of the trial.
    """
    backend: Any = getattr(storage, "_backend", storage)  # behind Optuna's cache
    # Optuna's times are the local ones of whoever tells, without a zone.
    start = datetime.fromtimestamp(record.started_at)
    complete = datetime.fromtimestamp(record.finished_at) if record.finished_at is not None else None
    with backend.engine.begin() as connection:
        connection.execute(_TIMES, {"start": start, "complete": complete, "trial_id": trial_id})
