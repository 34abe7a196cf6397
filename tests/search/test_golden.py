"""Studies as earlier versions left them (tests/search/golden): every later version reads them, or refuses in words."""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from mlflow import MlflowClient

from search import list as listing
from search import report, sync
from search.errors import ChangedStudyError, StorageError
from search.folder.journal import read_trials
from search.folder.manifest import VERSION, compare, read_manifest
from search.settings import Places

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

GOLDEN = Path(__file__).parent / "golden"
WRITTEN_IN = "/old/runs"  # the folder of runs, as the files and databases name it
NAME = "pooling-demo"


@pytest.fixture(params=sorted(path.name for path in GOLDEN.glob("v*")))
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Places:
    """A folder of runs with the study in it."""
    golden, places = GOLDEN / request.param, Places.of(str(tmp_path))
    for file in golden.rglob("*.json*"):
        copy = places.study(NAME) / file.relative_to(golden)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.read_text().replace(WRITTEN_IN, str(tmp_path)))
    for name in ("optuna", "mlflow"):
        dump = gzip.decompress((golden / f"{name}.sql.gz").read_bytes()).decode()
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as database:
            database.executescript(dump.replace(WRITTEN_IN, str(tmp_path)))
    return places


def test_it_is_listed(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    assert listing.main(["--runs", str(places.runs)]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if NAME in line]
    assert [cell.strip() for cell in re.split("[│┃]", row)[1:6]] == [NAME, "4", "4", "0", "finished"]


def test_its_records_are_whole(places: Places) -> None:
    records = list(read_trials(places.study(NAME) / "trials"))
    assert [(record.number, record.state, record.params["pooling"]) for record in records] == [
        (0, "COMPLETE", "max"),
        (1, "COMPLETE", "average"),
        (2, "COMPLETE", "max"),
        (3, "COMPLETE", "average"),
    ]
    assert {record.config.folds for record in records} == {5}  # a fifth of the photographs validated
    assert all(len(record.epochs) == 2 and record.finished for record in records)


def test_its_answer_is_made_again(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    """The page, MLflow's and the dashboard's, from both old databases."""
    assert report.main(["--study", NAME, "--runs", str(places.runs), "--no-stack"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert f"{NAME}: What does the pooling do, on drawn cells?" in said.out
    assert (places.study(NAME) / "answer.html").exists()
    client = MlflowClient(places.tracking_uri)
    experiment = client.get_experiment_by_name(NAME)
    assert experiment is not None
    (parent,) = client.search_runs([experiment.experiment_id], "tags.role = 'study'")
    assert "What does the pooling do, on drawn cells?" in parent.data.tags["mlflow.note.content"]
    assert "answer.html" in [file.path for file in client.list_artifacts(parent.info.run_id)]
    storage = optuna.storages.RDBStorage(places.storage_url)
    try:
        trials = optuna.load_study(study_name=NAME, storage=storage).get_trials()
    finally:
        storage.remove_session()
        storage.engine.dispose()
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 4


def test_its_stores_know_everything(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    assert sync.main(["--runs", str(places.runs), "--no-stack"]) == 0
    assert f"{NAME}: nothing was missing" in capsys.readouterr().out


def test_one_whose_photographs_were_taken_from_names_is_not_gone_on_with(places: Places) -> None:
    folder = places.study(NAME)
    manifest = read_manifest(folder)
    assert manifest is not None
    found_now = replace(manifest.record.data, grouping="g", photographs_by="found in the pixels")
    with pytest.raises(ChangedStudyError) as raised:
        compare(folder, NAME, manifest.study, found_now)
    assert "photographs: taken from the files' names, which do not tell them -> found in the pixels" in str(
        raised.value
    )
    assert str(raised.value).endswith("start a new study beside it with --fresh.")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"version": VERSION + 1}, f"a newer version's note of a study (version {VERSION + 1}; this one reads up to "),
        ({"study": {}}, "no note of a study: study.name: missing; allowed: "),
        ({"data": None}, "no note of a study: AttributeError: "),
        ({"data": {"name": "x"}}, "no note of a study: TypeError: "),
        ({"name": None, "command": ...}, "no note of a study: KeyError: 'command'"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(
    places: Places, damage: dict[str, object], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list has the other studies all the same."""
    path = places.study(NAME) / "study.json"
    noted = {key: value for key, value in {**json.loads(path.read_text()), **damage}.items() if value is not ...}
    path.write_text(json.dumps(noted))
    with pytest.raises(StorageError) as raised:
        read_manifest(path.parent)
    assert str(raised.value).startswith(f"{path}: this is {words}")
    assert listing.main(["--runs", str(places.runs)]) == 2
    said = capsys.readouterr()
    assert "not begun" in said.out
    assert str(path) in said.err
