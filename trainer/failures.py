"""What ended a training, as an event."""

from __future__ import annotations

import traceback

from trainer.errors import DataError, DiskError, NotFiniteError
from trainer.events import Failed
from trainer.memory import is_out_of_memory, requested_mib

EXPECTED = (DataError, DiskError, NotFiniteError)  # a slot and its models are as before


def failure_of(error: Exception, trial: str, epoch: int | None) -> Failed:
    """The event of an exception that is being handled.

    Args:
        error: the exception.
        trial: the label of the training.
        epoch: the one under way; None: the training had not begun.
    """
    match error:
        case DataError():
            return Failed(trial=trial, kind="data", message=str(error))
        case DiskError():
            return Failed(trial=trial, kind="disk", message=str(error))
        case NotFiniteError():
            return Failed(trial=trial, kind="not_finite", message=str(error), epoch=epoch)
    lost = is_out_of_memory(error)
    return Failed(
        trial=trial,
        kind="out_of_memory" if lost else "error",
        message=f"{type(error).__name__}: {error}"[:4000],
        traceback=traceback.format_exc()[-8000:],
        epoch=epoch,
        requested_mib=requested_mib(str(error)) if lost else None,
    )
