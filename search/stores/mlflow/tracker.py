"""`Tracker`: what MLflow is told of studies and trials, and when."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import trainer
from search.addresses.urls import TRAINING_VIEW, mlflow_experiment, mlflow_run
from search.folder.record import StudyRecord, TrialRecord
from search.stores.marked import merged
from search.stores.mlflow import contents
from search.stores.mlflow.contents import Point
from search.stores.mlflow.errors import RefusedError
from search.stores.mlflow.runs import Runs, Status, TrialRun, ms, status_of
from search.stores.mlflow.system_metrics import Sample
from trainer.events import Epoch

if TYPE_CHECKING:
    from search.stores.mlflow.store import MlflowStore


class Known(NamedTuple):
    """A study in MLflow: its experiment, its parent run and what describes that, and its trials' runs by number."""

    experiment_id: str
    run_id: str
    trials: dict[int, str]
    note: str = ""


class Tracker:
    """Tells MLflow of studies and trials: an experiment a study, a parent run for the study, a child run a trial.

    Telling twice is telling once, in one process or in two: runs are found by their tags, points are the same to the
    millisecond, and a run's status is set last, so that a run with a final status has everything. A trial that is
    trained again after an interruption (a later `started_at`) gets a new run; the old one is deleted, which in MLflow
    means hidden. What a person deletes stays deleted, and what a person writes beside our words stays.

    All methods but `run_url` belong to one thread. Nothing connects before the first of them is called; mlflow is
    imported then.

    Every method raises `StorageError` where MLflow does not answer: tell again later, from the start, in any order. The
    subclass `RefusedError` says that telling again will not help.

    Args:
        tracking_uri: `sqlite:///...`, another database's address, or `http(s)://...`.
        artifact_root: where a database's artifacts go; None with a server, which has a place of its own.
        with_pictures: whether trials get learning curves and a confusion matrix (0.3 s of processor time).
    """

    def __init__(self, tracking_uri: str, artifact_root: Path | None, *, with_pictures: bool = True) -> None:
        self.tracking_uri = tracking_uri
        self._with_pictures = with_pictures
        self.runs = Runs(tracking_uri, artifact_root)

    @property
    def _store(self) -> MlflowStore:
        return self.runs.store

    def open_study(self, study: StudyRecord) -> str:
        """The study's experiment and parent run, RUNNING. Returns the parent run's id.

        The first time in a process, trials that another controller left RUNNING are marked KILLED: none can run now.
        """
        return self.runs.open_study(study)

    def discard_study(self, study: StudyRecord) -> None:
        """Hides a study that was made now, for a run that is refused before its first trial."""
        if study.name in self.runs.made and study.name in self.runs.pages:
            self._store.hide_experiment(self.runs.pages[study.name][0])

    def begin_trial(self, study: StudyRecord, record: TrialRecord) -> str:
        """The trial's run, RUNNING, with all params and tags. Returns its id."""
        return self.runs.tell(study, record, lambda trial: trial.run_id)

    def log_epochs(self, run_id: str, epochs: Sequence[Epoch], started_at: float) -> None:
        """The metrics of a trial's epochs.

        Args:
            run_id: from `begin_trial`.
            epochs: all so far, from the first on. Those that this tracker has told are not sent again.
            started_at: the record's.
        """
        trial = self.runs.known(run_id)
        told = trial.epochs_told if trial else 0
        points = contents.epoch_points(epochs, started_at)
        self._store.log(run_id, [point for point in points if point.step > told])
        if trial and epochs:
            trial.epochs_told = max(told, epochs[-1].epoch)

    def log_system(self, run_id: str, samples: Sequence[Sample], started_at: float) -> None:
        """The machine's metrics while a trial ran; the step is the second of the trial."""
        points = [
            Point(key, value, ms(sample.at_s), max(0, round(sample.at_s - started_at)))
            for sample in samples
            for key, value in sample.values.items()
        ]
        self._store.log(run_id, points)

    def follow_trial(self, study: StudyRecord, record: TrialRecord, samples: Sequence[Sample] = ()) -> str:
        """The metrics of a trial's epochs so far, and of the machine meanwhile. Returns its run's id."""

        def tell(trial: TrialRun) -> str:
            self.log_epochs(trial.run_id, record.epochs, record.started_at)
            if samples:
                self.log_system(trial.run_id, samples, record.started_at)
            return trial.run_id

        return self.runs.tell(study, record, tell)

    def finish_trial(self, study: StudyRecord, record: TrialRecord) -> str:
        """Everything that there is to tell of a trial that is over, and the status of its run. Returns its id.

        FINISHED, FAILED, or KILLED where the training was stopped.
        """
        class_names = study.data.class_names

        def tell(trial: TrialRun) -> str:
            if not trial.ended:
                self.log_epochs(trial.run_id, record.epochs, record.started_at)
                self._store.log(trial.run_id, contents.end_points(record, class_names), tags=contents.end_tags(record))
                files = contents.trial_files(record, class_names, with_pictures=self._with_pictures)
                self._store.log_files(trial.run_id, files)
                self._store.set_status(trial.run_id, status_of(record), ms(record.finished_at or record.started_at))
                trial.ended = True
            return trial.run_id

        return self.runs.tell(study, record, tell)

    def close_study(
        self,
        study: StudyRecord,
        status: Status,
        summary_markdown: str,
        metrics: Mapping[str, float],
        ended_at: float | None = None,
        headline: str = "",
    ) -> None:
        """The parent run's end: our part of its description, its metrics (those that changed) and its status.

        Args:
            study: whose run ends.
            status: of the run.
            summary_markdown: the description.
            metrics: the run's.
            ended_at: when the last trial ended, in seconds since 1970, which is when the study did, whenever it is
                told; None: now.
            headline: what the metrics are of, for a tag; empty: no tag.

        Raises:
            RefusedError: a person deleted it, in MLflow.
        """
        opened = self.runs.opened(study)
        found = self.runs.parents(opened.experiment_id, study)
        run = next((run for run in found if run.run_id == opened.run_id), None)
        if run is None:
            raise RefusedError(self.runs.deleted(f"the run of the study {study.name}", opened.run_id))
        now_ms = ms(time.time())  # of two values MLflow takes the later one
        points = [Point(key, value, now_ms, 0) for key, value in metrics.items() if run.metrics.get(key) != value]
        tags = _described(run.tags.get(contents.NOTE, ""), summary_markdown, study)
        self._store.log(run.run_id, points, tags={**tags, **({"metrics_of": headline} if headline else {})})
        self._store.set_status(run.run_id, status, now_ms if ended_at is None else ms(ended_at))

    def end_study(self, study: StudyRecord, status: Status, ended_at: float | None) -> None:
        """The parent run's status alone, after trials were told late. `ended_at`: as in `close_study`."""
        end_ms = ms(time.time() if ended_at is None else ended_at)
        self._store.set_status(self.runs.opened(study).run_id, status, end_ms)

    def log_study_files(self, study: StudyRecord, files: Mapping[str, bytes]) -> None:
        """Files of the study, by name, as artifacts of its parent run; they take the place of older ones."""
        self._store.log_files(self.runs.opened(study).run_id, files)

    def pages(self, name: str, runs: Mapping[int, str]) -> tuple[str | None, dict[int, str]]:
        """The pages of a study that this tracker told of or looked up, and of its trials' runs. Connects to nothing."""
        if name not in self.runs.pages:
            return None, {}
        experiment_id, study_run = self.runs.pages[name]
        found = {n: mlflow_run(self.tracking_uri, experiment_id, run_id) for n, run_id in runs.items()}
        return mlflow_run(self.tracking_uri, experiment_id, study_run), found

    def experiment_page(self, name: str) -> str | None:
        """MLflow's table of the runs of a study that this tracker told of or looked up. Connects to nothing."""
        found = self.runs.pages.get(name)
        return mlflow_experiment(self.tracking_uri, found[0]) if found else None

    def look_up(self, name: str, uid: str = "") -> Known | None:
        """A study that was recorded; None where there is none, or it was deleted. Changes nothing.

        Args:
            name: of the study.
            uid: its id; empty: it has none.
        """
        experiment_id = self._store.find_experiment(name, uid)
        mine = {contents.UID: uid} if uid else {"study": name}
        parents = self._store.runs(experiment_id, {**mine, "role": "study"}) if experiment_id else []
        if experiment_id is None or not parents:
            return None
        run_id = parents[-1].run_id  # the oldest, as in `open_study`
        trials = self._store.runs(experiment_id, {"mlflow.parentRunId": run_id})
        by_number = {int(run.tags["trial"]): run.run_id for run in reversed(trials) if "trial" in run.tags}
        self.runs.pages[name] = experiment_id, run_id
        return Known(experiment_id, run_id, by_number, parents[-1].tags.get(contents.NOTE, ""))

    def show_answer(self, known: Known, files: Mapping[str, bytes], markdown: str) -> None:
        """The files and our part of the description of a study's parent run, whose status stays as it is."""
        self._store.log_files(known.run_id, files)
        self._store.log(known.run_id, tags=_described(known.note, markdown))

    def log_model(
        self,
        study: StudyRecord,
        record: TrialRecord,
        model_file: Path,
        class_names: Sequence[str],
        example: Path | None = None,
    ) -> str:
        r"""The model of a finished trial, as an MLflow model that stands with its run and with the study's.

        It takes a column `image`, the bytes of an image file (in JSON: base64), and gives `class` and one column
        of probabilities a class. After `mlflow models serve --env-manager local -p 5001 -m models:/ID`:

            curl -s http://127.0.0.1:5001/invocations -H 'Content-Type: application/json' \
                -d "{\"dataframe_records\": [{\"image\": \"$(base64 -w0 cell.jpeg)\"}]}"

        Args:
            study: the trial's.
            record: of a trial that is finished.
            model_file: in Keras's own format.
            class_names: in the order of the model's outputs.
            example: an image file to show as the model's input example.

        Returns:
            The model's id, for the address `models:/ID`.
        """
        from search.stores.mlflow.models import ModelFiles

        def tell(trial: TrialRun) -> str:
            files = ModelFiles(
                name=study.name,
                key=f"{study.name}-{record.number}-{trial.start_ms}",
                keras_file=model_file,
                package=Path(trainer.__file__).parent,
                class_names=class_names,
                requirements=_requirements(record),
                example=example.read_bytes() if example else None,
                params=contents.trial_params(record),
                tags=contents.trial_tags(study, record),
                points=contents.end_points(record, class_names),
            )
            model_id = self._store.log_model(trial.run_id, files)
            for run_id in (trial.run_id, self.runs.opened(study).run_id):
                self._store.show_model(run_id, model_id)
            return model_id

        return self.runs.tell(study, record, tell)

    def register(self, model_id: str, name: str, alias: str, description: str, tags: Mapping[str, str]) -> str:
        """Registers a logged model: from then on `models:/NAME@ALIAS` is it. Returns the number of its version."""
        short = {key: value[: contents.TAG_LENGTH] for key, value in tags.items()}
        return self._store.register(model_id, name, alias, description[: contents.TAG_LENGTH], short)

    def run_url(self, run_id: str) -> str | None:
        """The page of a run that this tracker told of. None with a database of our own: `python -m search.ui` opens it.

        Connects to nothing; may be called from any thread.
        """
        experiment_id = self.runs.experiment_of_run.get(run_id)
        if experiment_id is None or not self.tracking_uri.startswith(("http://", "https://")):
            return None
        return mlflow_run(self.tracking_uri, experiment_id, run_id).removesuffix(f"?{TRAINING_VIEW}")

    def close(self) -> None:
        """Lets go of connections. The tracker may be used again."""
        self.runs.close()


def _described(there: str, text: str, study: StudyRecord | None = None) -> dict[str, str]:
    """The tag with a description. One without marks is an older version's where it begins as ours do."""
    ours = there.splitlines()[:1] == text.splitlines()[:1] or (study is not None and there.startswith(study.question))
    return {contents.NOTE: merged(there, text, ours=ours, limit=contents.TAG_LENGTH)}


def _requirements(record: TrialRecord) -> list[str]:
    """What serving the model needs, in the versions that made it."""
    versions = {
        name: metadata.version(name)
        for name in ("mlflow", "numpy", "opencv-python-headless", "pandas", "pillow", "pydantic")
    }
    trainers = record.ready.versions
    versions |= {name: trainers[name] for name in ("numpy", "keras", record.ready.backend) if name in trainers}
    return [f"{name}=={version.partition('+')[0]}" for name, version in sorted(versions.items())]
