"""The checklist after CLAIM 2024 and TRIPOD+AI: complete, filled in where a study knows, open where it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from search.answer import Recorded, answer_of
from search.checklist import ITEMS
from search.pages.checklist import checklist
from search.study import Study
from tests.search.answer.made import COMMAND, pooling, question, trial
from tests.search.fabricate import data_info, trial_record

LEVELS = {"max": 0.6, "average": 0.35, "blur": 0.61}


def test_every_item_of_both_is_there() -> None:
    assert [item.claim for item in ITEMS if item.claim is not None] == list(range(1, 45))
    assert {number for item in ITEMS for number in item.tripod} == set(range(1, 28))
    for item in ITEMS:
        assert item.known is not None or item.left, f"{item.asks}: nobody answers it"


def known(recorded: Recorded) -> dict[int, str]:
    answer = answer_of(recorded)
    return {item.claim: item.known(answer) for item in ITEMS if item.known and item.claim}


def test_what_a_study_knows_is_filled_in() -> None:
    failed = trial_record(50, {"pooling": "blur"}, end="error", seed=7)
    folds = data_info(folds=5, photographs_by="the pixels", bad_files=2)
    found = known(replace(question(LEVELS, seeds=5, spread=0.02, extra=[failed]), data=folds))
    assert "equivalence within 5 points" in found[6]
    assert "Folder blood-cells. 800 images" in found[7]
    assert found[10] == "Left out: 2 files that could not be read."
    assert "(5 folds)" in found[19]
    assert found[20] == "Partitions share no photograph. Photographs are known by: the pixels."
    assert found[21].startswith(
        "20 test photographs (5 eosinophil, 5 lymphocyte, 5 monocyte and 5 neutrophil); with 5 "
    )
    assert "4 blocks" in found[22]
    assert "Varied in this study: pooling." in found[22]
    assert "Tensorflow 2.21.0" in found[23]
    assert found[25].startswith("Adam, learning rate 0.0005, batches of 100, 10 epochs, dropout 0, no augmentation")
    assert "15 trainings finished, 5 seeds of each level. Hardware: x86_64 (CPU)." in found[25]
    assert "Holm" in found[29]
    assert found[30] == "Repeated over 5 seeds and 5 folds of validation photographs."
    assert found[37].startswith("At learning rate 0.0005, test accuracy is lower with average pooling (")
    assert found[38].startswith("Reference level: test accuracy 6")
    assert "recall of monocyte " in found[38]
    assert found[39].startswith("Trainings that failed: 1 crashed. ")


def test_leaks_that_were_kept_are_not_hidden() -> None:
    leaking = data_info(leaks="keep", caveats=("TRAIN and TEST share photographs.",))
    found = known(replace(question(LEVELS), data=leaking))
    assert found[20] == (
        "Photographs that stand in TRAIN and in TEST were kept in both. TRAIN and TEST share photographs."
    )
    assert "TRAIN and TEST share photographs." in found[40]


@pytest.mark.parametrize("data", [None, data_info()])
def test_studies_without_a_trial_have_one_too(data: object) -> None:
    for study in (pooling(), Study.model_validate({"name": "reference", "question": "How well?", "seeds": 2})):
        text = checklist(answer_of(Recorded("x", study, data, COMMAND, ())))  # type: ignore[arg-type]
        assert "For you to fill in: funding." in text


def test_the_page() -> None:
    text = checklist(answer_of(question(LEVELS, seeds=5, demo=True)))
    assert text.count("<tr><td>") == len(ITEMS)
    assert "<tr><td>20</td><td>12</td><td>Level at which partitions are disjoint</td><td>Partitions share no" in text
    assert "e240300" in text
    assert "e078378" in text
    assert "drawn cells" in text
    assert '<a href="answer.html">' in text
    assert "http" not in text, "it needs no network"


def test_a_single_configuration_is_not_called_a_comparison() -> None:
    study = Study.model_validate({"name": "reference", "question": "How well?", "seeds": 2})
    records = tuple(trial(n, {"seed": n}, n, spread=0.05) for n in range(2))
    found = known(Recorded("reference", study, data_info(), COMMAND, records))
    assert found[6] == "Development: one configuration, trained on several seeds."
    assert "Holm" not in found[29]
    assert found[38].startswith("test accuracy ")
