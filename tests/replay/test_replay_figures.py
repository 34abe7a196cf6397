"""What is read from the courses of replayed searches."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from rich.table import Table

from benchmarks.replay_figures import BUDGETS, GRID, STEPS, Figures, counted, over_tables, paired, reaches, shown

Figure = Callable[[np.random.Generator, np.ndarray, np.ndarray], float]  # of one search, on models


def test_random_search_always_reaches_itself() -> None:
    rng = np.random.default_rng(0)
    climbing = np.sort(rng.random((20, len(GRID))), axis=1)
    climbing[:, STEPS:] = climbing[:, STEPS - 1 : STEPS]
    assert all(math.isfinite(one) for one in reaches(climbing, climbing))
    falling = climbing.copy()
    falling[:, 5] = 1.0  # once above, and below again
    assert reaches(falling, climbing)[0] == reaches(climbing, climbing)[0]
    assert paired(climbing[:, 0], climbing[:, 0]) == (0, 0)
    assert paired(climbing[:, 0] + 0.1, climbing[:, 0]) == pytest.approx((0.1, 0))


def test_when_a_search_reaches_the_last_of_random_search() -> None:
    climbing = np.tile(np.minimum(GRID, 1.0), (4, 1))
    assert reaches(climbing, climbing)[0] == 1
    assert reaches(np.minimum(2 * climbing, 1.0), climbing)[0] == 0.5
    assert reaches(climbing / 2, climbing) == (np.inf, np.inf, np.inf)
    assert len(GRID) == STEPS * BUDGETS


def models(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """What 400 models are worth, of which an eighth learn, and what one training of each tells."""
    learns = rng.random(400) < 0.125
    worth = np.where(learns, rng.normal(35, 8, 400), 25.0)
    return worth, np.where(learns, worth + rng.normal(0, 8, 400), 0.0)


def best_again(rng: np.random.Generator, worth: np.ndarray, first: np.ndarray) -> float:
    """How much better it is to train the five best of 60 once more than to take the best of the first trainings."""
    met = rng.permutation(len(worth))[:60]
    best = met[np.argsort(-first[met])][:5]
    again = worth[best] + rng.normal(0, 6, len(best))
    return float(worth[best][again.argmax()] - worth[best][0])


def held(figure: Figure, tables: int) -> tuple[float, float, float]:
    """In which share of tables the interval over tables holds the mean over all tables, and that of the simulation
    does; and the mean of the interval's half, as a share of what it would be if the variance were known.
    """
    rng, found = np.random.default_rng(0), []
    for _ in range(tables):
        there = models(rng)
        whole = np.array([figure(rng, *there) for _ in range(300)])
        chosen = [rng.permutation(400)[:200] for _ in range(100)]
        values = np.array([[figure(rng, *(of[half] for of in there)) for _ in range(24)] for half in chosen])
        found.append((whole.mean(), paired(whole, np.zeros_like(whole))[1], over_tables(values)))
    means, simulated, over = np.array(found).T
    truth = np.mean([figure(rng, *models(rng)) for _ in range(4000)])
    half = np.hypot(simulated, over)
    known = 1.96 * np.std(means - truth)
    return np.mean(abs(means - truth) <= half), np.mean(abs(means - truth) <= simulated), np.mean(half) / known


def test_the_interval_over_tables_holds_the_mean_over_tables() -> None:
    """That of the simulation alone does so far more rarely."""
    over, simulated, width = held(best_again, 60)
    assert over >= 0.88
    assert simulated <= over - 0.25
    assert 0.85 <= width <= 1.25


def test_the_interval_over_tables_is_too_narrow_for_what_depends_on_the_models_nearest_to_one_place() -> None:
    """As searches do that start from fixed models: a half has the same ones again. The nearest three are the first."""
    rng, known = np.random.default_rng(0), []
    for _ in range(300):
        values = rng.normal(0, 8, 400)
        kept = [np.sort(rng.permutation(400)[:200]) for _ in range(100)]
        known.append(over_tables(np.array([[values[half][:3].mean()] * 2 for half in kept])))
    width = math.sqrt(np.mean(np.square(known))) / (1.96 * 8 / math.sqrt(3))
    assert 0.7 <= width <= 0.9


def test_tables_that_do_not_differ_have_no_variance_between_them() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (200, 16))
    assert over_tables(noise) < 0.25
    assert over_tables(noise + rng.normal(0, 2, (200, 1))) == pytest.approx(1.96 * 2, rel=0.15)
    assert over_tables(noise - noise.mean(axis=1, keepdims=True)) == 0


@pytest.mark.parametrize("shape", [(1, 9), (9, 1)])
def test_one_half_or_one_search_on_each_tells_no_variance(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"{shape[0]} halves with {shape[1]} searches"):
        over_tables(np.zeros(shape))


def made(final: list[float], halves: list[list[float]], learns: list[float]) -> Figures:
    """Searches that find nothing before the whole budget, and half as much at a third."""
    course = np.where(GRID >= 1, 1.0, np.where(GRID >= 1 / 3 - 1e-9, 0.5, 0.0))
    whole, of_halves = np.multiply.outer(final, course), np.multiply.outer(halves, course)
    counts = {name: np.ones(len(final)) for name in ("trainings", "pruned", "spent", "distance")}
    return Figures(
        {"accuracy": whole, "volume": whole / 2},
        {"accuracy": of_halves, "volume": of_halves / 2} if halves else {},
        {**counts, "learns": np.array(learns)},
    )


def rows(table: Table) -> dict[str, list[str]]:
    first, *others = (list(column.cells) for column in table.columns)
    return {str(name): [str(column[at]) for column in others] for at, name in enumerate(first)}


def test_differences_are_to_random_search_at_the_whole_budget() -> None:
    """By hand: 0.2 and 0.4 less 0.1 each; its interval with one degree of freedom; on halves 0 and 0.4."""
    ours = made([0.2, 0.4], [[0.1, 0.1], [0.5, 0.5]], [0.5, math.nan])
    random = made([0.1, 0.1], [[0.1, 0.1], [0.1, 0.1]], [math.nan, math.nan])
    cells = rows(shown({"ours": ours, "random": random}, "accuracy", "random"))
    half, over = 12.7062 * 10, 1.95996 * 20 * math.sqrt(2)
    third = "+5.0 ± 63.5 (69.3; halves +5.0)"
    assert math.hypot(half / 2, over / 2) == pytest.approx(69.3, abs=0.05)
    assert cells["ours"][6:8] == [third, f"+20.0 ± 127.1 ({math.hypot(half, over):.1f}; halves +20.0)"]
    assert cells["ours"][:5] == ["0.0", "15.0", "15.0", "15.0", "30.0"]
    assert cells["random"][6:8] == ["", ""]
    volumes = rows(shown({"ours": ours, "random": random}, "volume", "random"))
    assert volumes["ours"][7] == f"+10.0 ± 63.5 ({math.hypot(half, over) / 2:.1f}; halves +10.0)"
    alone = {"ours": made([0.2, 0.4], [], [1, 1]), "random": made([0.1, 0.1], [], [1, 1])}
    assert rows(shown(alone, "accuracy", "random"))["ours"][7] == "+20.0 ± 127.1"


def test_how_often_what_is_recommended_learns_is_told_apart_from_how_often_there_is_one() -> None:
    ours, random = made([0.2, 0.4], [], [0.5, math.nan]), made([0.1, 0.1], [], [math.nan, math.nan])
    cells = rows(counted({"ours": ours, "random": random}))
    assert cells["ours"][-2:] == ["50", "50"]
    assert cells["random"][-2:] == ["0", ""]
