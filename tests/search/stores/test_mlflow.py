"""What MLflow holds after a `Tracker` told it: on SQLite here, on Postgres, and over HTTP in test_ui.py."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

from search.errors import StorageError
from search.folder.record import StudyRecord, TrialRecord
from search.stores.marked import marked
from search.stores.mlflow import AddressError, DeletedError, RefusedError, SystemSampler, Tracker
from search.stores.mlflow.contents import MODES, PACKED, as_json, metric_names, study_note
from search.stores.mlflow.system_metrics import Sample
from tests.search.fabricate import CLASSES, data_info, study_record, trial_record
from trainer.config import TrainConfig

# MLflow 3.17 uses what SQLAlchemy 2.1 will drop.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

ROOT = Path(__file__).resolve().parents[3]
NAMES = (f"study-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One MLflow for all tests, each with a study of its own: making the tables takes seconds."""
    return tmp_path_factory.mktemp("tracker") / "Ada's runs"


@pytest.fixture
def uri(folder: Path) -> str:
    return f"sqlite:///{folder}/mlflow.db"


@pytest.fixture
def new_tracker(uri: str, folder: Path) -> Callable[..., Tracker]:
    """Makes trackers that know nothing of each other, as after a restart."""

    def make(**options: Any) -> Tracker:
        return Tracker(uri, folder / "artifacts", **{"with_pictures": False, **options})

    return make


@pytest.fixture
def tracker(new_tracker: Callable[..., Tracker]) -> Tracker:
    return new_tracker()


@pytest.fixture
def client(tracker: Tracker) -> MlflowClient:
    return tracker.runs.store.client


@pytest.fixture
def study() -> StudyRecord:
    return study_record(name=next(NAMES))


def trial(study: StudyRecord, number: int = 0, **options: Any) -> TrialRecord:
    return trial_record(number, study=study.name, **options)


def children(client: MlflowClient, study: StudyRecord, view: int = ViewType.ACTIVE_ONLY) -> list[Any]:
    experiment = client.get_experiment_by_name(study.name)
    return list(client.search_runs([experiment.experiment_id], "tags.trial LIKE '%'", run_view_type=view))


def history(client: MlflowClient, run_id: str) -> dict[str, list[tuple[int, int, float]]]:
    """Every point of every metric of a run: step, time in ms, value."""
    keys = client.get_run(run_id).data.metrics
    return {
        key: [(m.step, m.timestamp, m.value) for m in client.get_metric_history(run_id, key)] for key in sorted(keys)
    }


def everything(client: MlflowClient, study: StudyRecord) -> list[Any]:
    """All that MLflow holds of a study's trials, but for what it makes up: run ids and the parent's."""
    found = []
    for run in children(client, study):
        tags = {key: value for key, value in run.data.tags.items() if key != "mlflow.parentRunId"}
        files = {file.path: file.file_size for file in client.list_artifacts(run.info.run_id)}
        inputs = [
            (item.dataset.name, item.dataset.digest) for item in client.get_run(run.info.run_id).inputs.dataset_inputs
        ]
        info = (run.info.run_name, run.info.status, run.info.start_time, run.info.end_time)
        found.append((info, tags, run.data.params, history(client, run.info.run_id), files, inputs))
    return sorted(found, key=str)


# ------------------------------------------------------------------------------------------------------------- contents


def test_a_finished_trial_is_told_in_full(
    new_tracker: Callable[..., Tracker], client: MlflowClient, study: StudyRecord, tmp_path: Path
) -> None:
    tracker = new_tracker(with_pictures=True)
    record = trial(study, 3, params={"pooling": "blur"}, seed=2, n_epochs=5)
    run_id = tracker.begin_trial(study, record)
    assert client.get_run(run_id).info.status == "RUNNING"
    assert tracker.finish_trial(study, record) == run_id

    run = client.get_run(run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "blur s2")
    assert (run.info.start_time, run.info.end_time) == (record.started_at * 1000, record.finished_at * 1000)
    assert run.data.params.keys() == TrainConfig.model_fields.keys() - {"trial"}
    assert run.data.params["pooling"] == "blur"
    assert run.data.params["learning_rate"] == "0.0005"
    assert run.data.params["early_stopping_patience"] == "None"

    assert run.data.tags["mlflow.parentRunId"] == tracker.open_study(study)
    shown = {key: value for key, value in run.data.tags.items() if key not in ("mlflow.parentRunId", "mlflow.user")}
    assert shown == {
        "study": study.name, "trial": "3", "role": "replicate", "state": "COMPLETE", "slot": "0",
        "data": "blood-cells", "data_fingerprint": study.data.fingerprint, "demo": "false",
        "photographs": "by the files' names", "leaks_policy": "stop",
        "device": "cpu", "device_name": "x86_64", "backend": "tensorflow", "vram": "not measured: no GPU",
        "keras_version": "3.15.1", "tensorflow_version": "2.21.0", "numpy_version": "2.4.6", "python_version": "3.11.7",
        "optuna_version": "5.0.0", "mlflow_version": "3.17.2",
        "mlflow.runName": "blur s2", "mlflow.source.git.commit": "f" * 40,
        "mlflow.source.name": "python -m search.run", "mlflow.source.type": "LOCAL", "mlflow.note.content": MODES,
    }  # fmt: skip

    points = history(client, run_id)
    for key in ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "system/epoch_s", "system/images_per_s"):
        told = [(e.epoch, getattr(e, key.removeprefix("system/"))) for e in record.epochs]
        assert [(step, value) for step, _, value in points[key]] == told
    assert [time_ms - record.started_at * 1000 for _, time_ms, _ in points["val_loss"]] == [
        1250,
        2500,
        3750,
        5000,
        6250,
    ]
    splits = record.finished.splits
    metrics = run.data.metrics
    assert metrics["test_accuracy"] == splits["test"].accuracy
    assert metrics["final_train_accuracy"] == splits["train"].accuracy
    assert metrics["final_val_accuracy"] == splits["val"].accuracy
    assert metrics["gap"] == splits["train"].accuracy - splits["test"].accuracy
    assert metrics["train_macro_f1"] == splits["train"].macro_f1
    assert metrics["final_val_macro_f1"] == splits["val"].macro_f1, "its curve has the plain name"
    assert [metrics[f"test_recall_{name}"] for name in CLASSES] == splits["test"].recall
    assert (metrics["parameters"], metrics["flops_per_image"], metrics["train_s"]) == (98_765, 31_000_000, 6.25)
    assert [key for key in metrics if "vram" in key] == []

    files = Path(client.download_artifacts(run_id, "", str(tmp_path)))
    assert sorted(file.name for file in files.iterdir()) == [
        "confusion_matrix.png",
        "learning_curves.png",
        "measures.json",
    ]
    told = json.loads((files / "measures.json").read_text())
    assert told.pop("class_names") == list(CLASSES)
    assert told == record.finished.model_dump(mode="json", exclude=PACKED)

    (item,) = run.inputs.dataset_inputs
    assert (item.dataset.name, item.dataset.digest) == ("blood-cells", study.data.fingerprint[:16])
    assert json.loads(item.dataset.profile)["photographs"] == {"train": 48, "val": 12, "test": 20}
    assert json.loads(item.dataset.profile)["fingerprint"] == study.data.fingerprint
    assert json.loads(item.dataset.source) == {"uri": "/data/blood cells"}


def test_vram_is_told_where_there_is_a_gpu(tracker: Tracker, client: MlflowClient, study: StudyRecord) -> None:
    run_id = tracker.finish_trial(study, trial(study, n_epochs=3, gpu=True))
    run = client.get_run(run_id)
    assert run.data.tags["vram"] == "measured"
    assert (run.data.metrics["vram_peak_mib"], run.data.metrics["vram_process_mib"]) == (1830.5, 2410.0)
    assert [(step, value) for step, _, value in history(client, run_id)["vram_peak_mib"]] == [
        (1, 1829.0), (2, 1829.0), (3, 1829.0), (3, 1830.5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("end", "status", "tags", "metrics"),
    [
        ("error", "FAILED", {"state": "FAIL", "failure_kind": "error", "failure": "ValueError: no"}, {}),
        ("out_of_memory", "FAILED", {"state": "PRUNED", "failure_kind": "out_of_memory"}, {"requested_mib": 4096.0}),
        ("stopped", "KILLED", {"state": "PRUNED"}, {}),
    ],
)
def test_a_trial_that_did_not_finish(
    tracker: Tracker, client: MlflowClient, study: StudyRecord, end: str, status: str, tags: Any, metrics: Any
) -> None:
    run = client.get_run(tracker.finish_trial(study, trial(study, end=end, n_epochs=2)))
    assert run.info.status == status
    assert tags.items() <= run.data.tags.items()
    assert metrics.items() <= run.data.metrics.items()
    assert "test_accuracy" not in run.data.metrics
    files = [file.path for file in client.list_artifacts(run.info.run_id)]
    assert files == ([] if end == "stopped" else ["traceback.txt"])


def test_the_demo_says_so(tracker: Tracker, client: MlflowClient, study: StudyRecord) -> None:
    demo = dataclasses.replace(study, data=data_info(is_demo=True, name="demo"), git_commit=None)
    parent = client.get_run(tracker.open_study(demo))
    child = client.get_run(tracker.finish_trial(demo, trial(demo)))
    assert parent.data.tags["demo"] == child.data.tags["demo"] == "true"
    assert json.loads(child.inputs.dataset_inputs[0].dataset.profile)["demo"] is True
    assert "mlflow.source.git.commit" not in child.data.tags


def test_what_stands_beside_every_figure_stands_in_the_note(study: StudyRecord) -> None:
    data = dataclasses.replace(
        study.data, is_demo=True, caveats=("Two photographs are in TRAIN and in TEST, and were kept.",)
    )
    assert study_note(dataclasses.replace(study, data=data)) == (
        f"{study.question}\n\n**The demo set: drawn cells. This says nothing about blood.**\n\n"
        f"**Two photographs are in TRAIN and in TEST, and were kept.**\n\n`{study.command}`"
    )


def test_the_study_has_an_experiment_and_a_parent_run(
    tracker: Tracker, client: MlflowClient, study: StudyRecord, folder: Path
) -> None:
    parent = client.get_run(tracker.open_study(study))
    experiment = client.get_experiment_by_name(study.name)
    assert parent.info.experiment_id == experiment.experiment_id
    assert experiment.artifact_location == (folder / "artifacts" / study.name).as_uri()
    assert study.question in experiment.tags["mlflow.note.content"]
    assert (parent.info.status, parent.info.run_name) == ("RUNNING", study.name)
    assert parent.data.params == {
        "epochs": "10",
        "design.seeds": "3",
        "design.scientific": '{"pooling": {"levels": ["max", "average"], "reference": "max"}}',
    }
    assert parent.data.tags["command"] == study.command
    (file,) = client.list_artifacts(parent.info.run_id)
    assert json.loads(
        (folder / "artifacts" / study.name / parent.info.run_id / "artifacts" / file.path).read_text()
    ) == (study.design)


def test_a_study_ends_and_goes_on(
    new_tracker: Callable[..., Tracker], client: MlflowClient, study: StudyRecord
) -> None:
    tracker = new_tracker()
    parent = tracker.open_study(study)
    for _ in range(2):  # the second changes nothing
        tracker.close_study(study, "FINISHED", "## Yes", {"trials": 6, "best": 0.7})
    run = client.get_run(parent)
    assert (run.info.status, run.data.tags["mlflow.note.content"]) == ("FINISHED", marked("## Yes"))
    assert {key: len(points) for key, points in history(client, parent).items()} == {"best": 1, "trials": 1}

    again = new_tracker()
    assert again.open_study(study) == parent
    assert client.get_run(parent).info.status == "RUNNING"
    again.close_study(study, "KILLED", "## Perhaps", {"trials": 8, "best": 0.6})
    run = client.get_run(parent)
    assert (run.info.status, run.data.metrics) == ("KILLED", {"trials": 8, "best": 0.6})


def test_more_than_a_batch_takes(tracker: Tracker, client: MlflowClient, study: StudyRecord) -> None:
    classes = tuple(f"class {n}" for n in range(120))
    wide = dataclasses.replace(study, data=data_info(class_names=classes))
    record = trial(study, n_epochs=400, classes=classes)
    run_id = tracker.finish_trial(wide, record)
    metrics = client.get_run(run_id).data.metrics
    assert sum(key.startswith("test_recall_class") for key in metrics) == 120
    assert len(client.get_metric_history(run_id, "val_loss")) == 400


def test_class_names_that_mlflow_does_not_take() -> None:
    assert metric_names(["a/b", "a:b", "a_b", "é ü", "x.y-z"]) == ["a_b", "a_b_", "a_b__", "é ü", "x.y-z"]


def test_text_that_is_too_long_is_cut(tracker: Tracker, client: MlflowClient, study: StudyRecord) -> None:
    record = trial(study, end="error")
    failed = record.events[-1].model_copy(update={"message": "x" * 9000})
    run_id = tracker.finish_trial(study, dataclasses.replace(record, events=(*record.events[:-1], failed)))
    assert client.get_run(run_id).data.tags["failure"] == "x" * 7997 + "..."


def test_json_keeps_names_readable() -> None:
    assert as_json({"é": (1, 2)}) == '{\n "é": [\n  1,\n  2\n ]\n}'.encode()


# -------------------------------------------------------------------------------------------------- told twice, crashes


def test_telling_twice_is_telling_once(
    new_tracker: Callable[..., Tracker], client: MlflowClient, study: StudyRecord
) -> None:
    record = trial(study, n_epochs=4, gpu=True)
    tracker = new_tracker()
    tracker.open_study(study)
    run_id = tracker.finish_trial(study, record)
    once = everything(client, study)
    for other in (tracker, new_tracker(), new_tracker()):
        assert other.begin_trial(study, record) == run_id
        other.log_epochs(run_id, record.epochs, record.started_at)
        assert other.finish_trial(study, record) == run_id
    assert everything(client, study) == once
    assert len(once) == 1


def test_epochs_come_one_by_one_as_at_once(tracker: Tracker, client: MlflowClient, study: StudyRecord) -> None:
    record = trial(study, n_epochs=5)
    run_id = tracker.begin_trial(study, record)
    for so_far in range(1, 6):
        tracker.log_epochs(run_id, record.epochs[:so_far], record.started_at)
    tracker.finish_trial(study, record)
    in_steps = everything(client, study)
    other = dataclasses.replace(study, name=f"{study.name}-at-once")
    tracker.finish_trial(other, dataclasses.replace(record, study=other.name))
    at_once = everything(client, other)
    assert [found[3:] for found in in_steps] == [found[3:] for found in at_once]


class Crash(Exception):
    """The controller is gone."""


class CrashingStore:
    """Passes calls on to a store, and ends the process after one of them (0: before the first)."""

    def __init__(self, store: Any, last: int) -> None:
        self.store, self.last, self.calls = store, last, 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)

        def call(*args: Any, **options: Any) -> Any:
            if self.calls == self.last:
                raise Crash
            self.calls += 1
            return method(*args, **options)

        return call


def live(tracker: Tracker, study: StudyRecord, record: TrialRecord) -> None:
    """A study of one trial, told as it goes."""
    tracker.open_study(study)
    run_id = tracker.begin_trial(study, record)
    for so_far in range(1, len(record.epochs) + 1):
        tracker.log_epochs(run_id, record.epochs[:so_far], record.started_at)
    tracker.log_system(run_id, [Sample(record.started_at + 1, {"system/cpu": 50.0})], record.started_at)
    tracker.finish_trial(study, record)


def test_a_crash_anywhere_leaves_nothing_lost_and_nothing_twice(
    new_tracker: Callable[..., Tracker], client: MlflowClient, study: StudyRecord
) -> None:
    untroubled = new_tracker()
    counting = untroubled.runs.__dict__["store"] = CrashingStore(untroubled.runs.store, -1)
    record = trial(study, n_epochs=2)
    live(untroubled, study, record)
    wanted = everything(client, study)
    assert counting.calls > 10
    for last in range(counting.calls):
        other = dataclasses.replace(study, name=f"{study.name}-{last}")
        crashing = new_tracker()
        crashing.runs.__dict__["store"] = CrashingStore(crashing.runs.store, last)
        with pytest.raises(Crash):
            live(crashing, other, record)
        live(new_tracker(), other, record)
        found = everything(client, other)
        for run in (*found, *wanted):
            run[1].pop("study", None)
        assert found == wanted, f"a crash after call {last}"
        assert len(client.search_runs([client.get_experiment_by_name(other.name).experiment_id])) == 2


def test_an_interrupted_trial_that_is_trained_again_is_one_run(
    new_tracker: Callable[..., Tracker], client: MlflowClient, study: StudyRecord
) -> None:
    first = trial(study, end="running", n_epochs=3)
    again = dataclasses.replace(trial(study), started_at=first.started_at + 100, finished_at=first.started_at + 150)
    for tracker in (same := new_tracker(), same):
        old = tracker.begin_trial(study, first)
        tracker.log_epochs(old, first.epochs, first.started_at)
        break
    new = same.finish_trial(study, again)
    assert [run.info.run_id for run in children(client, study)] == [new] != [old]
    assert len(children(client, study, ViewType.ALL)) == 2
    assert len(client.get_metric_history(new, "val_loss")) == 10


def test_trials_that_a_dead_controller_left_running_are_killed(
    new_tracker: Callable[..., Tracker], client: MlflowClient, study: StudyRecord
) -> None:
    dead = new_tracker()
    left, finished = trial(study, 1, end="running"), trial(study, 2)
    run_id, over = dead.begin_trial(study, left), dead.begin_trial(study, dataclasses.replace(finished, events=()))
    fresh = new_tracker()
    fresh.open_study(study)
    assert {client.get_run(run).info.status for run in (run_id, over)} == {"KILLED"}
    assert client.get_run(run_id).data.tags["state"] == "interrupted"
    assert fresh.finish_trial(study, finished) == over  # the journal had its end
    assert client.get_run(over).info.status == "FINISHED"
    assert client.get_run(over).data.tags["state"] == "COMPLETE"
    running = fresh.begin_trial(study, trial(study, 3, end="running"))
    fresh.open_study(study)
    assert client.get_run(running).info.status == "RUNNING"  # of this process, not of a dead one


# ------------------------------------------------------------------------------------------------- what people do there


def test_a_run_that_someone_deletes_stays_deleted(
    new_tracker: Callable[..., Tracker], client: MlflowClient, study: StudyRecord
) -> None:
    record = trial(study, n_epochs=3)
    begun = dataclasses.replace(record, events=record.events[:-1])
    tracker = new_tracker()
    run_id = tracker.begin_trial(study, begun)
    client.delete_run(run_id)
    for tell in (tracker.follow_trial, tracker.finish_trial, new_tracker().finish_trial):
        with pytest.raises(DeletedError) as raised:
            tell(study, record)
    assert re.sub("^.*: the run", "the run", str(raised.value)) == (
        f"the run of trial 0 was deleted there. Bring it back (mlflow runs restore --run-id {run_id}, with "
        "MLFLOW_TRACKING_URI set to this address), or start the study anew with --fresh"
    )
    assert children(client, study) == []
    client.restore_run(run_id)
    assert new_tracker().finish_trial(study, record) == run_id
    assert client.get_run(run_id).info.status == "FINISHED"


def test_a_parent_run_that_someone_deletes_is_not_made_again(
    new_tracker: Callable[..., Tracker], client: MlflowClient, study: StudyRecord
) -> None:
    tracker = new_tracker()
    deleted = tracker.open_study(study)
    client.delete_run(deleted)
    words = f"the run of the study {study.name} was deleted there.*--run-id {deleted}.* --fresh"
    with pytest.raises(RefusedError, match=words):
        tracker.close_study(study, "FINISHED", "the answer", {"trials": 1.0})
    with pytest.raises(RefusedError, match=words):
        new_tracker().open_study(study)
    client.restore_run(deleted)
    assert new_tracker().open_study(study) == deleted


def test_two_folders_with_a_study_of_one_name_leave_each_other_alone(
    new_tracker: Callable[..., Tracker], client: MlflowClient, study: StudyRecord
) -> None:
    """Runs under way of the one are neither killed nor deleted by the other, and no run is of both."""
    ours = dataclasses.replace(study, uid="a" * 32)
    theirs = dataclasses.replace(study, uid="b" * 32)
    first, second = new_tracker(), new_tracker()
    parent = first.open_study(ours)
    running = first.begin_trial(ours, trial(study, end="running"))
    other = second.finish_trial(theirs, trial(study, started_at=trial(study).started_at + 100))
    run = client.get_run(running)
    assert (run.info.status, run.info.lifecycle_stage, run.data.tags["study_uid"]) == ("RUNNING", "active", "a" * 32)
    assert client.get_run(other).data.tags["mlflow.parentRunId"] != parent
    assert client.get_experiment(client.get_run(other).info.experiment_id).name == f"{study.name}-bbbbbb"
    assert client.get_experiment(run.info.experiment_id).name == study.name
    for tracker, record, trials in ((first, ours, {0: running}), (new_tracker(), theirs, {0: other})):
        known = tracker.look_up(study.name, record.uid)
        assert known is not None
        assert known.trials == trials
    assert new_tracker().look_up(study.name, "c" * 32) is None


def test_an_experiment_that_someone_renames_stays_the_studys(
    new_tracker: Callable[..., Tracker], client: MlflowClient, study: StudyRecord
) -> None:
    study = dataclasses.replace(study, uid="d" * 32)
    parent = new_tracker().open_study(study)
    experiment_id = client.get_run(parent).info.experiment_id
    client.rename_experiment(experiment_id, f"{study.name} (archive)")
    client.update_run(parent, name="my own name")
    again = new_tracker()
    run_id = again.finish_trial(study, trial(study))
    assert client.get_run(run_id).info.experiment_id == experiment_id
    assert client.get_run(run_id).data.tags["mlflow.parentRunId"] == parent
    assert client.get_experiment_by_name(study.name) is None
    again.close_study(study, "FINISHED", "## Yes", {})
    assert client.get_run(parent).info.run_name == "my own name"
    assert client.get_experiment(experiment_id).name == f"{study.name} (archive)"


def test_a_study_that_was_begun_before_there_were_ids_is_found_by_its_name(
    new_tracker: Callable[..., Tracker], client: MlflowClient, study: StudyRecord
) -> None:
    before = new_tracker()
    parent, run_id = before.open_study(study), before.finish_trial(study, trial(study))
    another = dataclasses.replace(study, uid="f" * 32)
    assert new_tracker().open_study(another) != parent
    claiming = dataclasses.replace(study, uid="e" * 32, claims=True)
    assert new_tracker().open_study(claiming) == parent
    assert new_tracker().finish_trial(claiming, trial(study)) == run_id
    assert client.get_run(parent).data.tags["study_uid"] == "e" * 32
    late = dataclasses.replace(study, uid="0" * 32, claims=True)
    assert new_tracker().open_study(late) != parent, "the first that claims it has it"


def test_what_a_person_writes_in_a_description_stays(
    new_tracker: Callable[..., Tracker], client: MlflowClient, study: StudyRecord
) -> None:
    tracker = new_tracker()
    parent = tracker.open_study(study)
    note = client.get_run(parent).data.tags["mlflow.note.content"]
    client.set_tag(parent, "mlflow.note.content", f"Read this first.\n\n{note}\n\nAda: repeat in May")
    tracker.close_study(study, "FINISHED", "## Yes", {})
    wanted = f"Read this first.\n\n{marked('## Yes')}\n\nAda: repeat in May"
    assert client.get_run(parent).data.tags["mlflow.note.content"] == wanted
    known = new_tracker().look_up(study.name)
    assert known is not None
    new_tracker().show_answer(known, {}, "## No")
    assert client.get_run(parent).data.tags["mlflow.note.content"] == wanted.replace(marked("## Yes"), marked("## No"))


def test_a_deleted_experiment_is_refused_with_a_way_out(
    new_tracker: Callable[..., Tracker], client: MlflowClient, study: StudyRecord
) -> None:
    new_tracker().open_study(study)
    experiment_id = client.get_experiment_by_name(study.name).experiment_id
    client.delete_experiment(experiment_id)
    with pytest.raises(RefusedError, match=f"restore --experiment-id {experiment_id}.* --fresh"):
        new_tracker().open_study(study)


# --------------------------------------------------------------------------------------------------------- other stores


def test_postgres(postgres: Callable[[], str], tmp_path: Path) -> None:
    study = study_record()
    plain = postgres().replace("postgresql+psycopg2://", "postgresql://")  # SQLAlchemy would take psycopg 3 for it
    tracker = Tracker(plain, tmp_path / "artifacts", with_pictures=False)
    record = trial(study, gpu=True)
    for teller in (tracker, Tracker(plain, tmp_path / "artifacts", with_pictures=False)):
        teller.finish_trial(study, record)
    ((info, *_),) = everything(tracker.runs.store.client, study)
    assert info[1] == "FINISHED"
    tracker.close()


def test_a_server_that_is_down_is_said_soon(study: StudyRecord) -> None:
    tracker = Tracker("http://ada:secret@127.0.0.1:9", None)
    begun = time.monotonic()
    with pytest.raises(StorageError, match=r"MLflow at http://127\.0\.0\.1:9: ") as caught:
        tracker.open_study(study)
    assert time.monotonic() - begun < 20
    assert not isinstance(caught.value, RefusedError)
    assert "secret" not in str(caught.value)


def test_a_database_that_cannot_be_opened(study: StudyRecord, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"MLflow at sqlite:.*/file/mlflow\.db"):
        Tracker(f"sqlite:///{tmp_path}/file/mlflow.db", tmp_path).open_study(study)
    with pytest.raises(StorageError, match="MLflow at postgresql") as caught:
        Tracker("postgresql://ada:secret@127.0.0.1:9/mlflow", tmp_path).open_study(study)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_will_never_be_one(study: StudyRecord, tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 100)
    with pytest.raises(AddressError, match="file is not a database"):
        Tracker(f"sqlite:///{tmp_path}/mlflow.db", tmp_path).open_study(study)


def test_a_database_needs_a_folder_for_artifacts(uri: str, study: StudyRecord) -> None:
    with pytest.raises(RefusedError, match="needs a folder for artifacts"):
        Tracker(uri, None).open_study(study)


def test_the_page_of_a_run(tracker: Tracker, study: StudyRecord) -> None:
    assert tracker.run_url(tracker.open_study(study)) is None
    server = Tracker("http://ada:secret@host:5000/", None)
    assert server.run_url("unknown") is None
    server.runs.experiment_of_run["abc"] = "7"
    assert server.run_url("abc") == "http://host:5000/#/experiments/7/runs/abc"  # short


# --------------------------------------------------------------------------------------------------------------- models


def test_a_model_is_logged_once(
    new_tracker: Callable[..., Tracker], client: MlflowClient, study: StudyRecord, tmp_path: Path
) -> None:
    keras_was_there = "keras" in sys.modules  # another test's
    keras_file, example = tmp_path / "best one.keras", tmp_path / "cell.jpeg"
    keras_file.write_bytes(b"keras")
    example.write_bytes(b"\xff\xd8jpeg")
    record = trial(study)
    tracker = new_tracker()
    model_id = tracker.log_model(study, record, keras_file, CLASSES, example)
    assert new_tracker().log_model(study, record, keras_file, CLASSES, example) == model_id

    model = client.get_logged_model(model_id)
    assert (model.name, str(model.status), model.params["pooling"]) == (study.name, "READY", "max")
    run = children(client, study)[0]
    assert model.source_run_id == run.info.run_id
    accuracy = record.finished.splits["test"].accuracy
    assert [metric.value for metric in model.metrics if metric.key == "test_accuracy"] == [accuracy]
    for run_id in (run.info.run_id, tracker.open_study(study)):
        assert [output.model_id for output in client.get_run(run_id).outputs.model_outputs] == [model_id]

    files = Path(model.artifact_location.removeprefix("file://").replace("%20", " ").replace("%27", "'"))
    assert (files / "data/model.keras").read_bytes() == b"keras"
    assert (files / "code/trainer/predict.py").exists()
    assert not list(files.rglob("__pycache__"))
    requirements = (files / "requirements.txt").read_text().splitlines()
    assert {"keras==3.15.1", "tensorflow==2.21.0", "numpy==2.4.6"} < set(requirements)
    assert all(line.count("==") == 1 and "://" not in line for line in requirements)
    assert json.loads((files / "serving_input_example.json").read_text())["dataframe_split"]["columns"] == ["image"]
    assert ("keras" in sys.modules) == keras_was_there


def test_a_half_written_model_is_written_again(
    new_tracker: Callable[..., Tracker],
    client: MlflowClient,
    study: StudyRecord,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keras_file = tmp_path / "model.keras"
    keras_file.write_bytes(b"keras")
    tracker = new_tracker()
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_model_artifacts", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
        with pytest.raises(StorageError, match="no space left"):
            tracker.log_model(study, trial(study), keras_file, CLASSES)
    model_id = new_tracker().log_model(study, trial(study), keras_file, CLASSES)
    experiment_id = client.get_experiment_by_name(study.name).experiment_id
    assert [model.model_id for model in client.search_logged_models([experiment_id])] == [model_id]


# --------------------------------------------------------------------------------------------------------------- system


def test_the_sampler_measures_this_machine(tracker: Tracker, client: MlflowClient, study: StudyRecord) -> None:
    sampler = SystemSampler(interval_s=0.05)
    assert sampler.between(0) == []
    sampler.sample()  # before the start: nothing
    begun = time.time()
    sampler.start()
    deadline = time.monotonic() + 60
    while len(sampler.between(begun)) < 2 and time.monotonic() < deadline:
        sampler._stopped.wait(0.05)
    sampler.stop()
    samples = sampler.between(begun)
    assert len(samples) >= 2
    assert samples[1].at_s - samples[0].at_s >= 1
    assert 0 < samples[-1].values["system/system_memory_usage_percentage"] < 100
    assert "system/cpu_utilization_percentage" in samples[-1].values
    assert sampler.between(begun - 100, begun - 50) == []

    record = trial(study, started_at=samples[0].at_s - 4)
    run_id = tracker.begin_trial(study, record)
    for _ in range(2):
        tracker.log_system(run_id, samples, record.started_at)
    tracker.finish_trial(study, record)
    points = history(client, run_id)["system/system_memory_usage_megabytes"]
    assert next((step, value) for step, _, value in points) == (
        4,
        samples[0].values["system/system_memory_usage_megabytes"],
    )
    assert len(points) == len(samples)


# -------------------------------------------------------------------------------------------------------------- process


def test_importing_is_cheap_and_telling_is_silent(tmp_path: Path) -> None:
    program = f"""
import sys
from search.stores.mlflow import SystemSampler, Tracker
assert not [name for name in sys.modules if name.split(".")[0] in ("mlflow", "sqlalchemy")]
from tests.search.fabricate import study_record, trial_record
tracker = Tracker("sqlite:///{tmp_path}/mlflow.db", __import__("pathlib").Path({str(tmp_path)!r}))
tracker.finish_trial(study_record(), trial_record())
tracker.close()
assert not [name for name in sys.modules if name.split(".")[0] in ("keras", "tensorflow")]
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
