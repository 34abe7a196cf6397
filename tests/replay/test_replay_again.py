"""The best of a replayed search trained again: what that costs, and that luck is seen through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.replay import replayed
from benchmarks.replay_again import trained_again
from benchmarks.replay_searches import SEARCHES
from benchmarks.replay_world import CHANCE, CONFIRM, Row, World, read
from search.study.confirm import CANDIDATES
from tests.replay.table import LENGTH, WAITED, by_depth, table

LUCKY = 0.99  # on validation, in the search


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    return read(table(tmp_path / "table.csv", by_depth))


def learners(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.learnt and row.replicate == 0]


def lucky_ones(rows: list[Row], lucky: set[int], learns_again: int = 0) -> list[Row]:
    """Some models are the best of all in the search, and learn at few of the other seeds."""
    changed = []
    for row in rows:
        if row.config in lucky and row.replicate == 0:
            row = replace(row, val=LUCKY)
        elif row.config in lucky and row.replicate > learns_again:
            row = replace(row, start=None, val=CHANCE, test=CHANCE, epochs=WAITED)
        changed.append(row)
    return changed


def test_the_best_few_are_trained_again_and_their_epochs_count(rows: list[Row]) -> None:
    world, seen = World(rows), learners(rows)
    again = trained_again(world, seen)
    assert len(again) == CANDIDATES
    assert min(one.row.val or 0 for one in again) >= sorted(row.val or 0 for row in seen)[-CANDIDATES]
    assert [one.epochs for one in again] == [CONFIRM * LENGTH] * CANDIDATES
    assert all(one.rank[0] for one in again)
    assert trained_again(world, []) == []


def test_who_learns_reliably_stands_before_a_lucky_one(rows: list[Row]) -> None:
    seen = learners(rows)[:4]
    lucky = {row.config for row in seen[:2]}
    world = World(lucky_ones(rows, lucky, learns_again=1))
    again = trained_again(world, [world.first[row.config] for row in seen])
    assert [one.row.config in lucky for one in again] == [False, False, True, True]
    assert [(one.rank[0], one.learnt) for one in again] == [(True, 3), (True, 3), (False, 1), (False, 1)]
    assert again[-1].epochs == LENGTH + (CONFIRM - 1) * WAITED


def test_where_none_is_reliable_the_one_that_learnt_most_often_comes_first(rows: list[Row]) -> None:
    never, once, twice = (row.config for row in learners(rows)[:3])
    changed = lucky_ones(rows, {never})
    changed = lucky_ones(changed, {once}, learns_again=1)
    world = World(lucky_ones(changed, {twice}, learns_again=2))
    again = trained_again(world, [world.first[config] for config in (never, once, twice)])
    assert [one.row.config for one in again] == [twice, once, never]
    assert not again[0].rank[0]
    assert again[-1].rank[2] == -1


def test_a_search_that_trains_its_best_again_ends_sooner_and_is_not_deceived(rows: list[Row]) -> None:
    """The best of all on validation learns at no other seed."""
    world = World(lucky_ones(rows, {row.config for row in learners(rows)[::8]}), 24 * LENGTH)
    once, again = (replayed(world, SEARCHES[name], seed=0) for name in ("random", "random-confirm"))
    assert again.trainings < once.trainings
    assert again.epochs == sorted(again.epochs)
    assert again.epochs[-1] >= world.budget
    assert again.volume == once.volume[: again.trainings], "the front is the search's"
    assert once.accuracy[-1] == CHANCE
    assert again.accuracy[-1] > CHANCE
    assert once.learns[-1] == 0
    assert again.learns[-1] == 1


def test_of_two_that_learn_as_often_the_better_on_new_seeds_comes_first(rows: list[Row]) -> None:
    """In the search it was the other way round."""
    seen = learners(rows)[:3]
    against = {row.config: 0.1 * place for place, row in enumerate(sorted(seen, key=lambda row: -(row.val or 0)))}
    changed = [
        replace(row, val=0.5 + against[row.config]) if row.config in against and row.replicate else row for row in rows
    ]
    changed = [
        replace(row, val=0.9 - against[row.config]) if row.config in against and not row.replicate else row
        for row in changed
    ]
    world = World(changed)
    again = trained_again(world, [world.first[row.config] for row in seen])
    assert [one.row.config for one in again] == list(reversed(against))
    assert [one.rank[2] for one in again] == pytest.approx([place - world.ease[1] for place in (0.7, 0.6, 0.5)])
