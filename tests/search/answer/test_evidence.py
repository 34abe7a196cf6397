"""What the retraining of a recommended configuration says, with and without the reference model beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from search.answer.evidence import BEST, REFERENCE, Evidence, evidence_of, retraining
from search.folder.load import recorded
from tests.search.answer.made import trial
from tests.search.fabricate import note_study, note_trials
from tests.search.workshop import hunt
from trainer.config import TrainConfig

CONFIG = TrainConfig(learning_rate=0.001, depth=3, epochs=3)


def retrained(runs: Path, what: str, config: TrainConfig, share: float) -> None:
    study = retraining(hunt(), config, what, 2)
    folder = note_study(runs / study.name, study, name=study.name)
    of_record: dict[str, Any] = {"study": study.name}
    note_trials(folder, [trial(n, {"seed": n}, n, (0.9, share, share), **of_record) for n in range(2)])


def found(runs: Path) -> Evidence | None:
    return evidence_of(recorded(note_study(runs / "hunt", hunt(), name="hunt")), CONFIG)


def test_the_recommended_one_may_stand_alone_or_beside_the_reference_model(tmp_path: Path) -> None:
    assert found(tmp_path) is None
    retrained(tmp_path, BEST, CONFIG, 0.8)
    alone = found(tmp_path)
    assert alone is not None
    assert (alone.reference, alone.differences) == (None, {})
    text = "Retrained on 2 new seeds with all TRAIN photographs, it classifies "
    assert alone.sentence.startswith(text)
    assert alone.sentence.endswith(" of the test images correctly.")
    retrained(tmp_path, REFERENCE, hunt().base_config(), 0.6)
    both = found(tmp_path)
    assert both is not None
    assert both.reference is not None
    assert both.sentence.startswith(text)
    assert ", the reference model " in both.sentence
    assert "test" in both.differences
