"""A study from end to end: no-op trainers, real images, real Optuna and MLflow embedded in a folder of runs."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from optuna_dashboard import get_note

from search.answer import find
from search.controller import session
from search.controller.session import Options, run_study
from search.errors import ChangedStudyError, SettingsError, StorageError
from search.folder.journal import read_trials
from search.folder.names import study_name
from search.folder.record import TrialRecord
from search.settings import Places
from search.stores.optuna import names_in
from search.study import Study
from tests.search import installation
from tests.search.fabricate import note_study
from tests.search.installation import copy_database, mlflow_tables
from tests.search.workshop import Noops, Watcher, question
from trainer.errors import DataError

# MLflow's own models, when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

ROOT = Path(__file__).resolve().parents[3]


class Installation(installation.Installation):
    """A folder of runs, and what its stores know."""

    def __init__(self, runs: Path, data: Path) -> None:
        super().__init__(Places.of(str(runs)), data)
        self.client = MlflowClient(self.places.tracking_uri)

    def mlflow_runs(self, name: str) -> tuple[Run, dict[int, Run]]:
        """The study's run, and its trials' by number."""
        experiment = self.client.get_experiment_by_name(name)
        assert experiment is not None
        runs = list(self.client.search_runs([experiment.experiment_id], max_results=1000))
        (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
        children = [run for run in runs if run is not parent]
        assert {run.data.tags["mlflow.parentRunId"] for run in children} <= {parent.info.run_id}
        by_number = {int(run.data.tags["trial"]): run for run in children}
        assert len(by_number) == len(children)
        return parent, by_number

    def trials(self, name: str) -> list[optuna.trial.FrozenTrial]:
        storage = optuna.storages.RDBStorage(self.places.storage_url)
        try:
            return optuna.load_study(study_name=name, storage=storage).get_trials()
        finally:
            storage.remove_session()
            storage.engine.dispose()

    def note(self, name: str, number: int) -> str:
        """The note on a trial on the Optuna dashboard."""
        storage = optuna.storages.RDBStorage(self.places.storage_url)
        try:
            study = optuna.load_study(study_name=name, storage=storage)
            return get_note(optuna.Trial(study, study.get_trials()[number]._trial_id))
        finally:
            storage.remove_session()
            storage.engine.dispose()

    def files(self) -> dict[str, bytes]:
        """Journals and study.json of every study."""
        folder = self.places.runs / "studies"
        return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.json*"))}


@pytest.fixture(scope="module")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, which take seconds to make."""
    return mlflow_tables(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture
def here(tmp_path: Path, tiny_images: Path, mlflow_template: Path) -> Installation:
    runs = tmp_path / "Ada's runs"
    runs.mkdir()
    copy_database(mlflow_template, runs / "mlflow.db")
    return Installation(runs, tiny_images)


def check_run(installation: Installation, run: Run, record: TrialRecord) -> None:
    """MLflow's run of a trial says what the journal says."""
    assert record.finished is not None
    assert run.info.status == "FINISHED"
    assert run.data.params["seed"] == str(record.config.seed)
    assert float(run.data.params["learning_rate"]) == record.params["learning_rate"]
    for name in ("train_accuracy", "val_accuracy", "train_loss", "val_loss"):
        points = installation.client.get_metric_history(run.info.run_id, name)
        told = {point.step: point.value for point in points if point.step > 0}
        assert told == {epoch.epoch: getattr(epoch, name) for epoch in record.epochs}
        assert len(points) == len(told)
    assert run.data.metrics["test_accuracy"] == record.finished.splits["test"].accuracy
    assert run.data.metrics["final_val_accuracy"] == record.finished.splits["val"].accuracy
    assert run.data.metrics["parameters"] == record.finished.parameters
    assert "vram_peak_mib" not in run.data.metrics
    assert run.data.tags["vram"] == "not measured: no GPU"


def accuracy_of(record: TrialRecord) -> float:
    assert record.finished is not None
    return record.finished.splits["test"].accuracy


def test_a_study_and_what_may_follow(here: Installation) -> None:
    """Run, run again, more seeds, a change that is refused, and --fresh."""
    outcome = here.run(question(seeds=1, epochs=2))
    assert (outcome.name, outcome.end, outcome.untold, outcome.refused) == ("rates", "finished", {}, [])
    assert [record.state for record in outcome.records] == ["COMPLETE"] * 2
    assert outcome.records == list(read_trials(outcome.folder / "trials"))
    parent, runs = here.mlflow_runs("rates")
    assert parent.info.status == "FINISHED"
    assert (parent.data.metrics["trials"], parent.data.metrics["trials_complete"]) == (2, 2)
    assert "What does the learning rate do?" in parent.data.tags["mlflow.note.content"]
    means = {f"test_accuracy/{r.params['learning_rate']}": accuracy_of(r) for r in outcome.records}
    assert means.items() <= parent.data.metrics.items()
    assert parent.data.metrics["test_accuracy"] in means.values()
    assert parent.data.tags["metrics_of"].startswith("mean over 1 trials of 0.0")
    times = (min(r.started_at for r in outcome.records), max(r.finished_at or 0 for r in outcome.records))
    assert parent.info.end_time == round(times[1] * 1000)
    assert parent.info.start_time <= round(times[0] * 1000)
    assert outcome.mlflow_page is not None
    assert outcome.mlflow_page.endswith("?workflowType=machine_learning&viewStateShareKey=search")
    trials = here.trials("rates")
    for trial, record in zip(trials, outcome.records, strict=True):
        assert trial.duration is not None
        lasted = timedelta(seconds=(record.finished_at or 0) - record.started_at)
        assert abs(trial.duration - lasted) < timedelta(milliseconds=1)
        check_run(here, runs[record.number], record)
        run_id = runs[record.number].info.run_id
        assert trials[record.number].user_attrs.get("mlflow_run") in (None, run_id)  # it may have ended before its run
        assert f"/runs/{run_id}" in here.note("rates", record.number)

    # again: nothing is trained, nothing is told twice
    files = here.files()
    outcome = here.run(question(seeds=1, epochs=2))
    assert here.executor is not None
    assert here.executor.started == []
    assert outcome.end == "finished"
    assert {name: text for name, text in here.files().items() if "lock" not in name} == files
    assert here.trials("rates") == trials
    parent_again, again = here.mlflow_runs("rates")
    assert (parent_again.info.start_time, parent_again.info.end_time) == (parent.info.start_time, parent.info.end_time)
    assert {n: (r.info.run_id, r.info.end_time) for n, r in again.items()} == {
        n: (r.info.run_id, r.info.end_time) for n, r in runs.items()
    }

    # what changes the meaning of finished trials is refused
    before = here.files()
    with pytest.raises(ChangedStudyError) as raised:
        here.run(question(seeds=1, epochs=5))
    assert str(raised.value) == (
        "The study rates has trials that were made otherwise:\n  fixed.epochs: 2 -> 5\n"
        "Undo the change to go on with it, or start a new study beside it with --fresh."
    )
    assert here.files() == before
    assert here.trials("rates") == trials

    # seeds added go on; --fresh starts beside it, and is gone on with
    assert [record.state for record in here.run(question(seeds=2, epochs=2)).records] == ["COMPLETE"] * 4
    kept = here.trials("rates")
    outcome = here.run(question(seeds=1, epochs=5), fresh=True)
    assert (outcome.name, len(outcome.records)) == ("rates-2", 2)
    assert here.trials("rates") == kept
    assert here.run(question(seeds=1, epochs=5)).name == "rates-2"
    assert len(here.mlflow_runs("rates-2")[1]) == 2
    assert len(here.mlflow_runs("rates")[1]) == 4


def test_an_interrupted_study_goes_on(here: Installation) -> None:
    """By a real SIGINT; the interrupted attempt leaves no second run in MLflow."""
    study = question(seeds=1, epochs=3)

    def interrupt(record: TrialRecord) -> None:
        if record.number == 1 and record.epochs:
            os.kill(os.getpid(), signal.SIGINT)
        elif record.epochs and not record.terminal:
            assert here.executor is not None
            here.executor.slot(0).send(f'{{"step": "{record.config.trial}"}}')

    outcome = here.run(study, settings={"steps": True}, view=Watcher(interrupt))
    assert outcome.end == "interrupted"
    assert [trial.state.name for trial in here.trials("rates")] == ["COMPLETE", "WAITING"]
    outcome = here.run(study)
    assert outcome.end == "finished"
    _, runs = here.mlflow_runs("rates")
    assert sorted(runs) == [0, 1]
    for record in outcome.records:
        check_run(here, runs[record.number], record)


def test_other_images_are_a_changed_study(here: Installation, tiny_images: Path, tmp_path: Path) -> None:
    import shutil

    here.data = tmp_path / "images"
    shutil.copytree(tiny_images, here.data)
    here.run(question(seeds=1, epochs=1))
    before = here.files()
    next((here.data / "TEST" / "MONOCYTE").iterdir()).unlink()
    with pytest.raises(ChangedStudyError, match=r"data: images \([0-9a-f]{16}\) -> images \([0-9a-f]{16}\)"):
        here.run(question(seeds=1, epochs=1))
    assert here.files() == before


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"slots": 0}, SettingsError),
        ({"data": "nothing"}, DataError),
        ({"storage": "sqlite:////no/x.db"}, StorageError),
    ],
)
def test_what_is_refused_leaves_nothing(
    tmp_path: Path, tiny_images: Path, change: dict[str, Any], error: type[Exception]
) -> None:
    runs = tmp_path / "runs"
    places = Places.of(str(runs), change.get("storage"))
    data = tmp_path / change["data"] if "data" in change else tiny_images
    with pytest.raises(error):
        run_study(question(), Options(data, slots=change.get("slots", 1)), places, Watcher(), Noops)
    assert not (runs / "studies").exists()


def test_the_name_of_a_study(tmp_path: Path) -> None:
    places, study = Places.of(str(tmp_path)), question()

    def name(**given: bool) -> str:
        return study_name(study, places, **{"demo": False, "quick": False, "fresh": False, "taken": names_in, **given})

    assert [name(), name(demo=True), name(quick=True), name(demo=True, quick=True)] == [
        "rates",
        "rates-demo",
        "rates-quick",
        "rates-demo-quick",
    ]
    assert name(fresh=True) == "rates"
    for there, plain, fresh in (
        ("rates", "rates", "rates-2"),
        ("rates-2", "rates-2", "rates-3"),
        ("rates-x", "rates-2", "rates-3"),
    ):
        note_study(places.study(there), study)
        assert (name(), name(fresh=True)) == (plain, fresh)
    assert name(quick=True, fresh=True) == "rates-quick"


def test_a_study_whose_file_is_named_like_a_generation_is_another(tmp_path: Path) -> None:
    places = Places.of(str(tmp_path))

    def name(study: Study, **given: bool) -> str:
        return study_name(study, places, **{"demo": False, "quick": False, "fresh": False, "taken": names_in, **given})

    def note(folder: str, study: Study) -> None:
        note_study(places.study(folder), study)

    rates, second, demo = (question().model_copy(update={"name": name}) for name in ("rates", "rates-2", "rates-demo"))
    note("rates-2", second)
    assert (name(rates), name(second)) == ("rates", "rates-2")
    note("rates", rates)
    assert (name(rates), name(rates, fresh=True)) == ("rates", "rates-3")
    assert (name(second), name(second, fresh=True)) == ("rates-2", "rates-2-2")
    note("rates-demo", demo)
    assert (name(demo), name(rates, demo=True)) == ("rates-demo", "rates-demo-2")
    note("rates-1", question().model_copy(update={"name": "rates-1"}))  # no generation: the first has no number
    assert (name(rates), name(rates, fresh=True)) == ("rates", "rates-3")


def test_after_fresh_the_last_one_is_meant(here: Installation) -> None:
    for fresh in (False, True):
        assert here.run(question(seeds=1, epochs=1), fresh=fresh).end == "finished"
    assert [find(name, here.places).name for name in ("rates", "rates-2", "rates-1")] == ["rates-2", "rates-2", "rates"]


def test_a_damaged_note_of_a_study_is_named(tmp_path: Path) -> None:
    places = Places.of(str(tmp_path))
    places.study("rates").mkdir(parents=True)
    (places.study("rates") / "study.json").write_text("{")
    with pytest.raises(StorageError, match=r"rates/study\.json: this is no note of a study: "):
        study_name(question(), places, demo=False, quick=False, fresh=False, taken=names_in)


def test_whatever_is_refused_the_view_ends(here: Installation, tmp_path: Path) -> None:
    """A terminal is given back its cursor."""
    view = Watcher()
    with pytest.raises(DataError):
        run_study(question(), Options(tmp_path / "no images"), here.places, view, Noops)
    assert view.ended


def test_interrupted_while_images_are_read(here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of them is not waited for."""
    reading, seen = threading.Event(), []

    def prepare_images(*given: Any, progress: Callable[[int, int], None], **named: Any) -> Any:
        reading.set()
        for done in itertools.count():
            seen.append(done)
            progress(done, 10**9)

    monkeypatch.setattr("search.controller.session.prepare_images", prepare_images)

    class Interrupted(Watcher):
        def images(self, done: int, total: int) -> None:
            runs[0]._interrupt()

    runs: list[Any] = []
    original = session._Session.__init__

    def remember(self: Any, *given: Any) -> None:
        original(self, *given)
        runs.append(self)

    monkeypatch.setattr(session._Session, "__init__", remember)
    outcome = run_study(question(), Options(here.data, slots=1), here.places, Interrupted(), Noops)
    assert outcome.end == "interrupted"
    assert len(seen) <= 3
    assert not [thread for thread in threading.enumerate() if thread.name == "prepare" and thread.is_alive()]


def test_the_second_controller_names_the_first(here: Installation) -> None:
    """A real second process, while the first trains."""
    answers: list[subprocess.CompletedProcess[str]] = []
    toml = here.places.runs / "rates.toml"
    toml.write_text(
        'question = "What does the learning rate do?"\nseeds = 1\n'
        "[scientific.learning_rate]\nlevels = [0.01, 0.001]\nreference = 0.001\n[fixed]\nepochs = 1\n"
    )

    def start_another(record: TrialRecord) -> None:
        if not answers:
            command = [sys.executable, "-m", "search.run", "--study", str(toml), "--data", str(here.data)]
            command += ["--runs", str(here.places.runs)]
            # A copy: without `env`, exec reads the C library's own array while other threads start MLflow, and failed
            # in one of 25 runs with EFAULT, "Bad address".
            given = dict(os.environ)
            answers.append(subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False))

    assert here.run(question(seeds=1, epochs=1), view=Watcher(start_another)).end == "finished"
    assert answers[0].returncode == 2, answers[0].stderr
    assert answers[0].stderr.startswith(f"The study rates is being worked on by process {os.getpid()} on ")
    assert "Traceback" not in answers[0].stderr


def test_the_controllers_log(here: Installation) -> None:
    """What was said and done, by thread; of what went wrong the traceback."""
    here.run(question(seeds=1, epochs=1))
    text = (here.places.study("rates") / "controller.log").read_text()
    assert "rates: 2 trials, 0 of them over" in text
    assert re.search(r"INFO MainThread search\.controller\.log: slot 0 is ready: process \d+, noop on none", text)
    assert "trial 1 (learning_rate=0.001 seed=0) is over: COMPLETE" in text
    assert "Telling Optuna and MLflow the rest ..." in text
    changed = question(seeds=1, epochs=2)
    with pytest.raises(ChangedStudyError):
        here.run(changed)
    text = (here.places.study("rates") / "controller.log").read_text()
    assert "the run ends by an error\nTraceback (most recent call last):" in text
    assert "ChangedStudyError" in text
