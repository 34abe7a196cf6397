"""StorageError: MLflow does not answer; to be tried again.

StorageError (search/errors.py)
└── RefusedError   MLflow answers, and will say no each time
"""

from __future__ import annotations

from search.errors import StorageError


class RefusedError(StorageError):
    """MLflow answered no: an experiment that was deleted, a value that it does not take. Trying again will not help."""
