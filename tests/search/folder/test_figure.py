"""What a search looks for, and what a training at chance is to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from search.folder.figure import figure_of
from search.folder.record import Role
from search.study.confirm import candidates
from tests.search.answer.made import trial
from tests.search.fabricate import trial_record
from tests.search.workshop import hunt


@pytest.mark.parametrize(
    ("role", "start", "there"), [("search", 7, True), ("search", None, False), ("confirm", None, True)]
)
def test_a_training_of_a_search_that_stays_at_chance_has_no_figure(role: Role, start: int | None, there: bool) -> None:
    record = replace(trial(0, {"pooling": "max"}, 0, start=start), role=role)
    assert record.finished is not None
    assert figure_of(hunt(), record) == (record.finished.splits["val"].accuracy if there else None)


def test_nor_has_one_that_breaks_a_constraint_or_failed() -> None:
    record = replace(trial(0, {"pooling": "max"}, 0, start=7), role="search")
    assert record.finished is not None
    assert figure_of(hunt(constraints={"parameters": record.finished.parameters}), record) is not None
    assert figure_of(hunt(constraints={"parameters": record.finished.parameters - 1}), record) is None
    assert figure_of(hunt(), trial_record(0, end="error")) is None


def test_what_stayed_at_chance_is_not_trained_again() -> None:
    records = [
        replace(trial(number, {"depth": number}, 0, start=start), role="search")
        for number, start in ((1, 7), (2, None))
    ]
    results = [(record.params, record.role, figure_of(hunt(), record)) for record in records]
    assert [dict(params)["depth"] for params in candidates(results, None)] == [1]
