"""Two crossed parameters: main effects and interactions, what is said of them, and where they are shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from search.answer import answer_of
from search.answer.checklist import ITEMS
from search.answer.factorial import coefficient
from search.answer.headline import headline
from search.answer.measure_table import deciding
from search.answer.measures import Predictions
from search.answer.statistics.intervals import interval_of_difference
from search.answer.statistics.variance import variance_of
from search.answer.tables.markdown import answer_markdown
from search.answer.tables.rows import tables
from search.answer.tables.terminal import print_answer
from search.answer.words.facts import facts
from search.answer.words.method import method
from search.api.conversion import study_answer
from search.api.dictionary import dictionary
from search.figures.factorial import effects, heat_map
from search.figures.gallery import gallery
from tests.search.answer.crossed import crossed, recorded, trained
from tests.search.fabricate import note_study, note_trials

INTERACT = {("max", 0.0): 0.7, ("max", 0.5): 0.7, ("average", 0.0): 0.6, ("average", 0.5): 0.4}
EQUAL = dict.fromkeys(INTERACT, 0.7)


def test_effects_are_contrasts_of_cell_means() -> None:
    """By hand: the means of the cells, and the variance of the same sum over photographs and seeds."""
    found = answer_of(recorded(INTERACT, spread=0.1)).factorial
    assert found is not None
    records = trained(INTERACT, spread=0.1)
    by_cell = {
        cell: deciding("accuracy", Predictions.of([r for r in records if _cell(r.params) == cell], "test"))
        for cell in INTERACT
    }
    signs = {
        ("pooling",): (-0.5, -0.5, 0.5, 0.5),
        ("dropout_rate",): (-0.5, 0.5, -0.5, 0.5),
        ("pooling", "dropout_rate"): (1.0, -1.0, -1.0, 1.0),
    }
    assert [tuple(effect.levels) for effect in found.effects] == list(signs)
    for effect in found.effects:
        weights = signs[tuple(effect.levels)]
        test = effect.differences["test"].estimate
        by_seed = sum(w * one.by_seed for w, one in zip(weights, by_cell.values(), strict=True))
        assert test.by_seed == pytest.approx(by_seed)
        table = sum(w * one.contributions for w, one in zip(weights, by_cell.values(), strict=True))
        first = by_cell["max", 0.0]
        variance = variance_of(np.asarray(table), first.weights, np.unique(first.strata, return_inverse=True)[1])
        low, high, p = interval_of_difference(test.value, variance, level=1 - 0.05 / 3)
        assert test.p == pytest.approx(float(p))
        if effect.differences["test"].is_clear:
            assert (test.low, test.high) == pytest.approx((float(low), float(high)), abs=1e-9)


def _cell(params: object) -> tuple[str, float]:
    return params["pooling"], params["dropout_rate"]  # type: ignore[index]


def test_an_interaction_multiplies_the_signs() -> None:
    reference = {"a": 1, "b": 1}
    effect = {"a": 2, "b": 3}
    signs = [coefficient({"a": a, "b": b}, effect, reference) for a in (1, 2, 3) for b in (1, 2, 3)]
    assert signs == [1, 0, -1, -1, 0, 1, 0, 0, 0]
    assert [coefficient({"a": a, "b": 9}, {"a": 2}, reference) for a in (1, 2, 3)] == [-1, 1, 0]


def test_what_is_found_is_said() -> None:
    answer = answer_of(recorded(INTERACT))
    at = "At learning rate 0.0005, averaged over"
    assert answer.headline.startswith(f"{at} dropout 0 and 0.5, test accuracy is lower with average pooling (−")
    assert f"{at} max and average pooling, test accuracy is lower with dropout 0.5 (−" in answer.headline
    assert (
        "Pooling and dropout interact: the effect of average pooling is lower with dropout 0.5 than with no dropout (−"
        in answer.headline
    )
    assert "the model learns at all 5 seeds for every combination." in answer.sentence
    assert "Validation accuracy is highest for " in answer.sentence
    assert answer.words.ranks


def test_effects_that_add_up_are_said_to_within_the_margin() -> None:
    answer = answer_of(recorded(EQUAL, spread=0.01, seeds=8))
    assert answer.factorial is not None
    assert {effect.differences["test"].verdict for effect in answer.factorial.effects} == {"equivalent"}
    assert (
        "average pooling (" in answer.headline
        and "performs as well as max pooling, to within 5 points" in answer.headline
    )
    assert "The effects of pooling and dropout add up, to within 5 points of test accuracy." in answer.headline


def test_what_cannot_be_told_is_said_with_its_size_and_what_it_would_take() -> None:
    answer = answer_of(recorded(EQUAL, spread=0.2))
    assert (
        "This study cannot tell whether the effect of pooling depends on dropout (average pooling, dropout 0.5: "
        in (answer.headline)
    )
    assert "A study like this one would find a difference of " in answer.sentence


def test_fewer_than_five_seeds_claim_nothing() -> None:
    answer = answer_of(recorded(INTERACT, seeds=3))
    assert answer.factorial is not None
    assert {effect.differences["test"].verdict for effect in answer.factorial.effects} == {"too few seeds"}
    assert "There are too few seeds to decide whether the effect of pooling depends on dropout." in answer.headline
    assert "3 seeds are too few to separate an effect from the luck of the seed" in answer.sentence


def test_holm_counts_effects_that_are_not_known_too() -> None:
    """Effects of a combination without a result are unknown, and the others are no easier to claim for it."""
    three = crossed(5).model_dump(exclude_none=True)
    three["scientific"]["pooling"]["levels"] = ["max", "average", "blur"]
    study = crossed(5, scientific=three["scientific"])
    answer = answer_of(recorded({**EQUAL, ("blur", 0.0): 0.55}, study=study, spread=0.06))
    assert answer.factorial is not None
    known = [effect for effect in answer.factorial.effects if effect.differences]
    assert [dict(effect.levels) for effect in known] == [
        {"pooling": "average"}, {"pooling": "average", "dropout_rate": 0.5},
    ]  # fmt: skip
    test = known[0].differences["test"]
    assert len(answer.factorial.effects) == 5
    assert test.p == pytest.approx(min(1.0, 5 * min(e.differences["test"].estimate.p for e in known)), rel=1e-6) or (
        test.p == 1.0
    )


def test_a_combination_that_does_not_learn_leaves_its_effects_out() -> None:
    study = recorded(INTERACT)
    stuck = trained({("average", 0.5): 0.26}, shares_of_training=0.26)
    others = [r for r in study.records if _cell(r.params) != ("average", 0.5)]
    answer = answer_of(recorded({}, study=study.study, records=[*others, *stuck]))
    assert answer.factorial is not None and not answer.factorial.known
    assert "at none of 5 seeds for average pooling with dropout 0.5" in answer.headline
    assert answer.headline.endswith("No effect is estimated.")
    assert (
        "3 of 3 effects are not estimated, as the model learns at fewer than 80 % of the seeds for average pooling "
        "with dropout 0.5." in answer.sentence
    )
    drawn = heat_map(answer, answer.factorial)
    assert "average pooling with dropout 0.5: learnt at 0 of 5 seeds" in drawn.svg
    assert effects(answer, answer.factorial) is None


def test_nothing_learnt_and_nothing_finished() -> None:
    assert answer_of(recorded({})).headline == "So far (0 of 20 trials): No answer yet: no trial has finished."
    stuck = trained(dict.fromkeys(INTERACT, 0.26), shares_of_training=0.26)
    assert answer_of(recorded({}, study=crossed(5), records=stuck)).headline.startswith(
        "No answer: the reference model"
    )


def test_its_tables() -> None:
    answer = answer_of(recorded(INTERACT))
    found = {table.key: table for table in tables(answer)}
    assert "differences" not in found
    table = found["effects"]
    assert [row[0] for row in table.rows] == ["average pooling", "dropout 0.5", "average pooling x dropout 0.5"]
    assert [row[3] for row in table.rows] == ["lower"] * 3
    assert table.marked == {0, 1, 2}
    assert "A main effect is against max pooling, averaged over dropout 0 and 0.5, or against no dropout" in table.note
    assert found["accuracies"].columns[0] == "pooling x dropout"
    assert [row[0] for row in found["accuracies"].rows] == ["max x 0", "max x 0.5", "average x 0", "average x 0.5"]
    assert found["accuracies"].marked == {0}
    console = Console(width=80, record=True)
    print_answer(answer, console)
    printed = console.export_text()
    assert max(map(len, printed.splitlines())) <= 80
    assert "average pooling x dropout 0.5" in printed
    markdown = answer_markdown(answer)
    assert "| average pooling x dropout 0.5 |" in markdown.replace("**", "")


def test_its_figures_say_the_finding() -> None:
    answer = answer_of(recorded(INTERACT))
    keys = [picture.key for picture in gallery(answer)]
    assert keys[:3] == ["combinations", "effects", "accuracy"]
    assert "confusion_best" in keys
    assert answer.factorial is not None
    drawn = heat_map(answer, answer.factorial)
    assert drawn.title == "Test accuracy by pooling and dropout"
    label = drawn.svg.partition('aria-label="')[2].partition('"')[0]
    assert "Pooling and dropout interact" in label and "lowest: average pooling with dropout 0.5, " in label
    assert "5 of 5 seeds" in drawn.svg
    assert drawn.png[:4] == b"\x89PNG" and drawn.svg_file.startswith(b"<?xml") and drawn.pdf.startswith(b"%PDF")


def test_design_method_and_checklist_know_of_both() -> None:
    answer = answer_of(recorded(INTERACT))
    told = dict(facts(answer))
    assert told["Levels of pooling"] == "max (reference), average"
    assert told["Levels of dropout"] == "0 (reference), 0.5"
    assert told["Seeds"] == "5 of each of 4 combinations, the same for all"
    assert told["Margin"].startswith("5 points")
    assert any("Where a study crosses two parameters" in text for text in method([answer]))
    items = " ".join(item.known(answer) for item in ITEMS if item.known)
    assert (
        "Factorial comparison of pooling and dropout: main effects and interaction, against the reference levels"
        in items
    )
    assert "5 seeds of each combination" in items


def test_the_api_and_the_export_have_the_effects(tmp_path: Path) -> None:
    folder = note_study(tmp_path / "pooling_dropout", crossed(5))
    answer = answer_of(recorded(INTERACT, records=note_trials(folder, trained(INTERACT)), folder=folder))
    found = study_answer(answer)
    assert (found.kind, found.factor, found.factors) == ("factorial", None, ("pooling", "dropout_rate"))
    assert [(dict(e.levels), e.is_interaction) for e in found.effects][2] == (
        {"pooling": "average", "dropout_rate": 0.5}, True,
    )  # fmt: skip
    assert found.effects[2].differences["test"].verdict == "lower"
    assert dict(found.levels[3].combination) == {"pooling": "average", "dropout_rate": 0.5}
    assert set(found.best_params or ()) == {"pooling", "dropout_rate"}
    assert found.level_table().index.names == ["pooling", "dropout_rate"]
    exported = found.tables()
    assert "comparisons" not in exported
    rows = exported["effects"]
    decided = rows[rows.is_decided]
    assert list(decided.effect) == ["main", "main", "interaction"]
    assert list(decided.pooling.fillna("")) == ["average", "", "average"]
    assert set(exported["levels"].columns[:3]) == {"level", "pooling", "dropout_rate"}
    assert {"pooling", "dropout_rate"} <= set(exported["predictions"].columns)
    meanings = dictionary(exported, found.class_names)
    assert "interaction" in meanings[(meanings.table == "effects") & (meanings.column == "effect")].meaning.item()
    assert found.to_dict()["effects"][2]["levels"] == {"pooling": "average", "dropout_rate": 0.5}


def test_its_headline_figures_are_of_the_best_combination() -> None:
    found = headline(answer_of(recorded(INTERACT)))
    assert {f"test_accuracy/{name}" for name in ("max x 0", "max x 0.5", "average x 0", "average x 0.5")} <= set(
        found.metrics
    )
    assert found.of.startswith("mean over 5 trials of ") and found.of.endswith(", the best on validation")
