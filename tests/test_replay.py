"""The replay of searches on a table of trainings: its books of epochs, and that good starts are worth something."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import joint_table, replay
from benchmarks.joint_table import CLOCK, columns, drawn
from benchmarks.replay import SEARCHES, _stopped_after, measured, replayed
from benchmarks.replay_figures import GRID, KINDS, STEPS
from benchmarks.replay_questions import REFERENCE, asked, level_of, rank
from benchmarks.replay_world import CHANCE, CONFIRM, Row, World, read
from search.study.pruners import Curve
from search.study.toml_file import load_study
from tests.replay_table import LENGTH, MODELS, STARTED, WAITED, by_depth, by_reference, row_of, table


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(read(table(tmp_path / "table.csv", by_depth)))


@pytest.fixture
def learners(tmp_path: Path) -> World:
    """Every model learns."""
    return World(read(table(tmp_path / "learners.csv", lambda params: by_depth(params) or 0.35)))


def one_replicate(world: World) -> list[Row]:
    return list(world.first.values())


def test_a_table_is_read_without_models_that_learnt_and_wait_for_a_replicate(world: World) -> None:
    assert world.configs == list(range(MODELS))
    row = next(row for row in world.rows if row.learnt)
    assert (row.epochs, row.start, len(row.curve)) == (LENGTH, STARTED, LENGTH)
    assert row.test == pytest.approx((row.val or 0) - 0.05)
    assert world.share([(world.truth(config), world.first[config].parameters) for config in world.learners]) == 1


def test_a_loss_that_was_not_finite_is_no_accuracy(tmp_path: Path) -> None:
    study, path = load_study("joint"), table(tmp_path / "table.csv", by_depth, models=8)
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns(study), lineterminator="\n")
        params = drawn(study, 10)[9]
        for replicate in range(2):
            writer.writerow({"config": 9, "replicate": replicate, **params, "state": "failed", "epochs": 3})
    world = World(read(path))
    row = world.first[9]
    assert (row.val, row.learnt, row.test, row.parameters) == (None, False, CHANCE, 0)
    assert world.volume([(0.9, row.parameters)]) == 0


def test_the_table_that_is_trained_is_the_one_that_is_read() -> None:
    """Of a row's columns each has one writer: `joint_table` itself."""
    names = columns(load_study("joint"))
    assert set(row_of(0, 0, drawn(load_study("joint"), 1)[0], 0.5)) == set(names)
    row = joint_table.Training(joint_table.config_of(drawn(load_study("joint"), 1)[0], 0, 1), {})
    splits = {split: {"accuracy": 0.5} for split in ("train", "val", "test")}
    assert not row.take({"event": "epoch", "val_accuracy": 0.25})
    end = {"event": "finished", "splits": splits, "epochs_run": 1, "parameters": 9, "start_epoch": None}
    assert row.take(end)
    assert (row.config.seed, row.config.fold, row.row["val_curve"], row.row["val_accuracy"]) == (1, 1, "250", 0.5)


def test_the_nearest_model_is_the_proposal_itself_and_then_another(world: World) -> None:
    params = world.first[7].params
    assert world.nearest(params) == 7
    assert world.nearest(params, {7}) != 7


def test_a_table_is_used_up(learners: World) -> None:
    with pytest.raises(ValueError, match="all 36 models are used"):
        learners.nearest(REFERENCE, set(learners.configs))


def test_questions_are_answered_from_few_trainings_whose_epochs_count(world: World) -> None:
    rows = one_replicate(world)
    found = asked(world, rows, np.random.default_rng(0))
    assert found.starts[0] == REFERENCE
    assert found.together["depth"] == 5
    assert {**REFERENCE, "depth": 5} in found.starts
    trained = [row.epochs for row in rows for _ in world.specs]
    assert 0 < found.epochs <= sum(trained), "no training of one question is drawn twice"
    few = asked(world, rows[:1], np.random.default_rng(0))
    assert few.epochs == len(world.specs) * rows[0].epochs


def test_questions_where_nothing_learns_tell_nothing(tmp_path: Path) -> None:
    world = World(read(table(tmp_path / "table.csv", lambda params: None)))
    found = asked(world, one_replicate(world), np.random.default_rng(0))
    assert found.starts == (REFERENCE,)
    assert found.together == REFERENCE


def test_a_level_that_learns_reliably_stands_before_a_lucky_one(world: World) -> None:
    learnt = next(row for row in world.rows if row.learnt)
    lost = replace(learnt, start=None, val=CHANCE)
    often = [replace(learnt, val=0.5)] * 4 + [lost]
    lucky = [replace(learnt, val=0.9)] + [lost] * 4
    assert rank(often) == (True, 0, 0.5)
    assert rank(often) > rank([replace(learnt, val=0.9)] * 3 + [lost] * 2) > rank(lucky)


def test_a_number_belongs_to_the_part_of_the_axis_it_lies_in(world: World) -> None:
    rate = world.specs["learning_rate"]
    assert [level_of(rate, value) for value in (1e-4, 0.001, 1e-2)] == [0, 2, 4]
    assert [level_of(world.specs["depth"], depth) for depth in range(1, 6)] == list(range(5))
    assert level_of(world.specs["pooling"], "blur") == 3


@pytest.mark.parametrize("name", ["random", "optuna", "tpe20", "joint"])
def test_a_search_counts_the_epochs_it_trains(world: World, name: str) -> None:
    world.budget = 8 * LENGTH
    course = replayed(world, SEARCHES[name], seed=0)
    spent = np.diff([0, *course.epochs])
    if SEARCHES[name].pruner == "none":
        assert set(spent) <= {WAITED, LENGTH}
    assert course.epochs[-2] < world.budget <= course.epochs[-1]
    assert replayed(world, SEARCHES[name], seed=0).epochs == course.epochs


def test_a_search_ends_with_the_table(learners: World) -> None:
    course = replayed(learners, SEARCHES["random"], seed=0)
    assert course.trainings == len(course.epochs) == MODELS
    assert course.epochs[-1] == MODELS * LENGTH
    assert course.accuracy[-1] == pytest.approx(0.75)
    assert course.volume == sorted(course.volume)


def test_pruning_saves_epochs(learners: World) -> None:
    pruned, whole = (replayed(learners, SEARCHES[name], seed=0) for name in ("random-asha", "random"))
    assert pruned.pruned > 0
    assert pruned.trainings == whole.trainings
    assert pruned.epochs[-1] < whole.epochs[-1]


def test_a_longer_random_search_trains_more(world: World) -> None:
    world.budget = 6 * LENGTH
    one, three = (replayed(world, SEARCHES[name], seed=0) for name in ("random", "random-long"))
    assert three.epochs[: one.trainings] == one.epochs
    assert three.epochs[-2] < 3 * world.budget <= three.epochs[-1]


def test_a_search_that_starts_at_a_better_model_finds_it_sooner(tmp_path: Path) -> None:
    world = World(read(table(tmp_path / "table.csv", by_reference)))
    best = max(world.truth(config) for config in world.configs)
    assert world.truth(world.nearest(REFERENCE)) > best - 0.05
    world.budget = 12 * LENGTH
    random, starting = (
        measured(world, SEARCHES[name], None, range(6))["accuracy"] for name in ("random", "tpe20-questions")
    )
    third = STEPS // 3
    assert starting[:, third].mean() > random[:, third].mean() + 0.05
    assert (starting[:, third] > best - 0.05).all()


def test_epochs_of_questions_come_first_where_they_count(world: World) -> None:
    free, counted = (
        replayed(world, replace(SEARCHES[name], confirm=False), seed=3) for name in ("joint", "joint-counted")
    )
    (before,) = set(np.subtract(counted.epochs, free.epochs))
    assert before > 0
    assert counted.accuracy == free.accuracy
    assert counted.at(before, counted.accuracy) == CHANCE
    alone = replayed(world, SEARCHES["questions-counted"], seed=3)
    assert (alone.epochs, alone.trainings) == ([before], 0)
    assert replayed(world, SEARCHES["questions"], seed=3).epochs == [0]


def test_what_was_found_is_judged_by_replicates_that_nothing_saw(tmp_path: Path) -> None:
    rows = [replace(row, test=0.1 * row.replicate) for row in read(table(tmp_path / "table.csv", by_depth))]
    world = World(rows)
    truth = 0.45  # of the fourth and the fifth
    assert replayed(world, SEARCHES["questions"], seed=0).accuracy == [truth]
    for name in ("random", "random-confirm"):
        assert set(replayed(world, SEARCHES[name], seed=0).accuracy) <= {CHANCE, truth}
    assert world.truth(next(row.config for row in rows if row.start is None)) == CHANCE
    whole = world.worth(world.learners[0])
    assert whole == pytest.approx(0.3), "of all five"
    orders = set()
    for seed in range(6):
        for config in world.learners:
            there = world.shuffled(seed)
            seen, unseen = ([row.replicate for row in rows] for rows in (there.again(config), there.unseen(config)))
            assert (len(seen), sorted(seen + unseen)) == (CONFIRM, [1, 2, 3, 4, 5])
            assert there.truth(config) == pytest.approx(0.1 * np.mean(unseen))
            assert there.worth(config) == pytest.approx(whole)
            orders.add((seed, *seen, *unseen))
    assert len(orders) == 6, "one for all models, by the seed"
    assert len({order[1:] for order in orders}) > 4


def test_a_model_at_chance_is_found_by_no_search_whatever_its_sampler_is_told(world: World) -> None:
    """One that stayed at chance, with the best accuracy on validation of all, by luck."""
    lucky = next(row for row in world.first.values() if row.start is None)
    rows = [replace(row, val=0.99) if row.config == lucky.config else row for row in world.rows]
    told = {name: replace(SEARCHES["random"], chance=name == "pruned") for name in ("pruned", "complete")}
    found = {name: replayed(World(rows), search, seed=1) for name, search in told.items()}
    assert found["pruned"].accuracy == found["complete"].accuracy
    assert found["pruned"].volume == found["complete"].volume
    assert found["pruned"].accuracy[-1] == pytest.approx(0.75)


def test_how_near_a_training_came_to_learning_matters_to_who_is_told(tmp_path: Path) -> None:
    """While hardly any learns: the samplers' good trials are then those at chance that are told to be the nearest."""
    rows = read(table(tmp_path / "table.csv", lambda params: None))
    world = World([replace(row, train=0.25 + 0.01 * row.config) for row in rows], 24 * WAITED)
    for name, differs in (("random", False), ("tpe10", True)):
        told, untold = (replayed(world, replace(SEARCHES[name], near=near), seed=0) for near in (True, False))
        assert (told.distances != untold.distances) == differs


def test_models_at_chance_may_be_met_again_where_hardly_any_learns(world: World) -> None:
    rows = [
        replace(row, params={**row.params, "depth": 1, "learning_rate": 0.009}) if row.start is None else row
        for row in world.rows
    ]
    outside = World(rows)
    lost = next(row for row in rows if row.start is None)
    assert outside.nearest(lost.params, {lost.config}) == lost.config
    learnt = outside.first[outside.learners[0]]
    assert outside.nearest(learnt.params, {learnt.config}) != learnt.config
    assert outside.distance(learnt.params, learnt.config) == 0


def test_a_half_of_the_table_is_the_same_for_every_search(world: World) -> None:
    one, again, other = world.half(1), world.half(1), world.half(2)
    assert one.configs == again.configs != other.configs
    assert len(one.configs) == MODELS // 2
    assert one.budget == world.budget
    assert {row.config for row in one.rows} == set(one.configs)


def test_pieces_of_the_replay_make_what_one_process_makes(world: World) -> None:
    """Searches in pieces, the last a short one, on the whole table and on halves; each half with seeds of its own."""
    world.budget = 4 * LENGTH
    random, searches, halves = SEARCHES["random"], replay.PIECE + 2, 3
    found = replay.compared(world, [random, SEARCHES["random-confirm"]], searches, halves, in_half=2)
    figures = found[random.words]
    for kind in KINDS:
        whole = measured(world, random, None, range(searches))[kind]
        assert np.array_equal(figures.whole[kind], whole)
        third = measured(world.half(2), random, None, range(4, 6))[kind]
        assert np.array_equal(figures.halves[kind][2], third)
        assert figures.halves[kind].shape == (halves, 2, len(GRID))
    assert figures.counts["trainings"].shape == (searches,)
    assert list(found) == [random.words, SEARCHES["random-confirm"].words]


def test_at_how_many_unseen_seeds_the_recommended_learns(world: World) -> None:
    """Half of them: each model that learnt does so at the fifth replicate, not at the fourth."""
    rows = [replace(row, start=None, val=CHANCE) if row.replicate == 4 and row.start else row for row in world.rows]
    course = replayed(World(rows), SEARCHES["random"], seed=0)
    assert set(course.learns) <= {0.0, 0.5}
    assert course.learns[-1] == 0.5


def test_pruning_ranks_trainings_at_chance_among_the_others(world: World) -> None:
    """As `joint` does: a training that learnt is not stopped by better ones while most of its rivals are at chance."""
    lost = next(row for row in world.first.values() if row.start is None)
    best = max((row for row in world.first.values() if row.learnt), key=lambda row: row.val or 0)
    worst = min((row for row in world.first.values() if row.learnt), key=lambda row: row.val or 0)
    chance, learners = [lost] * 8, [best] * 2

    def ends(before: list[Row]) -> int | None:
        curves: list[Curve] = []
        for number, row in enumerate(before):
            _stopped_after("asha", row, number, curves)
        assert len(curves) == len(before)
        return _stopped_after("asha", worst, len(before), curves)

    assert ends(learners) is not None
    assert ends([*chance, *learners]) is None
    assert _stopped_after("asha", worst, 0, spared := [Curve(-1, 20, (0.9,) * 20)] * 3, spared=True) is None
    assert len(spared) == 4
    curves: list[Curve] = [Curve(-1, CLOCK["epochs_after_start"], (0.9,) * 20)] * 3
    assert _stopped_after("asha", lost, 0, curves) == CLOCK["epochs"] - CLOCK["epochs_after_start"] - 1


def test_the_command_prints_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, figure = table(tmp_path / "table.csv", by_depth, models=12), tmp_path / "replay.svg"
    arguments = ["--table", str(path), "--searches", "2", "--only", "tpe20-questions", "questions-counted"]
    assert replay.main([*arguments, "--halves", "3", "--in-half", "2", "--figure", str(figure)]) == 0
    said = capsys.readouterr().out
    assert "12 models, of which" in said
    for name in ("random", "tpe20-questions", "questions-counted"):
        assert SEARCHES[name].words in said
    assert "<svg" in figure.read_text("utf-8")
