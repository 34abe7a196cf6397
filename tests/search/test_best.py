"""`python -m search.best`, from a search to the registry: no-op trainers, real Optuna and MLflow."""

from __future__ import annotations

import dataclasses
import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from rich.console import Console

from search import best
from search.answer import answer_of, recorded
from search.answer.evidence import BEST, as_long_as_it_learnt, fixed_of, retraining
from search.answer.tables.card import REQUEST
from search.best import Request, crown
from search.console.callbacks import View
from search.controller.session import Options, run_study
from search.errors import SettingsError
from search.executors import Executor, TrainerSource
from search.settings import Places
from search.study.starts import Start
from tests.search.fabricate import trial_record
from tests.search.installation import copy_database, mlflow_tables
from tests.search.workshop import Noops, hunt, question
from trainer.config import TrainConfig

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


@pytest.fixture(scope="module")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mlflow_tables(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture
def places(tmp_path: Path, mlflow_template: Path) -> Places:
    runs = tmp_path / "Ada's runs"
    runs.mkdir()
    copy_database(mlflow_template, runs / "mlflow.db")
    return Places.of(str(runs))


def make(source: TrainerSource, logs: Path) -> Executor:
    return Noops(source, logs, {"models": True})


def crowned(places: Places, **request: Any) -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=120)
    wanted = Request(**{"study": "hunt", "seeds": 2, **request})
    status = crown(wanted, Options(Path(), slots=1), places, console, make)
    assert isinstance(console.file, io.StringIO)
    return status, console.file.getvalue()


def test_from_a_search_to_a_champion(places: Places, tiny_images: Path) -> None:
    run_study(hunt(5), Options(tiny_images, slots=1), places, View(), make)
    before = answer_of(recorded(places.study("hunt")))
    assert "python -m search.best --study hunt" in before.sentence

    status, said = crowned(places)
    assert status == 0
    assert "Registered in MLflow: models:/hunt@champion (version 1)" in said
    found = answer_of(recorded(places.study("hunt"))).search
    assert found is not None and found.best is not None and found.evidence is not None
    retrained = recorded(places.study("hunt-best"))
    assert [record.config.seed for record in retrained.records] == [0, 1]
    assert all(record.config.train_on_validation for record in retrained.records)
    assert retrained.records[0].config.learning_rate == found.best.config.learning_rate
    assert retrained.records[0].config.depth == found.best.config.depth
    assert found.evidence.sentence in " ".join(said.split())

    client = MlflowClient(places.tracking_uri)
    version = client.get_model_version_by_alias("hunt", "champion")
    assert version.description is not None
    assert version.description.startswith("# Model card: hunt")
    assert version.tags["trial"] in ("0", "1")
    (run,) = client.search_runs(
        [client.get_experiment_by_name("hunt-best").experiment_id],
        "tags.role = 'study'",  # type: ignore[union-attr]
    )
    assert run.info.status == "FINISHED"
    assert {file.path for file in client.list_artifacts(run.info.run_id)} >= {"answer.html", "model_card.md", "figures"}
    card = (places.study("hunt-best") / "model_card.md").read_text()
    assert f"```\n{REQUEST}\n```" in card
    for text in (
        "Not for diagnosis",
        "photographs",
        "recall, eosinophil",
        "models:/hunt@champion",
        "| this configuration |",
    ):
        assert text in card
    assert f"Trial {found.best.number} of the search `hunt` (5 trials), the best by validation accuracy." in card
    assert "Retrained on 2 new seeds" in (places.study("hunt") / "answer.html").read_text()

    # again: nothing is trained, the version stays
    status, said = crowned(places)
    assert "(version 1)" in said
    assert len(recorded(places.study("hunt-best")).records) == 2

    # another trial of the search is another model, beside the first
    other = next(r for r in recorded(places.study("hunt")).records if r.number not in (0, found.best.number))
    status, said = crowned(places, trial=other.number)
    assert "(version 2)" in said
    assert recorded(places.study("hunt-best-2")).records[0].config.depth == other.config.depth
    assert client.get_model_version_by_alias("hunt", "champion").version == version.version + 1


def test_refusals(places: Places, tiny_images: Path) -> None:
    with pytest.raises(SettingsError, match=r"hunt: no such study in .*there are: none yet"):
        crowned(places)
    run_study(hunt(2), Options(tiny_images, slots=1), places, View(), make)
    with pytest.raises(SettingsError, match=r"--trial 99: no finished trial of hunt; on the Pareto front: \d"):
        crowned(places, trial=99)
    run_study(question(seeds=1), Options(tiny_images, slots=1), places, View(), make)
    with pytest.raises(SettingsError, match=r"--study rates: no search; allowed: a search that was run, as joint"):
        crowned(places, study="rates")


def test_a_search_that_learnt_nothing_recommends_nothing(
    places: Places, tiny_images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_study(hunt(2), Options(tiny_images, slots=1), places, View(), make)
    monkeypatch.setattr("search.answer.search_result.has_learnt", lambda trial: False)
    message = (
        r"--study hunt: No answer: none of 2 trials learnt more than a little in 3 epochs, so none is recommended\."
    )
    with pytest.raises(SettingsError, match=message):
        crowned(places)
    assert crowned(places, trial=0)[0] == 0  # who names one knows what they do


def test_other_images_are_refused_before_anything_is_trained(places: Places, tiny_images: Path, tmp_path: Path) -> None:
    run_study(hunt(2), Options(tiny_images, slots=1), places, View(), make)
    other = tmp_path / "other"
    shutil.copytree(tiny_images, other)
    next(other.glob("TRAIN/*/*")).unlink()
    with pytest.raises(SettingsError, match=r"--data .*other: other images than the search's"):
        crowned(places, data=str(other))
    assert not places.study("hunt-best").exists()


def test_fewer_seeds_than_before_are_the_seeds_of_before(places: Places, tiny_images: Path) -> None:
    run_study(hunt(2), Options(tiny_images, slots=1), places, View(), make)
    assert crowned(places, seeds=3)[0] == 0
    assert crowned(places, seeds=1)[0] == 0
    assert len(recorded(places.study("hunt-best")).finished) == 3


def test_early_stopping_is_retrained_as_long_as_it_learnt() -> None:
    found = trial_record(1, n_epochs=6)
    assert as_long_as_it_learnt(found) is found.config
    stopping = found.config.model_copy(update={"early_stopping_patience": 2, "epochs": 600})
    best = max(found.epochs, key=lambda epoch: epoch.val_accuracy).epoch
    assert as_long_as_it_learnt(dataclasses.replace(found, config=stopping)).epochs == best


def test_the_images_are_gone(places: Places, tiny_images: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.symlink_to(tiny_images)
    run_study(hunt(1), Options(gone, slots=1), places, View(), make)
    noted = places.study("hunt") / "study.json"
    noted.write_text(noted.read_text().replace(str(tiny_images), "/nowhere").replace(str(gone), "/nowhere"))
    with pytest.raises(SettingsError, match=r"/nowhere: the search's images are not there; say where .* with --data"):
        crowned(places)


def test_what_is_retrained_is_the_whole_configuration() -> None:
    config = TrainConfig.of({"depth": 2, "batch_size": 20, "seed": 7, "early_stopping_patience": 3, "trial": "x"})
    assert fixed_of(config) == {"depth": 2, "batch_size": 20, "train_on_validation": True}
    study = retraining(hunt(1), config, BEST, 4)
    assert (study.name, study.seeds, study.kind) == ("hunt-best", 4, "reference")
    assert study.base_config().depth == 2


def test_bad_input_ends_with_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = ["--runs", str(tmp_path), "--no-stack"]
    assert best.main(["--study", "joint", "--seeds", "0", *runs]) == 2
    assert capsys.readouterr().err == "--seeds 0: at least 1\n"
    assert best.main(["--study", "joint", *runs]) == 2
    assert "joint: no such study in " in capsys.readouterr().err


def test_after_a_confirmation_one_that_was_trained_again_is_retrained_alone(places: Places, tiny_images: Path) -> None:
    """The search has compared it with the reference model."""
    start = Start(params={"learning_rate": 0.001, "depth": 4}, why="")
    study = hunt(2, sampler="random", confirm=1).model_copy(update={"starts": (start,)})
    run_study(study, Options(tiny_images, slots=1), places, View(), make)
    status, said = crowned(places, trial=1)
    assert status == 0
    assert "Registered in MLflow: models:/hunt@champion (version 1)" in said
    assert len(recorded(places.study("hunt-best")).finished) == 2
    assert not places.study("hunt-best-reference").exists()
    assert "Retrained on 2 new seeds with all TRAIN photographs, it classifies" in " ".join(said.split())
