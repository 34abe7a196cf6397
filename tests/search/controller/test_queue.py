"""A slot keeps to the graph that it has traced, within a few seeds."""

from __future__ import annotations

from pathlib import Path

from search.controller.queue import LOOK_AHEAD, Queue, Waiting
from search.folder.journal import read_trials
from search.study import Study
from search.study.confirm import CONFIRM_SEED, Given
from search.study.design import config_of, plan
from tests.search.workshop import Workshop, hunt, question

LEVELS = ("max", "average", "strided")
LONGEST_FIRST = ("strided", "average", "max")


def pooling(seeds: int) -> Study:
    data = {
        "name": "pooling",
        "question": "What does the pooling do?",
        "seeds": seeds,
        "scientific": {"pooling": {"levels": list(LEVELS), "reference": "max"}},
        "fixed": {"epochs": 1},
    }
    return Study.model_validate(data)


def order_of_one_slot(tmp_path: Path, seeds: int) -> list[tuple[object, object]]:
    shop = Workshop(tmp_path, f"sqlite:///{tmp_path / 'optuna.db'}")
    assert shop.run(pooling(seeds), slots=1) == "finished"
    records = sorted(read_trials(shop.folder), key=lambda record: record.started_at)
    return [(record.params["pooling"], record.params["seed"]) for record in records]


def test_one_slot_trains_the_seeds_of_a_level_in_a_row_and_the_longest_level_first(tmp_path: Path) -> None:
    """What is long and begins last would be waited for alone."""
    order = order_of_one_slot(tmp_path, seeds=LOOK_AHEAD)
    assert order == [(level, seed) for level in LONGEST_FIRST for seed in range(LOOK_AHEAD)]


def test_levels_of_one_graph_keep_their_order(tmp_path: Path) -> None:
    shop = Workshop(tmp_path, f"sqlite:///{tmp_path / 'optuna.db'}")
    assert shop.run(question((0.1, 0.01, 0.001), seeds=2), slots=1) == "finished"
    records = sorted(read_trials(shop.folder), key=lambda record: record.started_at)
    assert [record.number for record in records] == list(range(6))


def test_it_looks_no_further_ahead_than_some_seeds(tmp_path: Path) -> None:
    """So a study that is stopped early has compared all levels."""
    order = order_of_one_slot(tmp_path, seeds=3 * LOOK_AHEAD)
    for place, (_, seed) in enumerate(order):
        left = [other for _, other in order[place:]]
        assert int(str(seed)) < min(int(str(other)) for other in left) + LOOK_AHEAD
    assert len(set(order)) == len(order) == 3 * LOOK_AHEAD * len(LEVELS)


def test_the_levels_of_a_seed_keep_to_one_kind_of_device() -> None:
    """Two slots of different devices take turns; a third that joins late stands idle for nobody."""
    study = question((0.01, 0.001, 0.0001), seeds=3)
    waiting = Queue(study)
    waiting.extend(
        Waiting(number, trial.params, trial.role, config_of(study, trial.params, ""))
        for number, trial in enumerate(plan(study))
    )
    taken: dict[str, list[int]] = {"A": [], "B": []}
    for turn in range(6):
        device = "AB"[turn % 2]
        taken[device].append(waiting.take((), [], device).seed)
    assert taken == {"A": [0, 0, 0], "B": [1, 1, 1]}
    assert waiting.take((), [], "B").seed == 2
    assert waiting.take((), [], "A").seed == 2  # nothing else is left


def test_what_a_search_trains_again_at_a_seed_keeps_to_one_kind_of_device() -> None:
    """The best five and the reference model, so that the recommendation is not one of a device."""
    study = hunt(6, confirm=3)
    results: list[Given] = [
        ({"learning_rate": 0.001, "depth": depth}, "search", depth / 10) for depth in (1, 2, 3, 5, 6, 4)
    ]
    again = [trial for trial in plan(study, results) if trial.role == "confirm"]
    assert len(again) == 3 * 6
    waiting = Queue(study)
    waiting.extend(
        Waiting(number, trial.params, trial.role, config_of(study, trial.params, ""))
        for number, trial in enumerate(again)
    )
    taken: dict[str, list[int]] = {"A": [], "B": []}
    for turn in range(12):
        device = "AB"[turn % 2]
        taken[device].append(waiting.take((), [], device).seed - CONFIRM_SEED)
    assert taken == {"A": [0] * 6, "B": [1] * 6}
