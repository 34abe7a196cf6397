"""Looks in a whole run: the manifest, the page, the note, the command line."""

from __future__ import annotations

import json

import pytest

from search.answer import recorded
from search.errors import ChangedStudyError
from search.folder.manifest import read_manifest
from search.folder.record import TrialRecord
from tests.search.controller.test_session import Installation, here, mlflow_template
from tests.search.workshop import Watcher, question

__all__ = ["here", "mlflow_template"]

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


def test_looks_are_noted_before_the_first_trial_and_who_has_left_after_each(here: Installation) -> None:
    """The manifest has the design before anything is trained; the page, the note and the list say what was decided."""
    study = question((0.1, 0.001), seeds="5 to 8", epochs=1)  # type: ignore[arg-type]
    noted: list[dict[str, object]] = []

    def look(record: TrialRecord) -> None:
        if not noted:
            noted.append(json.loads((here.places.study("rates") / "study.json").read_text())["design"])

    outcome = here.run(study, view=Watcher(look))
    assert noted[0]["looks"] == study.canonical()["looks"]
    manifest = read_manifest(outcome.folder)
    assert manifest is not None
    assert dict(manifest.record.left) == outcome.answer.recorded.left != {}
    assert recorded(outcome.folder).is_over
    assert "Looks were planned after 5 and 8 replicates" in outcome.answer.sentence
    parent, _ = here.mlflow_runs("rates")
    assert parent.data.metrics["trials"] == len(outcome.records)
    assert "Looks were planned after 5 and 8 replicates" in parent.data.tags["mlflow.note.content"]
    assert "Looks were planned after 5 and 8 replicates" in (outcome.folder / "answer.html").read_text()

    files = here.files()
    again = here.run(study)
    assert again.end == "finished"
    assert here.files() == files
    with pytest.raises(ChangedStudyError, match=r"looks\.after: \[5, 8\] -> none"):
        here.run(question((0.1, 0.001), seeds=9, epochs=1))


def test_seeds_that_are_added_after_the_result_was_seen_are_told(here: Installation) -> None:
    assert here.run(question(seeds=1, epochs=1)).answer.caveats == []
    told = "Replicates were added after the result was seen (at 1), without looks that had been planned"
    for _ in range(2):
        outcome = here.run(question(seeds=2, epochs=1))
        assert told in outcome.answer.sentence
        assert told in (outcome.folder / "answer.html").read_text()
        assert recorded(outcome.folder).seen == (1,)
    assert recorded(here.run(question(seeds=3, epochs=1)).folder).seen == (1, 2)
