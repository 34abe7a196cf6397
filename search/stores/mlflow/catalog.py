"""Every study of an MLflow, whoever ran it; hiding one; and removing for good what is hidden."""

# MLflow's stores carry no types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run, ViewType
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from search.stores.known import KnownStudy
from search.stores.marked import parted
from search.stores.mlflow.contents import FOLDER, NOTE, OWNER, UID
from search.stores.mlflow.refusals import refusals
from search.stores.mlflow.store import MlflowStore

PAGE = 1000  # runs, and experiments
STATES = {"RUNNING": "running", "FINISHED": "finished"}  # of a study's run; any other is a stop


@dataclass(frozen=True)
class Hidden:
    """What MLflow hides since somebody deleted it, and what of that may be removed for good.

    Attributes:
        experiments: ids of hidden studies.
        names: theirs.
        runs: ids of hidden runs: all of those studies, and of others the earlier attempts at a trial.
        kept: sentences: what is hidden and stays, and why.
    """

    experiments: tuple[str, ...]
    names: tuple[str, ...]
    runs: tuple[str, ...]
    kept: tuple[str, ...]


class Catalog:
    """The studies of one MLflow. A context manager, connected within.

    Every method raises `StorageError` where MLflow does not answer.

    Args:
        uri: as of `MlflowStore`.
        artifact_root: likewise.
    """

    def __init__(self, uri: str, artifact_root: Path | None) -> None:
        self._uri, self._artifact_root = uri, artifact_root

    def __enter__(self) -> Catalog:
        self._store = MlflowStore(self._uri, self._artifact_root)
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    @property
    def _client(self) -> MlflowClient:
        return self._store.client

    def _experiments(self, view: int) -> Iterator[Experiment]:
        token = None
        while True:
            page = self._client.search_experiments(view, max_results=PAGE, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _runs(self, experiments: Iterable[str], text: str, view: int) -> Iterator[Run]:
        ids = list(experiments)
        token = None
        while ids:
            page = self._client.search_runs(ids, text, view, max_results=PAGE, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def answers(self) -> None:
        """Whether the server answers, asked for next to nothing."""
        with refusals(self._uri):
            self._client.search_experiments(max_results=1)

    def studies(self) -> list[KnownStudy]:
        """All of them, by name, also those that are hidden: their state is `deleted`."""
        with refusals(self._uri):
            experiments = {one.experiment_id: one for one in self._experiments(ViewType.ALL)}
            parents: dict[str, Run] = {}
            for run in self._runs(experiments, "tags.role = 'study'", ViewType.ALL):
                before = parents.get(run.info.experiment_id)
                there = run.info.lifecycle_stage == "active"
                if before is None or (there and before.info.lifecycle_stage != "active"):
                    parents[run.info.experiment_id] = run
            found = [_known(one, parents.get(key)) for key, one in experiments.items() if _is_study(one, key, parents)]
        return sorted(found, key=lambda study: study.name)

    def hide(self, known: KnownStudy) -> bool:
        """Deletes a study's experiment, which in MLflow means hidden. Its name is free then. Whether it was there."""
        with refusals(self._uri):
            experiment = self._client.get_experiment(known.key)
            if experiment.lifecycle_stage != "active" or experiment.tags.get(UID, "") != known.uid:
                return False
        self._store.hide_experiment(known.key)
        return True

    def hidden(self) -> Hidden:
        """What this project's studies have left hidden.

        A run of a study that is there, which a person deleted, stays hidden: removed for good, it would be told again.
        """
        with refusals(self._uri):
            registered = {
                version.run_id: f"{version.name} version {version.version}"
                for model in self._client.search_registered_models()
                for version in self._client.search_model_versions(f"name = '{model.name}'")
            }
            gone, names, runs, kept = [], [], [], []
            deleted = [one for one in self._experiments(ViewType.DELETED_ONLY) if UID in one.tags]
            for experiment in deleted:
                mine = [run.info.run_id for run in self._runs([experiment.experiment_id], "", ViewType.ALL)]
                used = sorted({registered[run_id] for run_id in mine if run_id in registered})
                if used:
                    kept.append(f"{experiment.name}: its model is registered as {', '.join(used)}")
                    continue
                gone.append(experiment.experiment_id)
                names.append(str(experiment.name))
                runs += mine
            there = [one.experiment_id for one in self._experiments(ViewType.ACTIVE_ONLY) if UID in one.tags]
            hidden = list(self._runs(there, "", ViewType.DELETED_ONLY))
            again = {_trial(run) for run in self._runs(there, "", ViewType.ACTIVE_ONLY)} if hidden else set()
            runs += [run.info.run_id for run in hidden if _trial(run) in again]
            left = sum(_trial(run) not in again for run in hidden)
            if left:
                kept.append(f"{left} runs that were deleted in MLflow, of studies that are there")
            return Hidden(tuple(gone), tuple(names), tuple(runs), tuple(kept))

    def remove(self, hidden: Hidden) -> None:
        """Removes it for good, with its artifacts and models, as MLflow's own command `mlflow gc` does.

        Only a database can do so; a server's does it beside the server.
        """
        import mlflow.cli
        from mlflow.tracking._tracking_service.utils import _get_store

        with refusals(self._uri), contextlib.redirect_stdout(io.StringIO()):
            store = _get_store(self._uri)
            assert isinstance(store, SqlAlchemyStore)
            places = [
                model.artifact_location
                for one in hidden.experiments
                for model in self._client.search_logged_models([one], max_results=PAGE)
            ]
            mlflow.cli._gc_tracking_resources(
                backend_store=store,
                run_ids=list(hidden.runs),
                experiment_ids=list(hidden.experiments),
                logged_model_ids=[],
                older_than=None,
                time_delta=0,
                skip_experiments=not hidden.experiments,
                skip_logged_models=True,
            )
        for place in places:
            self._remove_model(str(place))

    def _remove_model(self, place: str) -> None:
        """The files of a model, which go with its experiment from the database alone. Only below our own folder, where
        the experiment of another study may have the same name, and so the same folder.
        """
        if self._artifact_root is None or not place.startswith("file:"):
            return
        folder = Path(unquote(urlsplit(place).path))
        if folder.is_relative_to(self._artifact_root.absolute()):
            shutil.rmtree(folder, ignore_errors=True)


def _is_study(experiment: Experiment, key: str, parents: dict[str, Run]) -> bool:
    return UID in experiment.tags or key in parents


def _trial(run: Run) -> tuple[str | None, str | None]:
    """What a run is of: a trial of a study's run; equal for the attempts at one."""
    return run.data.tags.get("mlflow.parentRunId"), run.data.tags.get("trial")


def _known(experiment: Experiment, parent: Run | None) -> KnownStudy:
    tags = dict(parent.data.tags) if parent else {}
    metrics = dict(parent.data.metrics) if parent else {}
    hidden = experiment.lifecycle_stage != "active" or (parent is not None and parent.info.lifecycle_stage != "active")
    counted = "trials_complete" in metrics
    return KnownStudy(
        key=str(experiment.experiment_id),
        name=str(experiment.name),
        study=tags.get("study", str(experiment.name)),
        uid=experiment.tags.get(UID, ""),
        owner=tags.get(OWNER, tags.get("mlflow.user", "")),
        place=tags.get(FOLDER, ""),
        question=_question(experiment.tags.get(NOTE) or ""),
        state="deleted" if hidden else STATES.get(parent.info.status, "stopped") if parent else "stopped",
        trials=int(metrics.get("trials", 0)),
        complete=int(metrics["trials_complete"]) if counted else None,
        failed=int(metrics.get("trials_failed", 0)) if counted else None,
    )


def _question(note: str) -> str:
    """The first line of our part of a description."""
    return (parted(note)[1] or note).strip().partition("\n")[0]
