"""A study of code of one's own: tried before the first trial, kept beside its trials, refused where it was changed."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from search import run
from search.best import Request, crown
from search.console.callbacks import View
from search.controller.own_code import MOST, configs_of
from search.controller.session import Options, run_study
from search.errors import ChangedStudyError, ExecutorError, StudyFileError
from search.executors import Executor, TrainerSource
from search.folder.load import recorded
from search.folder.manifest import read_manifest
from search.settings import Places
from search.study import Study
from search.study.toml_file import load_study
from tests.search.installation import Installation, copy_database, mlflow_tables
from tests.search.workshop import Noops, Watcher

# MLflow's own models, when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

ROOT = Path(__file__).resolve().parents[3]
STUDY = """\
question = "How wide must it be?"
seeds = 1

[scientific."model.units"]
levels = [8, 16]
reference = 16

[fixed]
model = "my_model.py:build"
epochs = 2
"""
SEARCH = """\
question = "How wide must it be?"

[search]
n_trials = 3

[scientific."model.units"]
low = 8
high = 64

[scientific.learning_rate]
low = 1e-4
high = 1e-2
log = true

[fixed]
model = "my_model.py:build"
epochs = 2
"""
MODEL = "def build(config, input_shape, class_names):\n    return config.model.units\n"


@pytest.fixture(scope="module")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mlflow_tables(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture
def house(tmp_path: Path, mlflow_template: Path, tiny_images: Path) -> Installation:
    runs = tmp_path / "runs"
    runs.mkdir()
    copy_database(mlflow_template, runs / "mlflow.db")
    return Installation(Places.of(str(runs)), tiny_images)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "my_model.py").write_text(MODEL)
    (folder / "width.toml").write_text(STUDY)
    return folder


def width(files: Path, text: str = STUDY) -> Study:
    (files / "width.toml").write_text(text)
    return load_study(str(files / "width.toml"))


def log_of(folder: Path) -> str:
    return "".join(path.read_text() for path in (folder / "slots").iterdir())


def test_code_is_kept_tried_once_and_shown(house: Installation, files: Path) -> None:
    view = Watcher()
    outcome = house.run(width(files), view=view)
    assert [record.params for record in outcome.records] == [
        {"model.units": 8, "seed": 0}, {"model.units": 16, "seed": 0},
    ]  # fmt: skip
    assert (outcome.folder / "code" / "my_model.py").read_text() == MODEL
    manifest = read_manifest(outcome.folder)
    assert manifest is not None and manifest.study.code is not None
    digest = manifest.study.code.digests["my_model.py"]
    assert manifest.record.design["code"] == {"my_model.py": digest}
    assert view.said[1:3] == [
        "Your code is tried before the first trial: my_model.py",
        "my_model.py:build: 1,234 parameters, 5,678 FLOPs an image",
    ]
    page = (outcome.folder / "answer.html").read_text("utf-8")
    assert f"my_model.py (SHA-256 {digest[:12]})" in page
    assert "The layers of my_model.py:build" in page
    assert "<td>Dense</td>" in page

    (files / "my_model.py").rename(files / "elsewhere.py")  # a study on disk stands alone
    assert recorded(outcome.folder).study.code == manifest.study.code
    (files / "elsewhere.py").rename(files / "my_model.py")
    more = width(files, STUDY.replace("seeds = 1", "seeds = 2"))
    house.run(more)
    assert log_of(outcome.folder).count("noop: tried") == 1
    house.run(width(files, STUDY.replace("[8, 16]", "[8, 16, 32]")).override(seeds=2))
    assert log_of(outcome.folder).count("noop: tried") == 2


def test_a_changed_file_is_refused_with_the_difference(house: Installation, files: Path) -> None:
    outcome = house.run(width(files))
    (files / "my_model.py").write_text(MODEL.replace("units", "width"))
    with pytest.raises(ChangedStudyError) as raised:
        house.run(width(files))
    lines = str(raised.value).splitlines()
    assert lines[0] == "The study width has trials that were made otherwise:"
    assert lines[1].startswith("  code.my_model.py: SHA-256 ")
    assert lines[2:7] == [
        "  --- my_model.py (of the trials)",
        "  +++ my_model.py (now)",
        "  @@ -1,2 +1,2 @@",
        "   def build(config, input_shape, class_names):",
        "  -    return config.model.units",
    ]
    assert lines[-1].endswith("or start a new study beside it with --fresh.")
    fresh = house.run(width(files), fresh=True)
    assert fresh.folder.name == "width-2"
    assert "config.model.width" in (fresh.folder / "code" / "my_model.py").read_text()
    assert (outcome.folder / "code" / "my_model.py").read_text() == MODEL


WITHOUT_POOLING = """\
import keras


def build(config, input_shape, class_names):
    images = keras.Input(input_shape, dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(images))
    return keras.Model(images, keras.layers.Dense(len(class_names))(x))
"""
PROBLEM = "my_model.py, line 2: ValueError: no"


def test_code_that_cannot_be_trained_leaves_nothing_behind(house: Installation, files: Path) -> None:
    with pytest.raises(StudyFileError) as raised:
        house.run(width(files), settings={"wrong": [PROBLEM]})
    assert str(raised.value) == f"The study width cannot train your code:\n  {PROBLEM}"
    assert not house.places.studies.exists()


def test_of_a_study_that_has_trials_only_the_new_file_goes(house: Installation, files: Path) -> None:
    levels = '[scientific.model]\nlevels = ["reference", {}]\nreference = "reference"\n'
    text = 'question = "Which is best?"\nseeds = 1\n' + levels
    outcome = house.run(width(files, text.format('"my_model.py:build"')))
    (files / "other.py").write_text("wrong")
    both = text.format('"my_model.py:build", "other.py:build"')
    with pytest.raises(StudyFileError):
        house.run(width(files, both), settings={"wrong": [PROBLEM]})
    assert [path.name for path in (outcome.folder / "code").iterdir()] == ["my_model.py"]
    (files / "other.py").write_text("right")
    mended = house.run(width(files, both))
    assert [record.params["model"] for record in mended.records] == [
        "reference", "my_model.py:build", "other.py:build",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("exit", "The slot that was to try your code ended without an answer. The end of its log ("),
        ("hang", "The slot that was to try your code said nothing for 2 s (--hang-s) and was ended. The end of its "),
    ],
)
def test_a_slot_that_does_not_answer(house: Installation, files: Path, wrong: str, message: str) -> None:
    with pytest.raises(ExecutorError) as raised:
        house.run(width(files), settings={"wrong": wrong}, hang_s=2.0)
    assert str(raised.value).startswith(message)
    assert "noop: tried" in str(raised.value)


def test_what_is_tried_are_the_ends_and_corners(files: Path) -> None:
    found = configs_of(width(files, SEARCH))
    assert [config.model_extra for config in found] == [{"model.units": 8}, {"model.units": 64}]
    levels = ", ".join(str(n) for n in range(1, 61))
    assert len(configs_of(width(files, STUDY.replace("[8, 16]", f"[{levels}]")))) == MOST


def test_what_is_tried_are_all_combinations_and_no_inactive_parameter(files: Path) -> None:
    levels = 'levels = ["reference", "my_model.py:build"]\nreference = "reference"\n'
    crossed = (
        f'question = "Q?"\nseeds = 1\n[scientific.model]\n{levels}[scientific.pooling]\nlevels = ["blur", "max"]\n'
    )
    found = configs_of(width(files, crossed + 'reference = "max"\n'))
    assert [(config.model, config.pooling) for config in found] == [
        ("my_model.py:build", "max"), ("my_model.py:build", "blur"),
    ]  # fmt: skip
    space = '[scientific.model]\nlevels = ["reference", "my_model.py:build"]\n[scientific.depth]\nlow = 1\nhigh = 3\n'
    searched = f'question = "Q?"\n[search]\nn_trials = 3\n{space}'
    assert {config.depth for config in configs_of(width(files, searched))} == {3}
    only = 'when = {model = ["reference"]}\n'
    assert [config.depth for config in configs_of(width(files, searched + only))] == [3]
    ours = 'when = {model = ["my_model.py:build"]}\n'
    assert {config.depth for config in configs_of(width(files, searched + ours))} == {1, 3}


def test_the_command_refuses_a_question_about_what_the_model_never_reads(
    tmp_path: Path, tiny_images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the real trainer."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(WITHOUT_POOLING)
    arguments = ["--study", "pooling", "--data", str(tiny_images), "--runs", "runs", "--no-stack", "--gpus", "none"]
    assert run.main([*arguments, "--model", "mine.py:build", "--slots", "1"]) == 2
    said = " ".join("".join(capsys.readouterr()).split())
    assert "The study pooling cannot train your code: mine.py, line 4: build never reads config.pooling," in said
    assert not Path("runs", "studies").exists()


def test_a_search_over_a_model_of_ones_own_to_its_champion(house: Installation, files: Path) -> None:
    """The code goes into the study that retrains, which has the reference model beside it."""

    def make(source: TrainerSource, logs: Path) -> Executor:
        return Noops(source, logs, {"models": True})

    run_study(width(files, SEARCH), Options(house.data, slots=1), house.places, View(), make)
    shutil.rmtree(files)
    console = Console(file=io.StringIO(), width=120)
    wanted = Request("width", seeds=1)
    assert crown(wanted, Options(Path(), slots=1), house.places, console, make) == 0
    best, reference = (recorded(house.places.study(f"width-{name}")) for name in ("best", "best-reference"))
    assert best.study.fixed["model"] == "my_model.py:build"
    assert isinstance(best.study.fixed["model.units"], int)
    assert (house.places.study("width-best") / "code" / "my_model.py").read_text() == MODEL
    assert "model" not in reference.study.fixed
    assert reference.study.code is None


def test_the_command_takes_a_model_and_refuses_what_is_wrong_with_it(
    tmp_path: Path, tiny_images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the real trainer."""
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("def build(config, input_shape, class_names):\n    return 1 / 0\n")
    arguments = ["--study", "reference", "--data", str(tiny_images), "--runs", "runs", "--no-stack", "--slots", "1"]
    assert run.main([*arguments, "--model", "mine.py:build", "--gpus", "none"]) == 2
    said = capsys.readouterr()
    expected = "The study reference cannot train your code:\n  mine.py, line 2: ZeroDivisionError: division by zero\n"
    assert expected in said.out + said.err
    assert not Path("runs", "studies").exists()
    assert run.main([*arguments, "--model", "theirs.py:build"]) == 2
    assert '--set model: found "theirs.py"; there is no such file' in "".join(capsys.readouterr())
    assert run.main([*arguments, "--model", "mine.py:build", "--dry-run"]) == 0
    said = capsys.readouterr()
    assert "not estimated for code of your own" in said.out
    assert "code: mine.py, which a trainer tries before the first trial\n" in said.out


TINY: Mapping[str, Any] = {"image_height": 32, "image_width": 32, "batch_size": 16, "epochs": 1}


@pytest.mark.parametrize(
    ("example", "change", "params"),
    [
        (
            "mobilenet",
            lambda text: text.replace("[0.35, 1.0]", "[0.35, 0.5]").replace("reference = 1.0", "reference = 0.5"),
            [{"model.alpha": 0.35}, {"model.alpha": 0.5}],
        ),
        (
            "stain",
            lambda text: text.replace('"photometric", ', ""),
            [{"augmentation": "none"}, {"augmentation": "stain.py:build"}],
        ),
    ],
)
def test_an_example(
    house: Installation, tmp_path: Path, example: str, change: Callable[[str], str], params: list[dict[str, Any]]
) -> None:
    """By the real trainer, at tiny size."""
    from search.executors import LocalExecutor

    folder = tmp_path / example
    shutil.copytree(ROOT / "studies" / "examples" / example, folder)
    path = folder / f"{example}.toml"
    path.write_text(change(path.read_text()))
    study = load_study(str(path)).override(seeds=1, fixed=TINY)

    def make(source: TrainerSource, logs: Path) -> Executor:
        return LocalExecutor(source, logs, gpus=[])

    outcome = run_study(study, Options(house.data, slots=1), house.places, View(), make)
    assert [record.state for record in outcome.records] == ["COMPLETE"] * 2
    assert [record.params for record in outcome.records] == [{**level, "seed": 0} for level in params]
    few, many = (record.finished.parameters for record in outcome.records if record.finished)
    assert (few < many) == (example == "mobilenet")
    noted = json.loads((outcome.folder / "models.json").read_text())
    assert [model["parameters"] for model in noted["models"]] == ([many] if example == "mobilenet" else [])
