"""A search in a folder of runs where a question was answered, from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.folder.manifest import read_manifest
from search.settings import Places
from search.study import Study
from tests.search.installation import Installation, copy_database, mlflow_tables
from tests.search.workshop import Watcher, hunt, question

# MLflow's own models, when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


@pytest.fixture
def here(tmp_path: Path, tiny_images: Path) -> Installation:
    runs = tmp_path / "Ada's runs"
    runs.mkdir()
    copy_database(mlflow_tables(runs.parent), runs / "mlflow.db")
    return Installation(Places.of(str(runs)), tiny_images)


def noted(folder: Path) -> Study:
    manifest = read_manifest(folder)
    assert manifest is not None
    return manifest.study


def test_a_search_starts_from_what_a_question_found(here: Installation) -> None:
    here.run(question((0.01, 0.001), seeds=2))
    view = Watcher()
    without = here.run(hunt(1), prior=False, view=view)
    assert noted(without.folder).starts == noted(without.folder).observed == ()
    assert not [sentence for sentence in view.said if "starts from" in sentence]

    outcome = here.run(hunt(3), fresh=True, view=view)
    said = (
        "It starts from: the reference model; rates: learning rate 0.001; 4 trainings of rates with equal settings "
        "count as observed. (What questions on the same images found; --no-prior begins without.)"
    )
    assert said in view.said
    assert [dict(record.params) for record in outcome.records][:2] == [
        {"learning_rate": 0.0005, "depth": 4},
        {"learning_rate": 0.001, "depth": 4},
    ]
    assert len(outcome.records) == 3
    study = noted(outcome.folder)
    assert (len(study.starts), len(study.observed)) == (1, 4)
    assert "rates: learning rate 0.001; 4 trainings of rates" in (outcome.folder / "answer.html").read_text()

    again = here.run(hunt(4), prior=False)  # what it began with stays
    assert again.folder == outcome.folder
    assert (noted(again.folder).starts, noted(again.folder).observed) == (study.starts, study.observed)
    assert len(again.records) == 4
