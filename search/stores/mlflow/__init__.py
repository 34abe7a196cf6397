"""What MLflow is told of studies and trials.

    tracker.py         `Tracker`: what is told when, such that telling twice is telling once
    contents.py        what is told: params, tags, metrics and files of a record, as plain data
    system_metrics.py  `SystemSampler`: CPU, memory, network and GPUs of the machine, by MLflow's own names
    embedded.py        the lock on MLflow's SQLite file while its tables are made
    errors.py          try again, or do not
    store.py           the only module of the project that imports mlflow; a second or two, when it is first used

Importing this package does not import mlflow.
"""

from search.stores.mlflow.errors import RefusedError
from search.stores.mlflow.system_metrics import Sample, SystemSampler
from search.stores.mlflow.tracker import Known, Tracker
from search.urls import TRAINING_VIEW

__all__ = ["TRAINING_VIEW", "Known", "RefusedError", "Sample", "SystemSampler", "Tracker"]
