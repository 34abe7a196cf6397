"""What MLflow reads from its environment when it is imported: no telemetry, no long retries, nothing printed."""

from __future__ import annotations

import os
import threading

from trainer.environment import without_loopback

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
    # A server that is down: MLflow would try 7 times over minutes. The controller tries again itself, from the journal.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}

# Held by whoever imports a module that imports mlflow: two threads at once meet in its circular imports and deadlock.
IMPORTING = threading.Lock()


def set_up() -> None:
    """Sets what the user has not set. Call it before mlflow is imported: some are read there. No proxy is asked for
    this machine.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    os.environ.update(without_loopback(os.environ))
