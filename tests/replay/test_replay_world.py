"""The table of trainings as a replayed search meets it: what is read, what is nearest, what is dealt to whom."""

from __future__ import annotations

import csv
from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
import pytest

from benchmarks import joint_table
from benchmarks.joint_table import FOLDS, columns, drawn
from benchmarks.replay_questions import REFERENCE, level_of
from benchmarks.replay_world import CHANCE, CONFIRM, World, read, records
from search.study.toml_file import load_study
from tests.replay.table import LENGTH, MODELS, STARTED, by_depth, row_of, table


def test_a_table_is_read_without_models_that_learnt_and_wait_for_a_replicate(world: World) -> None:
    assert world.configs == list(range(MODELS))
    row = next(row for row in world.rows if row.learnt)
    assert (row.epochs, row.start, len(row.curve)) == (LENGTH, STARTED, LENGTH)
    assert row.test == pytest.approx((row.val or 0) - 0.05)
    best = records([(world.worth(world.first[config]), world.first[config].parameters) for config in world.able])
    assert world.share(best) == 1


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


def test_a_number_belongs_to_the_part_of_the_axis_it_lies_in(world: World) -> None:
    rate = world.specs["learning_rate"]
    assert [level_of(rate, value) for value in (1e-4, 0.001, 1e-2)] == [0, 2, 4]
    assert [level_of(world.specs["depth"], depth) for depth in range(1, 6)] == list(range(5))
    assert level_of(world.specs["pooling"], "blur") == 3


def test_a_trial_sees_the_replicate_on_its_fold_and_none_is_used_twice(world: World) -> None:
    orders = set()
    for seed in range(4):
        there = world.shuffled(seed)
        known = {row.config: row for row in there.asked()}
        assert list(known) == world.configs
        for config in world.able:
            for number in range(7):
                row = there.met(config, number)
                assert row.replicate % FOLDS == number % FOLDS
                assert row.replicate > 0, "which told who is able"
                again, unseen = there.again(row), there.unseen(row)
                assert (len(again), len(unseen)) == (CONFIRM, 1)
                assert sorted(one.replicate for one in (row, *again, *unseen)) == [1, 2, 3, 4, 5]
                assert known[config] not in unseen
                assert there.truth(row) == np.mean([one.test for one in unseen])
                assert there.worth(row) == np.mean([one.test for one in (*again, *unseen)])
                orders.add((seed, config, *(one.replicate for one in (*again, *unseen))))
        lost = next(config for config in world.configs if config not in world.able)
        assert (there.met(lost, 3), known[lost]) == (world.first[lost],) * 2
        assert there.truth(there.met(lost, 3)) == there.worth(there.met(lost, 3)) == CHANCE
        assert there.budget == world.half(1).shuffled(seed).budget == world.budget
    assert len({order[2:] for order in orders}) > 50, "for each model and seed another one"


def test_how_easy_a_replicate_is(world: World) -> None:
    """By those that learnt in it."""
    rows = [replace(row, val=(row.val or 0) + 0.1 * row.replicate) for row in world.rows]
    lost = next(row.config for row in rows if row.learnt)
    rows = [replace(row, start=None, val=0.1) if (row.config, row.replicate) == (lost, 2) else row for row in rows]
    changed = World(rows)
    values = [row.val or 0 for row in rows if row.learnt and row.replicate == 2]
    assert changed.ease[2] == pytest.approx(np.mean(values))
    assert changed.ease[3] - changed.ease[1] == pytest.approx(0.2)


def test_the_area_under_a_front_and_who_is_on_it(world: World) -> None:
    assert world.largest == 5000
    points = [(0.45, 1000), (0.35, 2000), (0.65, 2500)]
    assert world.volume(points) == pytest.approx(0.2 * log(5) - 0.1 * log(2.5) + 0.3 * log(2))
    assert records([(0.65, 2500), (0.45, 1000), (0.35, 2000), (0.2, 500), (0.5, 1000)]) == [(0.5, 1000), (0.65, 2500)]


def test_a_half_of_the_table_is_the_same_for_every_search(world: World) -> None:
    one, again, other = world.half(1), world.half(1), world.half(2)
    assert one.configs == again.configs != other.configs
    assert len(one.configs) == MODELS // 2
    assert set(one.configs) < set(world.configs)
    assert one.budget == world.budget
    assert {row.config for row in one.rows} == set(one.configs)


def test_halves_have_half_of_the_models_of_the_whole_space(tmp_path: Path) -> None:
    world = World(read(table(tmp_path / "table.csv", by_depth, models=120)))
    for number in range(3):
        half = world.half(number)
        assert (sum(config < 90 for config in half.configs), len(half.configs)) == (45, 60)
