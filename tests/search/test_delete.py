"""One list of studies, whoever ran them; `search.delete` and `search.clean`; what somebody removed by hand."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import optuna
import pytest
from mlflow.entities import ViewType

from search import clean, delete
from search import list as listing
from search.addresses.urls import shown_url
from search.controller import first_telling
from search.errors import ExecutorError, StorageError
from search.folder.lock import StudyLock
from search.folder.owner import owner
from tests.search.controller.test_session import Installation, here, mlflow_template
from tests.search.workshop import Watcher, question

__all__ = ["here", "mlflow_template"]

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


@pytest.fixture
def begun(here: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A study of two trials, in the folder and both stores."""
    monkeypatch.setenv("SEARCH_RUNS_DIR", str(here.places.runs))
    here.run(question(seeds=1, epochs=1))
    return here


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed, without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)


def row(text: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if "│ rates" in line]
    return [cell.strip() for cell in line.split("│")[1:8]]


def lines_of(text: str, beginning: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(beginning)]


def test_a_study_is_listed_wherever_it_is_and_deleted_everywhere(
    begun: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, url = begun.places.study("rates"), begun.places.storage_url
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert listing.main(["--no-stack"]) == 0
    assert row(said(capsys)) == ["rates", "2", "2", "0", "finished", owner(), "folder, Optuna, MLflow"]

    # Another folder of runs, which has none of it, sees it in the stores; it is not its to delete.
    other = ["--no-stack", "--runs", str(begun.places.runs.parent / "other"), "--storage-url", url]
    other += ["--tracking-uri", begun.places.tracking_uri]
    assert listing.main(other) == 0
    assert row(said(capsys)) == ["rates", "2", "2", "0", "finished", owner(), "Optuna, MLflow"]
    assert delete.main(["rates", "--yes", *other]) == 2
    assert capsys.readouterr().err == (
        f"rates: its folder is {folder}. Delete it there: python -m search.delete rates --runs {begun.places.runs}\n"
    )

    # A narrow terminal shows the name whole.
    monkeypatch.setenv("COLUMNS", "12")
    assert listing.main(["--no-stack"]) == 0
    assert "learning_rate" in said(capsys).splitlines()

    # A model of it, as MLflow keeps them.
    parent, _ = begun.mlflow_runs("rates")
    model = begun.client.create_logged_model(parent.info.experiment_id, name="m", source_run_id=parent.info.run_id)
    place = Path(unquote(urlsplit(model.artifact_location).path))
    place.mkdir(parents=True)
    (place / "the model").write_text("")

    # It is asked before; nobody's answer deletes nothing.
    assert delete.main(["rates", "--dry-run", "--no-stack"]) == 0
    text = said(capsys)
    assert f"rates, of {owner()}:\n  folder: {folder}, journals of 2 trials, " in text
    assert "Optuna: rates in sqlite:" in text and ", 2 trials, for good" in text
    assert "MLflow: experiment rates in sqlite:" in text and ", to be hidden" in text
    for answer, status in (("n", 1), ("", 1)):
        monkeypatch.setattr("builtins.input", lambda asked, answer=answer: answer)
        assert delete.main(["rates", "--no-stack"]) == status
        assert said(capsys).endswith("Nothing was deleted.\n")

    def nobody(asked: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    assert delete.main(["rates", "--no-stack"]) == 2
    assert "nobody answered; --yes asks nothing" in capsys.readouterr().err
    with StudyLock(folder, "rates"):
        assert delete.main(["rates", "--no-stack", "--yes"]) == 2
    assert "is being worked on by process" in capsys.readouterr().err
    assert folder.exists() and optuna.get_all_study_names(url) == ["rates"]

    monkeypatch.setattr("builtins.input", lambda asked: "y")
    assert delete.main(["rates", "--no-stack"]) == 0
    assert said(capsys).endswith("rates: deleted\n")
    assert not folder.exists()
    assert optuna.get_all_study_names(url) == []
    (experiment,) = begun.client.search_experiments(ViewType.DELETED_ONLY)
    assert experiment.name == f"rates (deleted {experiment.experiment_id})"
    assert delete.main(["rates", "--no-stack", "--yes"]) == 2
    assert "rates: no such study in " in capsys.readouterr().err

    # The name is free, in both stores.
    begun.run(question(seeds=1, epochs=1))
    assert begun.mlflow_runs("rates")[0].data.tags["owner"] == owner()

    # What is hidden goes for good when it is cleaned, with its artifacts; what is there stays.
    artifacts = begun.places.runs / "artifacts"
    models = list(artifacts.rglob("the model"))
    assert len(models) == 1
    before = len(list(artifacts.rglob("measures.json")))
    assert clean.main(["--dry-run", "--no-stack"]) == 0
    assert f"MLflow: 3 hidden runs, with all of {experiment.name}, their artifacts and models" in said(capsys)
    assert len(begun.client.search_experiments(ViewType.DELETED_ONLY)) == 1
    assert clean.main(["--yes", "--no-stack"]) == 0
    assert list(begun.client.search_experiments(ViewType.DELETED_ONLY)) == []
    assert len(begun.mlflow_runs("rates")[1]) == 2
    assert not models[0].exists()
    assert (before, len(list(artifacts.rglob("measures.json")))) == (4, 2)
    capsys.readouterr()
    assert clean.main(["--yes", "--no-stack"]) == 0
    assert said(capsys) == "There is nothing to be removed.\n"


def test_what_was_removed_by_hand_is_said_with_the_command_that_mends_it(
    begun: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, url = begun.places.study("rates"), shown_url(begun.places.storage_url)
    listing.main(["--no-stack"])
    assert lines_of(said(capsys), "rates: ") == []

    optuna.delete_study(study_name="rates", storage=begun.places.storage_url)
    (experiment,) = [one for one in begun.client.search_experiments() if one.name == "rates"]
    begun.client.delete_experiment(experiment.experiment_id)
    assert listing.main(["--no-stack"]) == 0
    in_optuna, in_mlflow = lines_of(said(capsys), "rates: ")
    assert in_optuna == (
        f"rates: it was deleted in Optuna ({url}). Tell it again: python -m search.sync --study rates; or be rid of "
        "the study: python -m search.delete rates"
    )
    assert in_mlflow == (
        "rates: it was deleted in MLflow. Bring it back: mlflow experiments restore --experiment-id "
        f"{experiment.experiment_id}, with MLFLOW_TRACKING_URI={shown_url(begun.places.tracking_uri)}; "
        "or be rid of the study: python -m search.delete rates"
    )
    begun.client.restore_experiment(experiment.experiment_id)
    view = Watcher()
    begun.run(question(seeds=1, epochs=1), view=view)
    assert any("(To be rid of the study everywhere: python -m search.delete rates)" in line for line in view.said)

    shutil.rmtree(folder)
    assert listing.main(["--no-stack"]) == 0
    assert lines_of(said(capsys), "rates: ") == [
        f"rates: its folder {folder} is not there any more, Optuna and MLflow still have it. Delete what is left: "
        "python -m search.delete rates"
    ]
    with pytest.raises(StorageError) as raised:
        begun.run(question(seeds=1, epochs=1))
    assert str(raised.value) == (
        f"Optuna's storage {url} has a study rates whose folder is not there any more ({folder}). Delete what is left "
        "of it: python -m search.delete rates; or start a new study beside it with --fresh."
    )
    assert not folder.exists()  # a refused start leaves nothing
    assert delete.main(["rates", "--yes", "--no-stack"]) == 0
    assert begun.run(question(seeds=1, epochs=1)).is_told
    assert optuna.get_all_study_names(begun.places.storage_url) == ["rates"]


def test_a_study_of_an_older_version_whose_folder_was_removed(
    begun: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It noted no folder; the embedded database lies beside the folder of studies."""
    (study,) = optuna.get_all_study_summaries(begun.places.storage_url)
    storage = optuna.storages.RDBStorage(begun.places.storage_url)
    storage.set_study_user_attr(study._study_id, first_telling.FOLDER, "")
    storage.remove_session()
    storage.engine.dispose()
    shutil.rmtree(begun.places.study("rates"))
    with pytest.raises(StorageError, match=r"Delete what is left of it: python -m search.delete rates"):
        begun.run(question(seeds=1, epochs=1))


def test_what_a_person_deleted_in_mlflow_of_a_study_that_is_there_stays_hidden(
    begun: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    """An earlier attempt at a trial goes: another run has taken its place."""
    parent, runs = begun.mlflow_runs("rates")
    begun.client.delete_run(runs[0].info.run_id)
    old = begun.client.create_run(parent.info.experiment_id, tags=dict(runs[1].data.tags)).info.run_id
    begun.client.delete_run(old)
    assert clean.main(["--yes", "--no-stack"]) == 0
    text = said(capsys)
    assert "MLflow: 1 hidden run, their artifacts and models" in text
    assert "kept: in MLflow 1 runs that were deleted in MLflow, of studies that are there" in text
    hidden = begun.client.search_runs([parent.info.experiment_id], "", ViewType.DELETED_ONLY)
    assert [run.info.run_id for run in hidden] == [runs[0].info.run_id]


def test_a_model_that_is_registered_is_kept(begun: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    parent, _ = begun.mlflow_runs("rates")
    begun.client.create_registered_model("rates-best")
    begun.client.create_model_version("rates-best", parent.info.artifact_uri, run_id=parent.info.run_id)
    assert delete.main(["rates", "--yes", "--no-stack"]) == 0
    assert clean.main(["--yes", "--no-stack"]) == 0
    assert "its model is registered as rates-best version 1" in said(capsys)
    assert begun.client.get_run(parent.info.run_id).info.lifecycle_stage == "deleted"


def cached(folder: Path, name: str, kib: int, days: float) -> Path:
    path = folder / f"images-{name}.npy"
    path.write_bytes(bytes(1024 * kib))
    path.with_suffix(".json").write_text("{}")
    then = time.time() - days * 86_400
    os.utime(path, (then, then))
    return path


def test_image_caches_go_by_age_and_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "Ada's runs"
    cache = runs / "cache"
    cache.mkdir(parents=True)
    new, newer = cached(cache, "new", 600, 2), cached(cache, "newer", 600, 1)
    old = cached(cache, "old", 10, 31)
    (cache / "photographs-1.json").write_text("{}")
    left = runs / "studies" / "gone"
    (left / "models").mkdir(parents=True)
    (left / "models" / "best.keras").write_bytes(bytes(100))
    theirs = runs / "studies" / "my notes"
    theirs.mkdir()
    lost = runs / "studies" / "lost" / "trials"
    lost.mkdir(parents=True)
    (lost / "00000.jsonl").write_text("{}")
    arguments = ["--runs", str(runs), "--no-stack"]
    assert clean.main([*arguments, "--dry-run"]) == 0
    text = said(capsys)
    assert f"{old}: 10.0 KiB, decoded images, not used for 31 days" in text
    assert f"{left}: 100 B, models and logs of a study that was deleted" in text
    assert f"kept: {lost.parent}: it has journals and no study.json" in text
    assert str(new) not in text
    assert old.exists() and left.exists()
    assert clean.main([*arguments, "--yes", "--cache-gib", "0.001"]) == 0
    assert f"{new}: 600.0 KiB, decoded images, beyond --cache-gib" in said(capsys)
    assert sorted(path.name for path in cache.iterdir()) == [
        "images-newer.json",
        "images-newer.npy",
        "photographs-1.json",
    ]
    assert newer.exists() and theirs.exists() and lost.exists() and not left.exists()
    assert clean.main([*arguments, "--cache-days", "-1"]) == 2
    assert capsys.readouterr().err == "--cache-days -1: at least 0\n"


def test_a_cache_of_a_study_that_runs_is_left_alone(begun: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    with StudyLock(begun.places.study("rates"), "rates"):
        assert clean.main(["--yes", "--cache-days", "0", "--cache-gib", "0", "--no-stack"]) == 0
    assert said(capsys) == "kept: image caches: rates is running\nThere is nothing to be removed.\n"
    assert list(begun.places.cache.glob("images-*.npy"))


def test_a_store_that_does_not_answer_is_named_and_deletes_nothing(
    begun: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    away = ["--no-stack", "--tracking-uri", "http://127.0.0.1:9"]
    assert listing.main(away) == 1
    assert capsys.readouterr().err.startswith("MLflow could not be asked: MLflow at http://127.0.0.1:9: ")
    assert delete.main(["rates", "--yes", *away]) == 2
    assert "Nothing was deleted, for MLflow could not be asked" in capsys.readouterr().err
    assert begun.places.study("rates").exists()
    assert optuna.get_all_study_names(begun.places.storage_url) == ["rates"]


def test_a_start_that_is_refused_leaves_no_ghost_study(here: Installation) -> None:
    """Its trainers cannot be started, which is found out after both stores were told of it."""
    here.client.create_experiment("other")
    with pytest.raises(ExecutorError, match="before it was ready, 3 times in a row"):
        here.run(question(seeds=1, epochs=1), settings={"start": "exit"})
    assert not here.places.study("rates").exists()
    assert optuna.get_all_study_names(here.places.storage_url) == []
    assert {one.name for one in here.client.search_experiments()} <= {"other", "Default"}
    assert here.run(question(seeds=1, epochs=1)).is_told
    assert here.client.get_experiment_by_name("rates") is not None
