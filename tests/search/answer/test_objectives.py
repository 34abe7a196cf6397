"""The answer of a search by its objectives and its constraints: the Pareto front, its figure, its tables."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from search.answer import StoredStudy, answer_of
from search.answer.search_result import SearchAnswer, pareto_front, search_answer
from search.answer.tables.rows import tables
from search.answer.words.facts import facts
from search.figures.pareto import _panel, pareto
from search.figures.style import figure
from search.study import Study
from tests.search.answer.made import COMMAND, trial
from tests.search.fabricate import data_info

# depth, share of the validation images that is right, parameters, seconds
TRIALS = [(4, 0.7, 4000, 10.0), (5, 0.9, 5000, 40.0), (2, 0.8, 2000, 60.0), (3, 0.8, 3000, 5.0), (1, 0.3, 1000, 70.0)]


def made(
    constraints: dict[str, Any] | None = None, objectives: tuple[str, ...] = ("val_accuracy", "cost")
) -> StoredStudy:
    data = {
        "name": "joint",
        "question": "Which is best?",
        "scientific": {"depth": {"low": 1, "high": 6}},
        "search": {"n_trials": 5, "objectives": list(objectives)},
        "constraints": constraints or {},
    }
    records = [
        trial(
            number,
            {"depth": depth},
            number,
            (0.9, val, 0.6),
            role="search",
            changes={"parameters": parameters, "train_s": seconds},
        )
        for number, (depth, val, parameters, seconds) in enumerate(TRIALS)
    ]
    return StoredStudy("joint", Study.model_validate(data), data_info(), COMMAND, tuple(records))


def answered(*args: Any) -> SearchAnswer:
    return search_answer(made(*args))


def test_the_front_is_of_all_objectives() -> None:
    assert [record.number for record in answered().front] == [1, 2, 4]
    three = answered({}, ("val_accuracy", "parameters", "train_s"))
    assert (three.axes, three.cost) == (("parameters", "train_s"), "parameters")
    assert [record.number for record in three.front] == [1, 2, 3, 4]
    other = answered({}, ("val_accuracy", "val_macro_f1"))
    assert (other.axes, other.cost) == (("val_macro_f1",), "parameters")
    assert other.front[0].number == 1
    alone = answered({"train_s": 50}, ("val_accuracy",))
    assert (alone.axes, alone.cost) == (("train_s",), "train_s")
    records = made().records
    assert pareto_front([*records, *records], ["parameters"], "accuracy") == list(answered().front)


def test_what_breaks_a_constraint_is_neither_the_best_nor_on_the_front() -> None:
    found = answered({"parameters": 4500})
    assert found.best is not None
    assert found.best.number == 2
    assert [record.number for record in found.front] == [2, 4]
    assert found.words.details[0] == (
        "What is recommended keeps the constraints (parameters at most 4,500); 1 of 5 trials did not."
    )
    none = answered({"parameters": 500})
    assert none.best is None
    assert none.words == (
        "No answer: none of 5 trials that finished keeps the constraints (parameters at most 500).",
        (),
        False,
    )


@pytest.mark.parametrize("objectives", [("val_accuracy", "cost"), ("val_accuracy", "parameters", "train_s")])
def test_the_figure_has_a_panel_an_objective_and_a_line_a_limit(objectives: tuple[str, ...]) -> None:
    recorded = made({"parameters": 4500}, objectives)
    answer = answer_of(recorded)
    assert answer.search is not None
    drawn = pareto(answer, answer.search)
    assert "Crosses break a constraint (parameters at most 4,500), drawn as a dotted line." in drawn.caption
    assert "On the front, with validation accuracy and parameters" in drawn.svg
    axes = figure(3).subplots()
    _panel(axes, "parameters", answer, answer.search)
    (line,) = [line for line in axes.lines if line.get_label() == "at most, by a constraint"]
    assert list(line.get_xdata()) == [4500, 4500]
    (crosses,) = [line for line in axes.lines if line.get_label() == "over a limit"]
    assert list(crosses.get_xdata()) == [5000]
    beside = figure(3).subplots()
    _panel(beside, "train_s", answer, answer.search)
    assert "at most, by a constraint" not in [line.get_label() for line in beside.lines]


def test_tables_and_facts_say_what_is_limited() -> None:
    answer = answer_of(made({"parameters": 4500, "flops_per_image": 1e9}))
    (table,) = [table for table in tables(answer) if table.key == "trials"]
    assert table.columns[-3:] == ("parameters", "FLOPs per image", "training time (s)")
    assert [row[0] for row in table.rows] == ["1 (over a limit)", "2", "3", "0 (reference)", "4"]
    assert dict(facts(answer))["Constraints"] == "parameters at most 4,500, FLOPs per image at most 1,000,000,000"


def test_what_breaks_the_constraints_does_not_make_one_that_learnt_nothing_the_best() -> None:
    found = made({"parameters": 1500})  # the one that keeps them has 0.3, and never started
    kept = found.searched[-1]
    end = kept.finished
    assert end is not None
    idle = dataclasses.replace(kept, events=(*kept.events[:-1], end.model_copy(update={"start_epoch": None})))
    study = dataclasses.replace(found, records=(*found.records[:-1], idle))
    words = search_answer(study).words
    assert not words.ranks
    assert words.headline.startswith("No answer: none of 1 trial within the constraints learnt more than a little")


def test_the_best_is_said_to_be_the_best_of_those_that_keep_the_constraints() -> None:
    assert "Of 3 trials within the constraints the best" in search_answer(made({"parameters": 3500})).words.headline


def test_a_training_at_chance_is_the_best_of_no_search_that_learnt() -> None:
    """Where classes are unequal, chance may be higher than what a training reaches that learnt."""
    found = made()
    best = search_answer(found).best
    assert best is not None
    assert best.finished is not None
    end = best.finished.model_copy(update={"start_epoch": None})
    idle = dataclasses.replace(best, events=(*best.events[:-1], end))
    records = tuple(idle if record.number == best.number else record for record in found.records)
    answer = search_answer(dataclasses.replace(found, records=records))
    assert answer.best is not None
    assert answer.best.number != best.number
    assert best.number not in {record.number for record in answer.front}
