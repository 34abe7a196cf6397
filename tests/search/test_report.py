"""`python -m search.report` on studies that were run, that still run, and that are not there."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from mlflow import MlflowClient
from optuna_dashboard import get_note

from search import report
from search.console.callbacks import View
from search.controller.session import Options, run_study
from search.executors import Executor, TrainerSource
from search.folder.lock import StudyLock
from search.settings import Places
from tests.search.installation import copy_database, mlflow_tables
from tests.search.workshop import Noops, hunt, question

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


def make(source: TrainerSource, logs: Path) -> Executor:
    return Noops(source, logs)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, tiny_images: Path) -> Places:
    """A question and a search, run for real."""
    runs = tmp_path_factory.mktemp("runs") / "Ada's runs"
    runs.mkdir()
    copy_database(mlflow_tables(tmp_path_factory.mktemp("mlflow")), runs / "mlflow.db")
    places = Places.of(str(runs))
    for study in (question(seeds=2, name="pooling"), hunt(3).model_copy(update={"name": "joint"})):
        run_study(study, Options(tiny_images, slots=1, command="python -m search.run"), places, View(), make)
    return places


def made(places: Places, *arguments: str) -> int:
    return report.main([*arguments, "--runs", str(places.runs), "--no-stack"])


def test_a_study_ends_in_its_answer(places: Places) -> None:
    """Files beside it, in MLflow and on the dashboard, with links between the two."""
    folder = places.study("pooling")
    page = (folder / "answer.html").read_bytes()
    assert b"Satterthwaite" in page
    assert (folder / "figures" / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    client = MlflowClient(places.tracking_uri)
    experiment = client.get_experiment_by_name("pooling")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if run.data.tags["role"] == "study"]
    assert {"answer.html", "figures"} <= {file.path for file in client.list_artifacts(parent.info.run_id)}
    described = parent.data.tags["mlflow.note.content"]
    storage = optuna.storages.RDBStorage(places.storage_url)
    study = optuna.load_study(study_name="pooling", storage=storage)
    page_of_study = f"http://127.0.0.1:8050/dashboard/studies/{study._study_id}"
    assert "What does the learning rate do?" in described
    assert f"[Optuna dashboard]({page_of_study})" in described
    note = get_note(study)
    assert "What does the learning rate do?" in note
    address = f"http://127.0.0.1:5050/#/experiments/{experiment.experiment_id}/runs/{parent.info.run_id}"
    assert f"[Study in MLflow]({address}?workflowType=machine_learning)" in note
    assert f"[Page of the answer]({address}/artifacts/answer.html?workflowType=machine_learning)" in note
    assert f'<a href="{page_of_study}">Optuna dashboard</a>'.encode() in page
    children = {int(run.data.tags["trial"]): run for run in runs if run.data.tags["role"] != "study"}
    for trial in study.get_trials():
        child = children[trial.number]
        assert f"/runs/{child.info.run_id}?" in get_note(optuna.Trial(study, trial._trial_id))
        link = f"[Trial {trial.number} on the Optuna dashboard]({page_of_study}/trials?numbers={trial.number})"
        assert child.data.tags["mlflow.note.content"] == link
    storage.remove_session()
    storage.engine.dispose()


def test_it_is_made_again(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    """With a link to MLflow too, which may not have been told of a study yet when a run so short is drawn."""
    page = places.study("pooling") / "answer.html"
    page.unlink()
    assert made(places, "--study", "pooling") == 0
    said, err = capsys.readouterr()
    assert err == ""
    assert said.startswith("pooling: What does the learning rate do?\n  ")
    assert said.endswith(f"\n\nPage: {page}\n")
    assert ">Runs in MLflow</a>" in page.read_text()


def test_all_of_them_on_one_page(places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = tmp_path / "figures"
    assert (
        made(places, "--all", "--files-only", "--figures", str(figures), "--figure", "accuracy", "--figure", "pareto")
        == 0
    )
    text = (places.runs / "answer.html").read_text()
    assert "What the studies found" in text
    assert text.index('id="pooling"') < text.index('id="joint"')
    assert 'href="studies/pooling/figures/accuracy.svg"' in text
    assert (places.runs / "studies" / "pooling" / "figures" / "accuracy.svg").exists()
    assert sorted(path.name for path in figures.iterdir()) == ["joint-pareto.png", "pooling-accuracy.png"]


def test_a_running_study_says_how_far_it_is(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    folder = places.study("pooling")
    last = max((folder / "trials").glob("0*.jsonl"))
    kept = last.read_bytes()
    last.write_bytes(b"\n".join(kept.split(b"\n")[:4]) + b"\n")  # begun, an epoch, no end
    try:
        with StudyLock(folder, "pooling"):
            assert made(places, "--study", "pooling") == 0
    finally:
        last.write_bytes(kept)
    said, err = capsys.readouterr()
    assert err == ""
    assert "So far (3 of 4 trials): " in said
    assert "MLflow and the Optuna dashboard are told at its end." in said
    assert "running: 3 of 4 trials" in (folder / "answer.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name a study with --study, or --all.\n"),
        (["--study", "depth"], "depth: no such study in "),
        (["--study", "pooling", "--figure", "accuracy"], "--figure accuracy: say where to with --figures DIR\n"),
    ],
)
def test_refusals(places: Places, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert made(places, *arguments) == 2
    assert capsys.readouterr().err.startswith(message)


def test_nothing_was_begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main(["--all", "--runs", str(tmp_path), "--no-stack"]) == 2
    assert "no study was begun there; python -m search.run begins one" in capsys.readouterr().err


def test_a_damaged_note(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    folder = places.study("damaged")
    folder.mkdir()
    (folder / "study.json").write_text("{")
    try:
        assert made(places, "--study", "damaged") == 2
    finally:
        (folder / "study.json").unlink()
    assert "study.json: this is no note of a study" in capsys.readouterr().err


def test_help_is_quick(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        report.main(["--help"])
    assert "python -m search.report --all" in capsys.readouterr().out
