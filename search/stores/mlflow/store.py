"""`MlflowStore`: MLflow's experiments and runs, reduced to what a `Tracker` needs.

It uses the client and never the fluent API, whose active run is a global of the process. Every error of MLflow, of the
database, of the network and of the file system comes out as `StorageError`, or `RefusedError` where trying again will
not help.
"""

# MLflow's stores carry no types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import mlflow.store.db.utils
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Experiment, InputTag, Metric, Param, RunStatus, RunTag, ViewType
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.types import Schema, TensorSpec

from search.addresses.urls import normal_url, shown_url
from search.folder.record import DataInfo
from search.stores.mlflow import models
from search.stores.mlflow.contents import UID, Point
from search.stores.mlflow.errors import RefusedError
from search.stores.mlflow.models import ModelFiles
from search.stores.mlflow.refusals import refusals
from search.stores.mlflow.schema import prepare_database
from search.stores.mlflow.surroundings import set_up

atexit.register(gc.freeze)  # or the interpreter takes MLflow's modules apart at its end, object by object: 0.8 s
for _name in ("mlflow", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # what matters is raised, and told by the controller
mlflow.store.db.utils.MAX_RETRY_COUNT = 1  # its 10 tries to connect block for 100 s; as with HTTP in `surroundings`

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
    deleted: bool = False
    last_ms: int = 0  # when it was last told of a metric, else its start


class MlflowStore:
    """One MLflow: a database with a folder of artifacts, or a server.

    Args:
        uri: `sqlite:///...`, another database's address, or `http(s)://...`.
        artifact_root: where a database's artifacts go; a server has a place of its own.

    Raises:
        StorageError: it does not answer.
    """

    def __init__(self, uri: str, artifact_root: Path | None) -> None:
        set_up()
        self._uri = uri = normal_url(uri)
        self._shown = shown_url(uri)
        self._artifact_root = artifact_root
        self._is_server = uri.startswith(("http://", "https://"))
        with self._errors():
            if not self._is_server:
                if artifact_root is None:
                    raise RefusedError(f"MLflow at {self._shown} is a database: it needs a folder for artifacts")
                prepare_database(uri, artifact_root)
            self.client = MlflowClient(tracking_uri=uri)

    def _errors(self) -> contextlib.AbstractContextManager[None]:
        return refusals(self._uri)

    def experiment(self, name: str, tags: Mapping[str, str], uid: str = "", *, claims: bool = False) -> str:
        """The id of a study's experiment, made if it is not there.

        It is the one with the study's id in its tags, whatever it is called by now. Another study's of the same name is
        left alone: a new one is called after the id, too.

        Args:
            name: of the study.
            tags: of an experiment that is made.
            uid: the study's id; empty: it has none, and its name counts.
            claims: whether an experiment of this name that has no id is the study's.

        Raises:
            RefusedError: a person deleted it.
        """
        with self._errors():
            found = self._experiment_of(uid) or self.client.get_experiment_by_name(name)
            if found is not None and found.tags.get(UID, "") != uid and not (claims and UID not in found.tags):
                name = f"{name}-{uid[:6]}" if uid else name
                found = self.client.get_experiment_by_name(name)
            tags = {**tags, **({UID: uid} if uid else {})}
            if found is None:
                root = None if self._is_server or self._artifact_root is None else self._artifact_root / name
                place = root.absolute().as_uri() if root else None
                return str(self.client.create_experiment(name, artifact_location=place, tags=dict(tags)))
            if found.lifecycle_stage != "active":
                raise RefusedError(
                    f"MLflow at {self._shown}: the experiment {name} was deleted. Bring it back "
                    f"(mlflow experiments restore --experiment-id {found.experiment_id}, with MLFLOW_TRACKING_URI set "
                    "to this address), or start the study anew with --fresh"
                )
            if uid and found.tags.get(UID) != uid:
                self.client.set_experiment_tag(found.experiment_id, UID, uid)
            return str(found.experiment_id)

    def add_tags(self, experiment_id: str, tags: Mapping[str, str], *, unless: str) -> None:
        """Tags of an experiment, unless it has the tag of this name; one that is there stays as it is."""
        with self._errors():
            there = self.client.get_experiment(experiment_id).tags
            for key, value in tags.items() if unless not in there else ():
                if key not in there:
                    self.client.set_experiment_tag(experiment_id, key, value)

    def _experiment_of(self, uid: str) -> Experiment | None:
        if not uid:
            return None
        found = self.client.search_experiments(ViewType.ALL, filter_string=f"tags.`{UID}` = '{uid}'")
        return min(found, key=lambda experiment: int(experiment.experiment_id), default=None)

    def hide_experiment(self, experiment_id: str) -> None:
        """Deletes an experiment, which means hidden, and frees its name: MLflow gives a hidden one's to no other."""
        with self._errors():
            name = self.client.get_experiment(experiment_id).name
            self.client.rename_experiment(experiment_id, f"{name} (deleted {experiment_id})")
            self.client.delete_experiment(experiment_id)

    def find_experiment(self, name: str, uid: str = "") -> str | None:
        """The id of a study's experiment, where it is there and was not deleted."""
        with self._errors():
            found = self._experiment_of(uid) if uid else self.client.get_experiment_by_name(name)
            return str(found.experiment_id) if found and found.lifecycle_stage == "active" else None

    def runs(
        self, experiment_id: str, tags: Mapping[str, str], status: str | None = None, *, deleted: bool = False
    ) -> list[FoundRun]:
        """The runs that have these tags, newest first. `deleted`: also those that were deleted, which are hidden."""
        terms = [f"tags.`{key}` = '{value}'" for key, value in tags.items()]
        terms += [f"attributes.status = '{status}'"] if status else []
        found: list[FoundRun] = []
        token = None
        with self._errors():
            while True:
                page = self.client.search_runs(
                    [experiment_id],
                    " and ".join(terms),
                    run_view_type=ViewType.ALL if deleted else ViewType.ACTIVE_ONLY,
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
                        run.info.lifecycle_stage != "active",
                        max((m.timestamp for m in run.data._metric_objs), default=run.info.start_time),
                    )
                    for run in page
                ]
                token = page.token
                if not token:
                    return found

    def create_run(self, experiment_id: str, name: str, tags: Mapping[str, str], start_ms: int) -> str:
        """A new run, RUNNING; with its tags in one transaction."""
        with self._errors():
            run = self.client.create_run(experiment_id, start_time=start_ms, tags=dict(tags), run_name=name)
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
            self.client.log_batch(
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
            self.client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])

    def log_files(self, run_id: str, files: Mapping[str, bytes]) -> None:
        """Artifacts, by name, which may name a folder. One that is there is replaced."""
        with self._errors(), tempfile.TemporaryDirectory(prefix="mlflow-files-") as folder:
            for name, content in files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self.client.log_artifacts(run_id, folder)

    def set_status(self, run_id: str, status: str, end_ms: int | None = None) -> None:
        """RUNNING, FINISHED, FAILED or KILLED; the last three with the time of the end."""
        with self._errors():
            if end_ms is None:
                self.client.update_run(run_id, status=status)
            else:
                self.client.set_terminated(run_id, RunStatus.to_string(RunStatus.from_string(status)), end_ms)

    def delete_run(self, run_id: str) -> None:
        """Hides a run; `mlflow runs restore` brings it back."""
        with self._errors():
            self.client.delete_run(run_id)

    def log_model(self, run_id: str, model: ModelFiles) -> str:
        """A model of the run; its id, or that of the one that is there already."""
        with self._errors():
            return models.log_model(self.client, run_id, model)

    def register(self, model_id: str, name: str, alias: str, description: str, tags: Mapping[str, str]) -> str:
        """Registers a logged model under a name, which the alias then points at; the number of its version."""
        with self._errors():
            return models.register(self.client, model_id, name, alias, description, tags)

    def show_model(self, run_id: str, model_id: str) -> None:
        """Lists the model among the run's outputs."""
        with self._errors():
            models.show_model(self.client, run_id, model_id)

    def close(self) -> None:
        """Lets go of the database's connections."""
        store = self.client._tracking_client.store
        if isinstance(store, SqlAlchemyStore):
            store._dispose_engine()
