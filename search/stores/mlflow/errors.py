"""StorageError: MLflow does not answer; to be tried again.

StorageError (search/errors.py)
├── RefusedError       MLflow answers, and will say no each time
│   └── DeletedError   what was to be told belongs to a run that a person deleted
└── AddressError       the address has never worked as far as this says: no MLflow, no file, no such login
"""

from __future__ import annotations

from search.errors import StorageError


class RefusedError(StorageError):
    """MLflow answered no: an experiment that was deleted, a value that it does not take. Trying again will not help."""


class DeletedError(RefusedError):
    """A person deleted the run of a trial, in MLflow. It stays so; the message has the command that restores it."""


class AddressError(StorageError):
    """What answers at MLflow's address is none, or lets nobody in. Before the first trial the user must mend it; later
    it may be an outage, and is tried again.
    """
