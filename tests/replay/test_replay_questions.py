"""What questions tell a replayed search: from how few trainings, at which epochs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.replay import replayed
from benchmarks.replay_questions import REFERENCE, asked, rank
from benchmarks.replay_searches import SEARCHES
from benchmarks.replay_world import CHANCE, Row, World, read
from tests.replay.table import LENGTH, WAITED, table


def one_replicate(world: World) -> list[Row]:
    return world.asked()


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
    ease = dict.fromkeys(range(6), 0.25)
    assert rank(often, ease) == (True, 0, 0.25)
    assert rank(often, ease) > rank([replace(learnt, val=0.9)] * 3 + [lost] * 2, ease) > rank(lucky, ease)
    assert rank([lost] * 5, ease) == (False, 0, -1)


def test_trainings_on_an_easy_fold_are_not_taken_for_better_ones(world: World) -> None:
    learnt = next(row for row in world.rows if row.learnt)
    easy, hard = replace(learnt, replicate=1, val=0.6), replace(learnt, replicate=2, val=0.5)
    ease = {1: 0.5, 2: 0.3}
    assert rank([hard] * 3, ease) > rank([easy] * 3, ease)


def test_epochs_of_questions_come_first_where_they_count(world: World) -> None:
    free, counted = (
        replayed(world, replace(SEARCHES[name], confirm=False), seed=3) for name in ("joint", "joint-counted")
    )
    (before,) = set(np.subtract(counted.epochs, free.epochs))
    assert before > 0
    assert counted.accuracy == free.accuracy
    assert counted.at(before, counted.accuracy) == CHANCE
    alone, free_alone = (replayed(world, SEARCHES[name], seed=3) for name in ("questions-counted", "questions"))
    (together,) = free_alone.epochs
    assert together in (LENGTH, WAITED), "the combination is trained"
    assert (alone.epochs, alone.trainings) == ([before + together], 0)
