"""What other hands do in the stores and with the folder of runs: it stays as they left it, and is said once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from mlflow.tracking._tracking_service import utils

from search import sync
from search.errors import StorageError
from search.folder.manifest import read_manifest
from search.folder.record import TrialRecord
from search.settings import Places
from tests.search.controller.test_session import Installation, here, mlflow_template
from tests.search.installation import copy_database
from tests.search.workshop import Watcher, hunt, question

__all__ = ["here", "mlflow_template"]

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


def test_a_study_that_is_deleted_while_it_runs(here: Installation) -> None:
    """Its trials end, in the journals alone; the study that has its row by now has nothing of them."""
    url = here.places.storage_url

    def meddle(record: TrialRecord) -> None:
        if record.number == 0 and record.terminal is not None:
            while len(here.trials("rates")) < 4:  # the queue is being written
                pass
            optuna.delete_study(study_name="rates", storage=url)
            optuna.create_study(study_name="other", storage=url, direction="maximize").enqueue_trial({"x": 1})

    view = Watcher(meddle)
    outcome = here.run(question(seeds=2, epochs=1), view=view)
    assert (outcome.end, [record.state for record in outcome.records]) == ("finished", ["COMPLETE"] * 4)
    assert not outcome.is_told
    said = [sentence for sentence in view.said if "was deleted in Optuna's storage" in sentence]
    assert len(said) == 1, view.said
    assert "the same command makes it again from them" in said[0]
    assert [trial.state.name for trial in here.trials("other")] == ["WAITING"]
    assert optuna.get_all_study_names(url) == ["other"]

    again = Watcher()
    assert here.run(question(seeds=2, epochs=1), view=again).is_told
    words = "has no study rates; it is made there, from the journals. (To be rid of the study everywhere: python -m"
    assert any(words in sentence for sentence in again.said)
    assert [trial.state.name for trial in here.trials("rates")] == ["COMPLETE"] * 4
    assert [trial.state.name for trial in here.trials("other")] == ["WAITING"]


def test_stores_that_were_removed_are_told_everything_again(here: Installation, mlflow_template: Path) -> None:
    """Whatever was noted of what they had been told."""
    here.run(question(seeds=1, epochs=1))
    for name in ("optuna.db", "mlflow.db"):
        for file in here.places.runs.glob(f"{name}*"):
            file.unlink()
    shutil.rmtree(here.places.runs / "artifacts")
    copy_database(mlflow_template, here.places.runs / "mlflow.db")
    assert sync.main(["--runs", str(here.places.runs), "--no-stack"]) == 0
    assert [trial.state.name for trial in here.trials("rates")] == ["COMPLETE"] * 2
    runs = here.mlflow_runs("rates")[1]
    assert {number: run.info.status for number, run in runs.items()} == {0: "FINISHED", 1: "FINISHED"}


def test_an_address_where_no_mlflow_can_be_ends_a_run_before_its_first_trial(here: Installation) -> None:
    """And leaves nothing of it: no folder, no study in Optuna."""
    (here.places.runs / "notes.txt").write_text("no database\n" * 100)
    there = Installation(here.places.runs, here.data)
    there.places = replace(here.places, tracking_uri=f"sqlite:///{here.places.runs}/notes.txt")
    with pytest.raises(StorageError, match="file is not a database"):
        there.run(question(seeds=1, epochs=1))
    assert not there.places.study("rates").exists()
    assert optuna.get_all_study_names(here.places.storage_url) == []


def test_a_folder_of_runs_that_is_copied_has_its_own_artifacts(here: Installation, tmp_path: Path) -> None:
    """Nothing more is written where it was copied from."""
    here.run(question(seeds=1, epochs=1))
    (here.places.runs / "lock").touch()
    utils._artifact_repos_cache.clear()  # of this process alone, by the ids of runs
    copied = tmp_path / "Ada's copy"
    shutil.copytree(here.places.runs, copied)
    before = {path: path.stat().st_mtime_ns for path in sorted(here.places.runs.rglob("*"))}
    there = Installation(copied, here.data)
    assert there.places == Places.of(str(copied))
    assert there.run(question(seeds=2, epochs=1)).is_told
    assert {path: path.stat().st_mtime_ns for path in sorted(here.places.runs.rglob("*"))} == before
    parent, runs = there.mlflow_runs("rates")
    assert len(runs) == 4
    for run in (parent, *runs.values()):
        assert run.info.artifact_uri.startswith(f"{(copied / 'artifacts').as_uri()}/")
    assert {file.path for file in there.client.list_artifacts(runs[0].info.run_id)} >= {"measures.json"}


def test_a_trial_that_somebody_queued_with_a_typo_fails_and_the_others_go_on(here: Installation) -> None:
    study = hunt(3, epochs=1, sampler="random")
    here.run(study)
    queue = optuna.load_study(study_name="hunt", storage=here.places.storage_url).enqueue_trial
    queue({"learning_rate": 0.001, "depth": 100})
    queue({"learning_rate": 0.002, "depth": 2})
    view = Watcher()
    outcome = here.run(study, view=view)
    assert [trial.state.name for trial in here.trials("hunt")] == [*["COMPLETE"] * 3, "FAIL", "COMPLETE"]
    assert len(outcome.records) == 4
    said = [sentence for sentence in view.said if sentence.startswith("Somebody queued trial 3 of hunt in Optuna")]
    assert len(said) == 1, view.said
    assert "depth" in said[0]
    assert here.trials("hunt")[3].user_attrs["failure"].startswith("config: depth")


def test_the_id_of_a_study_is_made_once(here: Installation) -> None:
    here.run(question(seeds=1, epochs=1))
    folder = here.places.study("rates")
    manifest = read_manifest(folder)
    assert manifest is not None
    assert len(manifest.record.uid) == 32
    assert not manifest.record.claims
    parent, runs = here.mlflow_runs("rates")
    assert {run.data.tags["study_uid"] for run in (parent, *runs.values())} == {manifest.record.uid}
    attributes = optuna.load_study(study_name="rates", storage=here.places.storage_url).user_attrs
    assert attributes["study_uid"] == manifest.record.uid
    here.run(question(seeds=2, epochs=1))
    again = read_manifest(folder)
    assert again is not None
    assert again.record.uid == manifest.record.uid
