"""The replay of searches on a table of trainings: its books of epochs, and that good starts are worth something."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import replay
from benchmarks.joint_table import CLOCK
from benchmarks.replay import SEARCHES, Course, _stopped_after, measured, replayed
from benchmarks.replay_figures import GRID, KINDS, STEPS
from benchmarks.replay_questions import REFERENCE
from benchmarks.replay_world import CHANCE, FIXED, TRIALS, Row, World, read, without_clock
from search.study.pruners import Curve
from search.study.toml_file import load_study
from tests.replay.table import LENGTH, MODELS, STARTED, WAITED, by_depth, by_reference, table


def test_what_is_replayed_as_joint_is_the_study_that_is_shipped() -> None:
    shipped, replayed_as = load_study("joint"), SEARCHES["joint"]
    assert shipped.search is not None
    search = shipped.search
    assert (search.sampler, search.n_startup_trials, search.pruner, bool(search.confirm)) == (
        replayed_as.sampler,
        replayed_as.n_startup,
        replayed_as.pruner,
        replayed_as.confirm,
    )
    assert replayed_as.questions
    assert not replayed_as.near
    assert (search.n_trials, shipped.fixed["epochs"]) == (TRIALS, FIXED)


def test_without_the_clock_what_stays_at_chance_costs_more_unless_it_is_pruned(world: World) -> None:
    """A model whose loss was not finite costs what it cost."""
    lost = next(row for row in world.first.values() if row.start is None)
    rows = [replace(row, val=None) if row.config == lost.config else row for row in world.rows]
    longer = without_clock(rows)
    changed = {row.config for row, before in zip(longer, rows, strict=True) if row != before}
    assert changed == {row.config for row in rows if row.start is None and row.val is not None}
    assert {row.epochs for row in longer if row.config in changed} == {FIXED}
    whole = {row.epochs for row in longer} | {WAITED}
    assert set(np.diff([0, *replayed(World(longer), SEARCHES["random"], seed=0).epochs])) <= whole
    assert World(longer).budget > World(rows).budget
    first = next(row for row in longer if row.config in changed)
    ahead = [Curve(-1, 20, (0.9,) * 40)] * 5
    assert _stopped_after("median", first, 5, ahead) == CLOCK["epochs"] - CLOCK["epochs_after_start"] - 1


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
    best = max(world.truth(world.first[config]) for config in world.configs)
    assert world.truth(world.first[world.nearest(REFERENCE)]) > best - 0.05
    world.budget = 12 * LENGTH
    random, starting = (
        measured(world, SEARCHES[name], None, range(6), 0)["accuracy"] for name in ("random", "tpe20-questions")
    )
    third = STEPS // 3
    assert starting[:, third].mean() > random[:, third].mean() + 0.05
    assert (starting[:, third] > best - 0.05).all()


def test_what_was_found_is_judged_by_replicates_that_nothing_saw(tmp_path: Path) -> None:
    rows = [replace(row, test=0.1 * row.replicate) for row in read(table(tmp_path / "table.csv", by_depth))]
    world = World(rows)
    truth = 0.45  # of the fourth and the fifth
    assert replayed(world, SEARCHES["questions"], seed=0).accuracy == [truth]
    for name in ("random", "random-confirm"):
        assert set(replayed(world, SEARCHES[name], seed=0).accuracy) <= {CHANCE, truth}
    dealt = world.shuffled(3)
    found = replayed(dealt, SEARCHES["random"], seed=3)
    able = dealt.able[0]
    judged = {round(10 * one, 6) for one in found.accuracy}
    assert judged <= {10 * CHANCE, 1, 2, 3, 4, 5}
    assert dealt.worth(dealt.met(able, 2)) == pytest.approx(0.1 * (1 + 3 + 4 + 5) / 4)


@pytest.mark.parametrize("seen", [0, 2])
def test_a_search_may_see_one_replicate_of_all_models(world: World, seen: int) -> None:
    there = world.shuffled(1, seen)
    for config in world.able:
        row = there.met(config, 7)
        assert row.replicate == seen
        others = [one.replicate for one in (*there.again(row), *there.unseen(row))]
        assert sorted(others) == [replicate for replicate in (1, 2, 3, 4, 5) if replicate != seen]
    figures = measured(world, SEARCHES["random"], None, [1], seen)
    assert figures["accuracy"].shape == (1, len(GRID))


def test_each_search_is_dealt_replicates_by_its_own_seed(tmp_path: Path) -> None:
    rows = read(table(tmp_path / "table.csv", by_depth))
    world = World([replace(row, test=0.1 * row.replicate) for row in rows])
    one, two, apart = (measured(world, SEARCHES["random"], None, seeds) for seeds in ([1], [2], [1, 2]))
    for kind in KINDS:
        assert np.array_equal(apart[kind], np.concatenate([one[kind], two[kind]]))
        assert not np.array_equal(one[kind], two[kind])


def test_hypervolume_is_of_the_front_that_validation_draws_at_what_other_replicates_say(tmp_path: Path) -> None:
    """By hand; a model on the front that is worth less than a smaller one lowers it."""
    tests = {2000: 0.4, 3000: 0.3, 4000: 0.5, 5000: 0.6}
    rows = read(table(tmp_path / "table.csv", by_depth))
    world = World(
        [replace(row, test=tests[row.parameters] + 0.01 * row.replicate) if row.learnt else row for row in rows]
    )
    of = {parameters: 0.03 + test - CHANCE for parameters, test in tests.items()}
    best = of[2000] * math.log(5 / 2) + (of[4000] - of[2000]) * math.log(5 / 4)
    sizes = {row.parameters: row for row in world.first.values() if row.learnt}
    course = Course()

    def share(*front: int, **val: float) -> float:
        course.add(1, world, [replace(sizes[size], val=val.get(f"of_{size}", sizes[size].val)) for size in front])
        return course.volume[-1] * best

    assert share(2000, 4000) == pytest.approx(best)
    assert share(3000) == pytest.approx(of[3000] * math.log(5 / 3))
    assert share(2000, 3000, 4000) == pytest.approx(
        of[2000] * math.log(5 / 2) + (of[3000] - of[2000]) * math.log(5 / 3) + (of[4000] - of[3000]) * math.log(5 / 4)
    )
    assert share(2000, 4000, of_2000=0.5, of_4000=0.4) == pytest.approx(of[2000] * math.log(5 / 2)), "not on the front"


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
    """Half of the two that are left: each model that learnt does so at the fifth replicate, not at the fourth."""
    rows = [replace(row, start=None, val=CHANCE) if row.replicate == 4 and row.start else row for row in world.rows]
    course = replayed(World(rows), SEARCHES["random"], seed=0)
    assert {one for one in course.learns if not math.isnan(one)} == {0.5}
    assert [math.isnan(one) for one in course.learns] == [one == CHANCE for one in course.accuracy]
    after = measured(World(rows), replace(SEARCHES["joint-counted"], confirm=False), None, [0], 0)
    assert after["learns"][0] >= 0.5, "at its end, which the questions are before"


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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--searches", "1"], "--searches 1: at least 2"),
        (["--halves", "1"], "--halves 1: at least 2"),
        (["--halves", "2", "--in-half", "1"], "--in-half 1: at least 2"),
        (["--seen", "6"], "argument --seen: invalid choice: 6"),
    ],
)
def test_too_few_for_an_interval_are_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        replay.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_command_has_epochs_without_the_clock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path / "table.csv", by_depth, models=12)
    arguments = ["--table", str(path), "--searches", "2", "--only", "random"]
    budgets = []
    for more in ([], ["--no-clock"]):
        assert replay.main([*arguments, *more]) == 0
        budgets.append(float(capsys.readouterr().out.partition("a budget is ")[2].split()[0].replace(",", "")))
    assert budgets[0] < budgets[1]


def test_a_training_that_was_stopped_shows_the_others_no_more_than_it_had(world: World) -> None:
    """Nor one that starts after the last epoch but one in which it may."""
    best = max((row for row in world.first.values() if row.learnt), key=lambda row: row.val or 0)
    ahead = [Curve(-1, 20, (0.99,) * 20)] * 9
    epochs = _stopped_after("asha", best, 9, ahead)
    assert epochs is not None
    assert len(ahead[-1].values) == epochs - STARTED < LENGTH - STARTED
    late = replace(best, start=30, epochs=50, curve=(0.25,) * 30 + (0.9,) * 20)
    curves = [Curve(-1, 20, (0.99,) * 30)] * 9
    assert _stopped_after("asha", late, 9, curves) == 29
