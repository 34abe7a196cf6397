"""Models in MLflow: logged in the form that `mlflow models serve` takes, and registered."""

# MLflow's models carry no types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import mlflow.pyfunc
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from search.stores.mlflow.contents import Point


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


def log_model(client: MlflowClient, run_id: str, model: ModelFiles) -> str:
    """A model of the run, in the form that `mlflow models serve` takes; the id of the one that is there already.

    Keras is not imported: the model is a folder that the function `_load_pyfunc` of `trainer.predict` opens.
    """
    with tempfile.TemporaryDirectory(prefix="mlflow-model-") as folder:
        experiment_id = client.get_run(run_id).info.experiment_id
        term = f"tags.`model_key` = '{model.key}'"
        for known in client.search_logged_models([experiment_id], filter_string=term):
            if known.status == LoggedModelStatus.READY:
                return str(known.model_id)
            client.delete_logged_model(known.model_id)  # half-written, by a controller that is gone
        logged = client.create_logged_model(
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
        client.log_model_artifacts(logged.model_id, str(path))
        client.log_batch(run_id, metrics=[Metric(*point, model_id=logged.model_id) for point in model.points])
        client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
        return str(logged.model_id)


def register(
    client: MlflowClient, model_id: str, name: str, alias: str, description: str, tags: Mapping[str, str]
) -> str:
    """Registers a logged model under a name, which the alias then points at; the number of its version.

    A model that is registered so already keeps its version; its description is written anew.
    """
    model = client.get_logged_model(model_id)
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    place = model.artifact_location
    known = [v for v in client.search_model_versions(f"name = '{name}'") if v.source == place]
    version = (
        known[0] if known else client.create_model_version(name, place, run_id=model.source_run_id, model_id=model_id)
    )
    number = str(version.version)
    client.update_model_version(name, number, description)
    for key, value in tags.items():
        client.set_model_version_tag(name, number, key, value)
    client.set_registered_model_alias(name, alias, number)
    return number


def show_model(client: MlflowClient, run_id: str, model_id: str) -> None:
    """Lists the model among the run's outputs."""
    shown = client.get_run(run_id).outputs
    if model_id not in {output.model_id for output in (shown.model_outputs if shown else ())}:
        client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])


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
