"""What MLflow is told of studies and trials. The only package of the project that imports mlflow.

    tracker.py         `Tracker`: what is told when, such that telling twice is telling once
    runs.py            `Runs`: the run of a study and of each trial, found or made
    contents.py        what is told: params, tags, metrics and files of a record, as plain data
    system_metrics.py  `SystemSampler`: CPU, memory, network and GPUs of the machine, by MLflow's own names
    embedded.py        MLflow's own SQLite file: the lock while its tables are made, and where its artifacts are
    errors.py          try again, or do not
    surroundings.py    what MLflow reads from its environment when it is imported
  those that import mlflow, a second or two when they are first used:
    store.py           `MlflowStore`: experiments and runs, as the tracker needs them
    models.py          models: logged and registered
    schema.py          the tables, made and upgraded
    monitors.py        MLflow's monitors of the machine
    refusals.py        MLflow's errors in words

Importing this package does not import mlflow.
"""

from search.stores.mlflow.surroundings import set_up

set_up()

from search.stores.mlflow.errors import AddressError, DeletedError, RefusedError  # noqa: E402
from search.stores.mlflow.runs import Status  # noqa: E402
from search.stores.mlflow.system_metrics import Sample, SystemSampler  # noqa: E402
from search.stores.mlflow.tracker import Known, Tracker  # noqa: E402

__all__ = [
    "AddressError",
    "DeletedError",
    "Known",
    "RefusedError",
    "Sample",
    "Status",
    "SystemSampler",
    "Tracker",
]
