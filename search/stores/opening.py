"""The first telling of a store, before the first trial: an address that can never work is found before hours of it."""

from __future__ import annotations

import threading
from types import TracebackType

from search.errors import StorageError
from search.stores.mlflow import AddressError, RefusedError

PATIENCE_S = 20.0  # MLflow makes its tables in 5 s on two idle cores; one that keeps silent is told later


class Opening:
    """What came of the first telling. A context manager around it, in the thread that tells; `wait` in another.

    Args:
        shown: the address, without a password.
    """

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._done = threading.Event()
        self._waited = False
        self._error: BaseException | None = None

    def wait(self, patience_s: float = PATIENCE_S) -> None:
        """Returns when the store has been told, or does not answer: then it is told later, and the study goes on.

        Raises:
            StorageError: the store says no, or none is at this address.
        """
        self._done.wait(patience_s)
        error, self._waited = self._error, True
        if isinstance(error, (RefusedError, AddressError)):
            raise StorageError(str(error))
        if error is not None and not isinstance(error, StorageError):
            raise StorageError(f"MLflow at {self._shown} cannot be used: {type(error).__name__}: {error}")

    def give_up(self) -> None:
        """Whoever waits waits no longer. For signal handlers."""
        self._done.set()

    def __enter__(self) -> Opening:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._waited:
            self._error = error
        self._done.set()
