"""CPU, memory, network, disk and GPUs of this machine over time: MLflow's system metrics, by MLflow's own classes.

`mlflow.start_run(log_system_metrics=True)` would start a thread a run and ask the server before every sample. Here one
thread serves all running trials.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from search.stores.mlflow.surroundings import IMPORTING
from trainer.gc_pause import gc_paused

if TYPE_CHECKING:
    from search.stores.mlflow.monitors import Monitors

INTERVAL_S = 10.0  # MLflow's own default
SHORTEST_S = 1.0  # psutil's CPU share over less is noise
KEPT = 10_000  # samples: a day


class Sample(NamedTuple):
    """The machine at one moment: `at_s` in seconds since 1970, values by MLflow's metric names."""

    at_s: float
    values: dict[str, float]


class SystemSampler:
    """Samples the machine until stopped. All methods may be called from any thread.

    Usage: `start`; `sample` where a trial starts and where it ends; `between` gives what was measured meanwhile.
    """

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._samples: deque[Sample] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._monitors: Monitors | None = None

    def start(self) -> None:
        """Starts sampling, in a thread that also pays for the import of mlflow."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="system-sampler", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stops the thread and waits for it."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def sample(self) -> None:
        """Takes a sample now, unless one was taken within the last second. Does nothing before the thread has begun."""
        with self._lock:
            if self._monitors is None:
                return
            now = time.time()
            if self._samples and now - self._samples[-1].at_s < SHORTEST_S:
                return
            self._samples.append(Sample(now, self._monitors.read()))

    def between(self, start_s: float, end_s: float | None = None) -> list[Sample]:
        """The samples of a span of time, a second of grace at both ends; `end_s` None is now."""
        with self._lock:
            samples = list(self._samples)
        last = time.time() if end_s is None else end_s
        return [sample for sample in samples if start_s - SHORTEST_S <= sample.at_s <= last + SHORTEST_S]

    def _run(self) -> None:
        with gc_paused(), IMPORTING:
            from search.stores.mlflow.monitors import Monitors

        monitors = Monitors()
        if self._stopped.wait(SHORTEST_S):
            return
        with self._lock:
            self._monitors = monitors
        while True:
            self.sample()
            if self._stopped.wait(self._interval_s):
                return
