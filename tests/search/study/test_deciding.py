"""A search looks for the measure that decides."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from search.answer.measure_table import MEASURES
from search.study import Study
from search.study.deciding import DECIDING
from search.study.objectives import OBJECTIVES


def search(objectives: list[str] | None = None, **changes: Any) -> Study:
    budget: dict[str, Any] = {"n_trials": 4, **({"objectives": objectives} if objectives else {})}
    scientific = {"depth": {"levels": [1, 2]}}
    data = {"name": "hunt", "question": "Which?", "scientific": scientific, "search": budget, **changes}
    return Study.model_validate(data)


def objectives(study: Study) -> tuple[str, ...]:
    assert study.search is not None
    return study.search.objectives


def test_either_names_the_other() -> None:
    assert (search().measure, objectives(search())) == ("accuracy", ("val_accuracy", "cost"))
    assert objectives(search(measure="macro_f1")) == ("val_macro_f1", "cost")
    assert search(["cost", "val_balanced_accuracy"]).measure == "balanced_accuracy"
    assert search(["cost"]).measure == "accuracy"
    changed = search().override(measure="balanced_accuracy")
    assert (changed.measure, objectives(changed)) == ("balanced_accuracy", ("val_balanced_accuracy", "cost"))


def test_they_must_agree() -> None:
    with pytest.raises(ValidationError, match=r'found "macro_f1" with the objectives .*; allowed: "accuracy"'):
        search(["val_accuracy", "cost"], measure="macro_f1")


def test_each_is_an_objective() -> None:
    assert {f"val_{name}" for name in DECIDING} < set(OBJECTIVES)
    assert OBJECTIVES["val_balanced_accuracy"].words == "validation balanced accuracy"
    directions = {f"val_{name}": measure.direction for name, measure in MEASURES.items()}
    assert directions == {name: OBJECTIVES[name].direction for name in directions}, "every measure of the table"
    assert search(["val_auroc", "val_ece"]).measure == "auroc"
    assert search(["val_loss"]).measure == "accuracy", "the loss is no share, and decides nothing"
    assert (OBJECTIVES["val_loss"].direction, OBJECTIVES["val_ece"].shown(0.0312)) == ("minimize", "0.0312")
