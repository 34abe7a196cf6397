"""Folders whose names are not UTF-8, as old disks and other systems leave them: a whole study in them, to its end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from search.folder.load import find
from search.settings import Places
from tests.faults.books import Books
from tests.faults.installation import embedded
from tests.faults.servers import MlflowServer
from tests.faults.test_circumstances import STUDY, TOML
from tests.search import noop_command

LATIN1 = os.fsdecode(b"caf\xe9")  # é in Latin-1
ROOT = Path(__file__).resolve().parents[2]
REAL = (sys.executable, "-m", "search.run")
NOOP = (*noop_command.COMMAND, "search.run")


@pytest.fixture
def latin1(tmp_path: Path, tiny_images: Path) -> Path:
    """A folder with a folder of images and a study."""
    folder = tmp_path / LATIN1
    shutil.copytree(tiny_images, folder / LATIN1)
    (folder / "rates.toml").write_text(TOML)
    return folder


def run(command: tuple[str, ...], folder: Path, *options: str) -> str:
    """Runs the study in this folder, to its end. Returns what was said."""
    words = [*command, "--study", "rates.toml", "--data", LATIN1, "--no-stack", "--slots", "1", "--gpus", "none"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([*words, *options], cwd=folder, env=environment, capture_output=True, check=False)
    said = ran.stdout.decode()
    assert (ran.returncode, ran.stderr) == (0, b""), said
    return said


def check_told(client: MlflowClient, places: Places) -> None:
    """The answer is written, and both stores know all."""
    assert [trial.state.name for trial in Books(places).trials(STUDY.name)] == ["COMPLETE"] * 2
    (experiment,) = client.search_experiments(filter_string=f"name = '{STUDY.name}'")
    runs = client.search_runs([experiment.experiment_id])
    trials = sorted((run for run in runs if "trial" in run.data.tags), key=lambda run: int(run.data.tags["trial"]))
    (parent,) = [run for run in runs if run not in trials]
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    for run, record in zip(trials, find(STUDY.name, places).records, strict=True):
        assert record.finished is not None
        assert run.data.metrics["test_accuracy"] == record.finished.splits["test"].accuracy
        assert "measures.json" in {file.path for file in client.list_artifacts(run.info.run_id)}
    assert "answer.html" in {file.path for file in client.list_artifacts(parent.info.run_id)}
    page = (places.study(STUDY.name) / "answer.html").read_text("utf-8")
    assert "caf\\udce9" in page, "the name of the images"


@pytest.mark.slow
def test_images_in_such_a_folder(latin1: Path, tmp_path: Path, templates: Path, tiny_images: Path) -> None:
    places = embedded(tmp_path / "runs", tiny_images, templates).places
    assert "Images: caf\\udce9 (as given)" in run(NOOP, latin1, "--runs", str(places.runs))
    check_told(MlflowClient(places.tracking_uri), places)


@pytest.mark.slow
def test_everything_in_such_a_folder(latin1: Path, mlflow_server: MlflowServer) -> None:
    """With real trainers. MLflow, which can keep no files there, is a server elsewhere."""
    mlflow_server.start()
    said = run(REAL, latin1, "--runs", "runs", "--tracking-uri", mlflow_server.url)
    assert "caf\\udce9/runs/studies/rates/answer.html" in said
    check_told(MlflowClient(mlflow_server.url), Places.of(str(latin1 / "runs"), None, mlflow_server.url))


def test_a_folder_of_runs_in_one_is_refused_with_words(latin1: Path) -> None:
    there = set(latin1.iterdir())
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [*REAL, "--study", "rates.toml", "--data", LATIN1, "--no-stack"]
    ran = subprocess.run(words, cwd=latin1, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"{latin1.parent}/caf\\xe9/runs: the name of the folder of runs is not UTF-8, ")
    assert set(latin1.iterdir()) == there
