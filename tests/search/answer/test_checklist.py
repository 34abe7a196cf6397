"""The checklist after CLAIM 2024 and TRIPOD+AI: complete, filled in where a study knows, open where it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from search.answer import StoredStudy, answer_of
from search.answer.checklist import ITEMS, data, design, results
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


def known(recorded: StoredStudy) -> dict[int, str]:
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


def test_another_measure_and_class_weights_are_told() -> None:
    answer = answer_of(question(LEVELS, seeds=5))
    assert design.goal(answer).endswith(
        "with the reference level in test accuracy: superiority, and equivalence within 5 points."
    )
    assert design.metrics(answer).startswith(
        "Primary outcome: test accuracy (share of images). Beside it: balanced accuracy, macro F1, recall of each class"
    )
    assert "AUROC" not in design.metrics(answer), "no probabilities were kept"
    assert data.imbalance(answer).endswith("neutrophil 25 %.")
    study = pooling(list(LEVELS), 5, measure="balanced_accuracy", fixed={"class_weight": "balanced"})
    made = question(LEVELS, seeds=5, study=study)
    weighted = tuple(
        replace(record, config=record.config.model_copy(update={"class_weight": "balanced"})) for record in made.records
    )
    other = answer_of(replace(made, records=weighted))
    assert "in test balanced accuracy: superiority" in design.goal(other)
    assert design.metrics(other).startswith(
        "Primary outcome: test balanced accuracy (the mean over classes of recall: chance is one divided by the number "
        "of classes). Beside it: accuracy, macro F1, "
    )
    assert design.metrics(other).endswith("training balanced accuracy and validation balanced accuracy.")
    assert design.selection(other).startswith("Validation balanced accuracy alone chooses. ")
    assert design.specification(other).startswith("The best model by validation balanced accuracy is kept")
    assert "cross-entropy with balanced class weights. 15 trainings" in design.training(other)
    assert data.imbalance(other).endswith(
        "neutrophil 25 %. Class weights in the training loss: balanced. Decided by balanced accuracy in place of "
        "accuracy."
    )
    assert results.by_class_performance(other).startswith("Reference level: test balanced accuracy 60.1 % (50 to 70); ")
    some = answer_of(replace(made, records=(*weighted[:5], *made.records[5:])))
    assert "Class weights in some trainings' loss: balanced." in data.imbalance(some)


def test_nothing_of_the_reference_model_is_said_of_one_of_ones_own() -> None:
    fixed = {"model": "backbone.py:build", "color": True, "model.weights": "imagenet.h5"}
    digests = {"backbone.py": "ab" * 32, "imagenet.h5": "cd" * 32}
    data = {"name": "wide", "question": "How well?", "seeds": 2, "fixed": fixed, "files": ["imagenet.h5"]}
    data["code"] = {"paths": {name: f"/code/{name}" for name in digests}, "digests": digests}
    records = tuple(trial(n, {**fixed, "seed": n}, n, study="wide") for n in range(2))
    recorded = StoredStudy("wide", Study.model_validate(data), data_info(), COMMAND, records)
    found = known(recorded)
    assert found[1] == "Deep learning: a network of one's own, built by backbone.py:build."
    assert "3 channels. Built by backbone.py:build, of which the page of the answer lists the layers" in found[22]
    assert "convolution" not in found[22]
    assert "code of one's own: backbone.py (SHA-256 abababababab), imagenet.h5 (SHA-256 cdcdcdcdcdcd)" in found[23]
    assert found[24] == (
        "As backbone.py:build says; what is drawn at random is fixed by each training's seed. Files that it may read: "
        "imagenet.h5."
    )
    assert "dropout" not in found[25], "the code may have none"
    assert "in colour, values of 0 to 255." in found[9]


def test_a_model_of_ones_own_beside_the_reference_model() -> None:
    space = {"model": {"levels": ["reference", "backbone.py:build"], "reference": "reference"}}
    data = {"name": "which", "question": "Which?", "seeds": 2, "scientific": space}
    found = known(StoredStudy("which", Study.model_validate(data), data_info(), COMMAND, ()))
    assert found[1] == (
        "Deep learning: a convolutional network that classifies images, trained from random weights; a network of "
        "one's own, built by backbone.py:build."
    )
    assert found[24] == (
        "As backbone.py:build says; what is drawn at random is fixed by each training's seed. The reference model: "
        "random, by Keras's default initializers, fixed by each training's seed; no pretrained weights."
    )
    assert "4 blocks" in found[22]


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
        text = checklist(answer_of(StoredStudy("x", study, data, COMMAND, ())))  # type: ignore[arg-type]
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
    found = known(StoredStudy("reference", study, data_info(), COMMAND, records))
    assert found[6] == "Development: one configuration, trained on several seeds."
    assert "Holm" not in found[29]
    assert found[38].startswith("test accuracy ")
