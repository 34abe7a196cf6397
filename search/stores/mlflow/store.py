"""MLflow's store, reduced to what a `Tracker` needs. The only module of the project that imports mlflow.

It uses the client and never the fluent API, whose active run is a global of the process. Every error of MLflow, of the
database, of the network and of the file system comes out as `StorageError`, or `RefusedError` where trying again will
not help.
"""

# MLflow's stores and monitors carry no types, and the environment must stand before MLflow is imported.
# mypy: disable-error-code="no-untyped-call"
# ruff: noqa: E402

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import logging
import os
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

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


def _set_up() -> None:
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)


_set_up()  # before the import: some are read there

import mlflow.pyfunc
import mlflow.store.db.utils
import numpy as np
import pandas as pd
import psutil
import sqlalchemy
from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    RunStatus,
    RunTag,
)
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor
from mlflow.types import ColSpec, DataType, Schema, TensorSpec

from search.errors import StorageError
from search.folder.record import DataInfo
from search.stores.mlflow.contents import Point
from search.urls import normal_url, shown_url

atexit.register(gc.freeze)  # or the interpreter takes MLflow's modules apart at its end, object by object: 0.8 s
from search.stores.mlflow.embedded import making_tables
from search.stores.mlflow.errors import RefusedError

for _name in ("mlflow", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # what matters is raised, and told by the controller
mlflow.store.db.utils.MAX_RETRY_COUNT = 1  # its 10 tries to connect block for 100 s; as with HTTP above

REFUSED = frozenset(
    {
        "INVALID_PARAMETER_VALUE",
        "INVALID_STATE",
        "PERMISSION_DENIED",
        "RESOURCE_ALREADY_EXISTS",
        "RESOURCE_DOES_NOT_EXIST",
        "UNAUTHENTICATED",
    }
)
DIGEST_LENGTH = 16  # of a fingerprint's hexadecimal digits: MLflow takes 36, its table of runs shows about 20
PAGE = 1000  # runs


class FoundRun(NamedTuple):
    """A run as far as a `Tracker` needs it."""

    run_id: str
    status: str
    start_ms: int
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]


class MlflowStore:
    """One MLflow: a database with a folder of artifacts, or a server.

    Args:
        uri: `sqlite:///...`, another database's address, or `http(s)://...`.
        artifact_root: where a database's artifacts go; a server has a place of its own.

    Raises:
        StorageError: it does not answer.
    """

    def __init__(self, uri: str, artifact_root: Path | None) -> None:
        _set_up()
        uri = normal_url(uri)
        self._shown = shown_url(uri)
        self._password = urlsplit(uri).password
        self._artifact_root = artifact_root
        self._is_server = uri.startswith(("http://", "https://"))
        with self._errors():
            if not self._is_server:
                if artifact_root is None:
                    raise RefusedError(f"MLflow at {self._shown} is a database: it needs a folder for artifacts")
                prepare_database(uri, artifact_root)
            self._client = MlflowClient(tracking_uri=uri)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except MlflowException as error:
            kind = RefusedError if error.error_code in REFUSED else StorageError
            raise kind(self._message(error)) from (None if self._password else error)
        except (OSError, sqlite3.Error, sqlalchemy.exc.SQLAlchemyError) as error:  # requests' errors are OSErrors
            raise StorageError(self._message(error)) from (None if self._password else error)

    def _message(self, error: Exception) -> str:
        """What an error says, without the statements and links that are appended to it, and without a password."""
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        text = lines[0].replace(self._password, "***") if self._password else lines[0]
        return f"MLflow at {self._shown}: {text[:500]}"

    def experiment(self, name: str, tags: Mapping[str, str]) -> str:
        """The id of the experiment of this name, made if it is not there."""
        with self._errors():
            found = self._client.get_experiment_by_name(name)
            if found is None:
                root = None if self._is_server or self._artifact_root is None else self._artifact_root / name
                place = root.absolute().as_uri() if root else None
                return str(self._client.create_experiment(name, artifact_location=place, tags=dict(tags)))
            if found.lifecycle_stage != "active":
                raise RefusedError(
                    f"MLflow at {self._shown}: the experiment {name} was deleted. Bring it back "
                    f"(mlflow experiments restore --experiment-id {found.experiment_id}, with MLFLOW_TRACKING_URI set "
                    "to this address), or start the study anew with --fresh"
                )
            return str(found.experiment_id)

    def find_experiment(self, name: str) -> str | None:
        """The id of the experiment of this name, where it is there and was not deleted."""
        with self._errors():
            found = self._client.get_experiment_by_name(name)
            return str(found.experiment_id) if found and found.lifecycle_stage == "active" else None

    def runs(self, experiment_id: str, tags: Mapping[str, str], status: str | None = None) -> list[FoundRun]:
        """The runs that have these tags, newest first."""
        terms = [f"tags.`{key}` = '{value}'" for key, value in tags.items()]
        terms += [f"attributes.status = '{status}'"] if status else []
        found: list[FoundRun] = []
        token = None
        with self._errors():
            while True:
                page = self._client.search_runs(
                    [experiment_id],
                    " and ".join(terms),
                    max_results=PAGE,
                    order_by=["attributes.start_time DESC"],
                    page_token=token,
                )
                found += [
                    FoundRun(
                        run.info.run_id,
                        run.info.status,
                        run.info.start_time,
                        dict(run.data.tags),
                        dict(run.data.params),
                        dict(run.data.metrics),
                    )
                    for run in page
                ]
                token = page.token
                if not token:
                    return found

    def create_run(self, experiment_id: str, name: str, tags: Mapping[str, str], start_ms: int) -> str:
        """A new run, RUNNING; with its tags in one transaction."""
        with self._errors():
            run = self._client.create_run(experiment_id, start_time=start_ms, tags=dict(tags), run_name=name)
            return str(run.info.run_id)

    def log(
        self,
        run_id: str,
        points: Sequence[Point] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """In as few batches as MLflow's limits allow (1000 metrics, 100 params, 100 tags)."""
        with self._errors():
            self._client.log_batch(
                run_id,
                metrics=[Metric(*point) for point in points],
                params=[Param(key, value) for key, value in (params or {}).items()],
                tags=[RunTag(key, value) for key, value in (tags or {}).items()],
            )

    def log_data(self, run_id: str, data: DataInfo) -> None:
        """The images as the run's input. Nothing is read: what MLflow shows is the record."""
        features = Schema([TensorSpec(np.dtype("uint8"), (-1, -1, -1, 3), "image")])
        targets = Schema([TensorSpec(np.dtype("str"), (-1,), "class")])
        schema = {"mlflow_tensorspec": {"features": features.to_json(), "targets": targets.to_json()}}
        profile = {
            "images": dict(data.images),
            "photographs": dict(data.photographs),
            "classes": list(data.class_names),
            "bad_files": data.bad_files,
            "demo": data.is_demo,
            "photographs_by": data.photographs_by,
            "grouping": data.grouping,
            "folds": data.folds,
            "fingerprint": data.fingerprint,
        }
        dataset = Dataset(
            name=data.name,
            digest=data.fingerprint[:DIGEST_LENGTH],
            source_type="local",
            source=json.dumps({"uri": data.root}),
            schema=json.dumps(schema),
            profile=json.dumps(profile),
        )
        with self._errors():
            self._client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])

    def log_files(self, run_id: str, files: Mapping[str, bytes]) -> None:
        """Artifacts, by name, which may name a folder. One that is there is replaced."""
        with self._errors(), tempfile.TemporaryDirectory(prefix="mlflow-files-") as folder:
            for name, content in files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self._client.log_artifacts(run_id, folder)

    def set_status(self, run_id: str, status: str, end_ms: int | None = None) -> None:
        """RUNNING, FINISHED, FAILED or KILLED; the last three with the time of the end."""
        with self._errors():
            if end_ms is None:
                self._client.update_run(run_id, status=status)
            else:
                self._client.set_terminated(run_id, RunStatus.to_string(RunStatus.from_string(status)), end_ms)

    def delete_run(self, run_id: str) -> None:
        """Hides a run; `mlflow runs restore` brings it back."""
        with self._errors():
            self._client.delete_run(run_id)

    def log_model(self, run_id: str, model: ModelFiles) -> str:
        """A model of the run, in the form that `mlflow models serve` takes; the id of the one that is there already.

        Keras is not imported: the model is a folder that the function `_load_pyfunc` of `trainer.predict` opens.
        """
        with self._errors(), tempfile.TemporaryDirectory(prefix="mlflow-model-") as folder:
            experiment_id = self._client.get_run(run_id).info.experiment_id
            term = f"tags.`model_key` = '{model.key}'"
            for known in self._client.search_logged_models([experiment_id], filter_string=term):
                if known.status == LoggedModelStatus.READY:
                    return str(known.model_id)
                self._client.delete_logged_model(known.model_id)  # half-written, by a controller that is gone
            logged = self._client.create_logged_model(
                experiment_id,
                name=model.name,
                source_run_id=run_id,
                tags={**model.tags, "model_key": model.key},
                params=dict(model.params),
                model_type="image classifier",
            )
            path = Path(folder, "model")
            description = Model(
                artifact_path=logged.artifact_location,
                model_uuid=logged.model_id,
                model_id=logged.model_id,
                run_id=run_id,
            )
            _save_model(path, Path(folder), model, description)
            self._client.log_model_artifacts(logged.model_id, str(path))
            self._client.log_batch(run_id, metrics=[Metric(*point, model_id=logged.model_id) for point in model.points])
            self._client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
            return str(logged.model_id)

    def register(self, model_id: str, name: str, alias: str, description: str, tags: Mapping[str, str]) -> str:
        """Registers a logged model under a name, which the alias then points at; the number of its version.

        A model that is registered so already keeps its version; its description is written anew.
        """
        with self._errors():
            model = self._client.get_logged_model(model_id)
            try:
                self._client.create_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            place = model.artifact_location
            known = [v for v in self._client.search_model_versions(f"name = '{name}'") if v.source == place]
            version = (
                known[0]
                if known
                else self._client.create_model_version(name, place, run_id=model.source_run_id, model_id=model_id)
            )
            number = str(version.version)
            self._client.update_model_version(name, number, description)
            for key, value in tags.items():
                self._client.set_model_version_tag(name, number, key, value)
            self._client.set_registered_model_alias(name, alias, number)
            return number

    def show_model(self, run_id: str, model_id: str) -> None:
        """Lists the model among the run's outputs."""
        with self._errors():
            shown = self._client.get_run(run_id).outputs
            if model_id not in {output.model_id for output in (shown.model_outputs if shown else ())}:
                self._client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])

    def close(self) -> None:
        """Lets go of the database's connections."""
        store = self._client._tracking_client.store
        if isinstance(store, SqlAlchemyStore):
            store._dispose_engine()


class ModelFiles(NamedTuple):
    """A model to log.

    Attributes:
        name: for people.
        key: equal key, equal model.
        keras_file: the model in Keras's own format.
        package: the folder of the package `trainer`, which opens it.
        class_names: in the order of the model's outputs.
        requirements: pip's, pinned.
        example: the bytes of an image file, shown as the model's input example.
        params: of the trial that made it.
        tags: likewise.
        points: its final metrics.
    """

    name: str
    key: str
    keras_file: Path
    package: Path
    class_names: Sequence[str]
    requirements: Sequence[str]
    example: bytes | None
    params: Mapping[str, str]
    tags: Mapping[str, str]
    points: Sequence[Point]


def _save_model(path: Path, scratch: Path, model: ModelFiles, description: Model) -> None:
    keras_file = scratch / "model.keras"
    shutil.copyfile(model.keras_file, keras_file)
    package = scratch / "trainer"
    shutil.copytree(model.package, package, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    probabilities = [ColSpec(DataType.double, name) for name in model.class_names]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's advice on examples and type hints
        mlflow.pyfunc.save_model(
            str(path),
            loader_module="trainer.predict",
            data_path=str(keras_file),
            code_paths=[str(package)],
            mlflow_model=description,
            pip_requirements=list(model.requirements),
            signature=ModelSignature(
                inputs=Schema([ColSpec(DataType.binary, "image")]),
                outputs=Schema([ColSpec(DataType.string, "class"), *probabilities]),
            ),
            input_example=None if model.example is None else pd.DataFrame({"image": [model.example]}),
            metadata={"class_names": list(model.class_names)},
        )


class Monitors:
    """MLflow's system monitors, read together. Without an NVIDIA GPU that answers there are no GPU metrics."""

    def __init__(self) -> None:
        self._monitors = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
        with contextlib.suppress(Exception):  # no NVML, no driver, no GPU
            self._monitors.append(GPUMonitor())
        psutil.cpu_percent()  # from here on: a reading is the mean since the one before

    def read(self) -> dict[str, float]:
        """One reading, by MLflow's names."""
        values: dict[str, float] = {}
        for monitor in self._monitors:
            monitor.collect_metrics()
            values |= {f"system/{key}": float(value) for key, value in monitor.aggregate_metrics().items()}
            monitor.clear_metrics()
        return values


def prepare_database(uri: str, artifact_root: Path) -> None:
    """Makes MLflow's tables where they are missing. Two processes may do it at once.

    Raises:
        MlflowException, OSError, sqlalchemy.exc.SQLAlchemyError: the database cannot be used.
    """
    path = sqlite_path(uri)
    with making_tables(path) if path else contextlib.nullcontext():
        SqlAlchemyStore(uri, artifact_root.absolute().as_uri())


def upgrade_database(uri: str) -> str:
    """Makes MLflow's tables, or brings them up to date; says in a word or two what was done.

    Raises:
        StorageError: the database cannot be used, or was made by a newer MLflow.
    """
    uri = normal_url(uri)
    path, tools = sqlite_path(uri), mlflow.store.db.utils
    try:
        with making_tables(path) if path else contextlib.nullcontext():
            engine = tools.create_sqlalchemy_engine_with_retry(uri)
            try:
                if tools._is_empty_database(engine):
                    tools._initialize_tables(engine)
                    return "made"
                found, newest = tools._get_schema_version(engine), tools._get_latest_schema_revision()
                if found == newest:
                    return "up to date"
                scripts = tools.ScriptDirectory.from_config(tools._get_alembic_config(""))  # type: ignore[attr-defined]
                if found not in {script.revision for script in scripts.walk_revisions()}:
                    raise StorageError(
                        f"MLflow's database {shown_url(uri)} was made by a newer MLflow (schema {found}; this one "
                        f"knows {newest}): install that one"
                    )
                tools._upgrade_db(engine)
                return f"upgraded from {found} to {newest}"
            finally:
                engine.dispose()
    except (MlflowException, OSError, sqlite3.Error, sqlalchemy.exc.SQLAlchemyError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise StorageError(f"MLflow's database {shown_url(uri)} cannot be used: {lines[0][:300]}") from None


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite database, None for any other address."""
    if not uri.startswith("sqlite:"):
        return None
    return Path(sqlalchemy.make_url(uri).database or "")
