"""`python -m search.export`: the tables, their dictionary, the document, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import search
from search import export
from search.answer import StoredStudy
from search.api.dictionary import dictionary
from search.api.exported import tables_of
from search.api.tables import trial_table
from search.settings import Places
from search.study import Study
from tests.search.answer.made import pooling, question, trial
from tests.search.answer.test_probabilities import with_scores
from tests.search.fabricate import CLASSES, data_info, note_study, note_trials, trial_record
from trainer.config import TrainConfig

TABLES = ("trials", "epochs", "predictions", "levels", "comparisons")


def laid(recorded: StoredStudy, runs: Path) -> None:
    """The study as it would lie in a folder of runs."""
    folder = note_study(Places.of(str(runs)).study(recorded.name), recorded.study)
    note_trials(folder, recorded.records)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A question with a trial that ran out of memory, a search, and a study whose first trial has not begun."""
    runs = tmp_path_factory.mktemp("runs") / "Ada's runs"
    lost = trial_record(50, {"pooling": "blur"}, end="out_of_memory", seed=7)
    laid(question({"max": 0.6, "average": 0.35, "blur": 0.61}, seeds=5, spread=0.02, extra=[lost]), runs)
    space = {"pooling": {"levels": ["max", "average"]}, "depth": {"low": 1, "high": 6}}
    joint = {"name": "joint", "question": "Which?", "scientific": space, "search": {"n_trials": 4}}
    found = [trial(n, {"pooling": "max", "depth": 2 + n}, n, role="search", study="joint") for n in range(3)]
    laid(StoredStudy("joint", Study.model_validate(joint), data_info(), "", tuple(found)), runs)
    empty = Study.model_validate({"name": "reference", "question": "How well?", "seeds": 2})
    laid(StoredStudy("reference", empty, data_info(), "", ()), runs)
    return runs


def exported(runs: Path, *arguments: str, study: str = "pooling") -> int:
    return export.main(["--study", study, "--runs", str(runs), *arguments])


READERS = {
    "csv": pd.read_csv,
    "json": lambda path: pd.DataFrame(json.loads(path.read_text(encoding="utf-8"))),
    "parquet": pd.read_parquet,
}


@pytest.mark.parametrize("form", export.FORMATS)
def test_every_format_has_the_same_tables(
    runs: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "for the paper" / "tables"
    assert exported(runs, "--format", form, str(folder)) == 0
    names = {f"{table}.{form}" for table in TABLES} | {"columns.csv", "answer.json"}
    assert {path.name for path in folder.iterdir()} == names
    assert list(folder.parent.iterdir()) == [folder], "nothing half-made is left"
    said = capsys.readouterr().out
    assert said.startswith("pooling: 16 of 16 trials have ended\n")
    assert f"  {folder / f'trials.{form}'}  (16 rows)\n" in said
    answer = search.read_answer("pooling", runs=runs)
    for table, expected in answer.tables().items():
        read = READERS[form](folder / f"{table}.{form}")
        assert list(read.columns) == list(expected.columns)
        assert len(read) == len(expected)
        for column in ("test_accuracy", "value", "difference", "train_loss", "images"):
            if column in expected:
                assert read[column].astype(float).equals(expected[column].astype(float)), "to the last digit"


def test_every_column_is_explained(runs: Path, tmp_path: Path) -> None:
    for study in ("pooling", "joint"):
        folder = tmp_path / study
        assert exported(runs, str(folder), study=study) == 0
        columns = pd.read_csv(folder / "columns.csv", keep_default_na=False)
        assert list(columns.columns) == ["table", "column", "type", "unit", "meaning"]
        for path in folder.glob("*.csv"):
            if path.stem != "columns":
                explained = columns[columns["table"] == path.stem]
                assert list(explained["column"]) == list(pd.read_csv(path, nrows=1).columns)
        assert columns["meaning"].str.len().min() > 5
        settings = {name for name in TrainConfig.model_fields if name != "trial"}
        assert settings <= set(columns[columns["table"] == "trials"]["column"])
    known = columns.set_index(["table", "column"])
    assert known.loc[("trials", "train_s"), "unit"] == "s"
    assert known.loc[("trials", "test_recall_MONOCYTE"), "meaning"].startswith("recall of MONOCYTE on the test images")
    assert known.loc[("trials", "batch_size"), "meaning"] == "setting: images a step"


def test_parameters_of_ones_own_are_columns_and_explained(tmp_path: Path) -> None:
    space = {"model.alpha": {"levels": [0.5, 1.0], "reference": 1.0}}
    fixed = {"model": "backbone.py:build", "augmentation": "stain.py:build", "augmentation.amount": 0.3}
    data = {"name": "wide", "question": "How wide?", "seeds": 2, "scientific": space, "fixed": fixed}
    of = {level: {**fixed, "model.alpha": level} for level in (0.5, 1.0)}
    records = [trial(n, of[level], n // 2, study="wide") for n, level in enumerate((0.5, 1.0, 0.5, 1.0))]
    laid(StoredStudy("wide", Study.model_validate(data), data_info(), "", tuple(records)), tmp_path / "runs")
    assert exported(tmp_path / "runs", str(tmp_path / "wide"), study="wide") == 0
    trials = pd.read_csv(tmp_path / "wide" / "trials.csv")
    assert list(trials["model.alpha"]) == [0.5, 1.0, 0.5, 1.0]
    assert set(trials["augmentation.amount"]) == {0.3}
    known = pd.read_csv(tmp_path / "wide" / "columns.csv").set_index(["table", "column"])
    for table, column, kind in (
        ("trials", "augmentation.amount", "augmentation"),
        ("trials", "model.alpha", "model"),
        ("predictions", "model.alpha", "model"),
    ):
        assert known.loc[(table, column), "meaning"] == (
            f"setting: a parameter of the {kind} of one's own; its code says what it means"
        )


def test_the_tables_say_what_the_answer_says(runs: Path) -> None:
    answer = search.read_answer("pooling", runs=runs)
    tables = answer.tables()
    trials = tables["trials"].set_index("trial")
    assert trials.loc[50, ["state", "failure", "requested_mib"]].to_list() == ["PRUNED", "out_of_memory", 4096.0]
    assert trials["test_accuracy"].notna().sum() == 15
    assert str(trials["epochs_run"].dtype) == "Int64"
    levels = tables["levels"]
    of_average = levels[
        (levels["level"] == "average") & (levels["measure"] == "accuracy") & (levels["split"] == "test")
    ]
    interval = answer.levels[1].accuracy["test"]
    assert of_average[["value", "low", "high"]].to_numpy().tolist() == [[interval.value, interval.low, interval.high]]
    assert {"gap", "macro_f1", "recall", "parameters", "train_s"} <= set(levels["measure"])
    assert not levels.duplicated(["level", "measure", "split", "class"]).any()
    comparisons = tables["comparisons"]
    decided = comparisons[comparisons["is_decided"]].set_index("level")
    assert list(decided["verdict"]) == ["lower", "equivalent"]
    assert set(decided["outcome"]) == {"test_accuracy"}
    assert decided.loc["average", "p"] == answer.levels[1].differences["test"].p
    assert set(decided["n_pairs"]) == {5}
    assert comparisons[~comparisons["is_decided"]]["verdict"].isna().all(), "what is described is not decided"


def test_the_measure_that_decides_is_named(tmp_path: Path) -> None:
    study = pooling(["max", "average"], 5, measure="balanced_accuracy")
    made = question({"max": 0.6, "average": 0.35}, seeds=5, study=study)
    laid(replace(made, records=tuple(map(with_scores, made.records))), tmp_path)
    answer = search.read_answer("pooling", runs=tmp_path)
    tables = answer.tables()
    comparisons = tables["comparisons"]
    assert set(comparisons[comparisons["is_decided"]]["outcome"]) == {"test_balanced_accuracy"}
    assert set(comparisons["outcome"]) == {
        "test_balanced_accuracy",
        "train_balanced_accuracy",
        "val_balanced_accuracy",
        "gap",
    }
    levels = tables["levels"]
    assert not levels.duplicated(["level", "measure", "split", "class"]).any()
    splits = {(measure, split) for measure, split in levels[["measure", "split"]].dropna().to_numpy()}
    assert {("balanced_accuracy", split) for split in ("train", "val", "test")} <= splits
    assert {split for measure, split in splits if measure in ("accuracy", "auroc", "specificity")} == {"test"}
    assert levels[levels["measure"] == "ece"][["low", "high"]].isna().all(axis=None)
    assert levels[levels["measure"] == "auroc"][["low", "high"]].notna().all(axis=None)
    assert {"test_auroc", "test_ece", "test_auroc_MONOCYTE", "class_weight"} <= set(tables["trials"])
    assert "val_auroc_MONOCYTE" not in tables["trials"], "probabilities are kept of test images"
    known = dictionary(tables, answer.class_names).set_index(["table", "column"])
    assert known.loc[("trials", "test_auroc_MONOCYTE"), "meaning"].startswith("AUROC of MONOCYTE on the test images")
    found = answer.to_dict()
    assert (found["measure"], found["units"]["accuracy"]) == ("balanced_accuracy", "share: balanced accuracy")
    assert found["levels"][0]["measures"]["ece"]["low"] is None


def test_the_tables_say_what_trained_a_trial() -> None:
    near, away = trial_record(0), trial_record(1)
    away = replace(away, ready=away.ready.model_copy(update={"device_name": "NVIDIA H200", "machine": "lab1"}))
    trials = tables_of([near, away], CLASSES, (), (), "accuracy")["trials"]
    assert trials["machine"].isna().to_list() == [True, False]
    assert trials.loc[1, ["device_name", "machine"]].to_list() == ["NVIDIA H200", "lab1"]
    assert trial_table([near, away]).loc[1, ["device_name", "machine"]].to_list() == ["NVIDIA H200", "lab1"]
    assert str(tables_of([near], CLASSES, (), (), "accuracy")["trials"]["machine"].dtype) == "string"


def test_predictions_add_up_to_the_accuracies(runs: Path) -> None:
    answer = search.read_answer("pooling", runs=runs)
    predictions = answer.tables()["predictions"]
    sums = predictions.groupby(["trial", "split"])[["correct", "images"]].sum()
    trials = answer.trial_table()
    for number, row in trials[trials["state"] == "COMPLETE"].iterrows():
        of_test = sums.loc[(number, "test")]
        assert of_test["correct"] / of_test["images"] == pytest.approx(row["test_accuracy"])
    counts = predictions[[f"predicted_{name}" for name in CLASSES]].sum(axis=1)
    assert (counts == predictions["images"]).all()


def test_a_search_has_no_levels(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exported(runs, str(tmp_path / "x"), study="joint") == 0
    assert "joint: 3 of 4 trials have ended" in capsys.readouterr().out
    assert not (tmp_path / "x" / "levels.csv").exists()
    assert len(pd.read_csv(tmp_path / "x" / "trials.csv")) == 3


def test_the_document(runs: Path, tmp_path: Path) -> None:
    assert exported(runs, str(tmp_path / "x")) == 0
    found = json.loads((tmp_path / "x" / "answer.json").read_text(encoding="utf-8"))
    assert (found["format"], found["version"]) == ("blood-cell-search answer", 1)
    answer = search.read_answer("pooling", runs=runs)
    assert found["sentence"] == answer.sentence
    assert found["levels"][1]["differences"]["test"]["verdict"] == "lower"
    assert found["data"]["class_names"] == list(CLASSES)
    assert found["design"]["seeds"] == 5
    assert found["versions"]["optuna"] == "5.0.0"
    assert not any(key.startswith("_") for key in found)
    assert found == answer.to_dict()


def test_paths_that_are_no_utf_8_are_written_with_escapes(tmp_path: Path) -> None:
    runs, made = tmp_path / "caf\udce9", question({"max": 0.6, "blur": 0.5})
    folder = note_study(Places.of(str(runs)).study("pooling"), made.study, data=data_info(root=f"{runs}/images"))
    note_trials(folder, made.records)
    assert exported(runs, str(tmp_path / "x")) == 0
    document = json.loads((tmp_path / "x" / "answer.json").read_text(encoding="utf-8"))
    assert document["data"]["root"] == f"{tmp_path}/caf\\udce9/images"


def test_a_folder_with_files_is_left_alone(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "trials.csv").write_text("old")
    assert exported(runs, str(tmp_path)) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path}: there are files in this folder (notes.txt, trials.csv). Name a new or an empty one, or write "
        "into it with --force: files of the same names are replaced, others stay.\n"
    )
    assert (tmp_path / "trials.csv").read_text() == "old"
    assert exported(runs, str(tmp_path), "--force") == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert len(pd.read_csv(tmp_path / "trials.csv")) == 16


def test_an_empty_folder_is_filled(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    assert exported(runs, str(tmp_path / "x")) == 0
    assert (tmp_path / "x" / "trials.csv").exists()


def test_a_disk_that_refuses_leaves_nothing(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(table: pd.DataFrame, path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(export.WRITERS, "csv", refuse)
    assert exported(runs, str(tmp_path / "x")) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'x'}: cannot be written: No space left on device\n"
    assert list(tmp_path.iterdir()) == []


def test_refusals(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a file"
    file.write_text("")
    assert exported(runs, str(file)) == 2
    assert capsys.readouterr().err == f"{file}: this is a file; name a folder, new or empty\n"
    assert exported(runs, str(tmp_path / "x"), study="depth") == 2
    assert capsys.readouterr().err.startswith("depth: no such study in ")
    assert exported(runs, str(tmp_path / "x"), study="reference") == 2
    said = "--study reference: no trial of reference has begun, so there is nothing to export\n"
    assert capsys.readouterr().err == said
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    assert exported(runs, "--format", "parquet", str(tmp_path / "x")) == 2
    said = "--format parquet needs pyarrow, which is not installed: pip install pyarrow\n"
    assert capsys.readouterr().err == said
    with pytest.raises(SystemExit) as ended:
        exported(runs, "--format", "xlsx", str(tmp_path / "x"))
    assert ended.value.code == 2
    assert not (tmp_path / "x").exists()
