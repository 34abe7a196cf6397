"""The variance of a mean over models and photographs: by hand where it can be, and whatever cells there are."""

from __future__ import annotations

import numpy as np
import pytest

from search.answer.statistics.variance import variance_of


def even(n: int) -> np.ndarray:
    return np.full(n, 1 / n)


def test_the_mean_over_a_table_that_varies_by_seed_alone() -> None:
    values = np.repeat([[0.4], [0.5], [0.6]], 20, axis=1) / 20
    variance = variance_of(values, even(20), np.zeros(20, int))
    assert variance.total == pytest.approx(0.1**2 / 3)
    assert variance.df == pytest.approx(2)
    assert variance.photographs == pytest.approx(0)


def test_the_mean_over_a_table_that_varies_by_photograph_alone() -> None:
    values = np.tile(np.linspace(0, 1, 20), (4, 1)) / 20
    variance = variance_of(values, even(20), np.zeros(20, int))
    assert variance.total == pytest.approx(np.linspace(0, 1, 20).var(ddof=1) / 20)
    assert variance.df == pytest.approx(19)
    assert variance.seeds == pytest.approx(0)


def test_a_photograph_with_many_images_that_is_as_hard_as_the_others_adds_nothing() -> None:
    images = np.array([1.0, 1, 1, 50])
    variance = variance_of(np.tile(0.5 * images / 53, (3, 1)), images / 53, np.zeros(4, int))
    assert variance.total == 0


@pytest.mark.parametrize("strata", [[0, 1, 1, 1], [0, 1, 2, 3], [0, 0, 1, 2]])
def test_some_photographs_alone_in_their_stratum(strata: list[int]) -> None:
    values = np.array([[0.1, 0.0, 0.2, 0.05], [0.1, 0.1, 0.2, 0.1]])
    variance = variance_of(values, even(4), np.array(strata))
    assert 0 < variance.total < 1
    assert variance.df >= 1


def test_a_photograph_alone_in_its_stratum_varies_as_the_others_do() -> None:
    """By the square of its weight, whatever figure it has."""
    rng = np.random.default_rng(0)
    others = rng.uniform(size=(3, 16)) / 2
    weights = np.concatenate([np.full(16, 1 / 32), [1 / 2]])
    for lonely in (0.5, 0.0):
        values = np.concatenate([others / 16, np.full((3, 1), lonely)], axis=1)
        with_it = variance_of(values, weights, np.repeat([0, 1], [16, 1]))
        without = variance_of(others / 16, weights[:16], np.zeros(16, int))
        more = 1 + (1 / 2) ** 2 / (16 / 32**2)
        assert with_it.interaction == pytest.approx(more * without.interaction)


def test_one_photograph_with_most_of_the_images_leaves_few_degrees_of_freedom() -> None:
    rng = np.random.default_rng(0)
    weights = np.array([30.0] + [1.0] * 30) / 60
    values = weights * rng.uniform(size=(1, 31)).repeat(4, axis=0)
    assert variance_of(values, weights, np.zeros(31, int)).df_photographs < 2
    assert variance_of(values, even(31), np.zeros(31, int)).df_photographs == pytest.approx(30)


def test_photographs_of_unequal_weight_count_as_fewer() -> None:
    weights = np.array([0.5, 0.25, 0.25])
    assert variance_of(np.zeros((2, 3)), weights, np.zeros(3, int)).n_effective == pytest.approx(1 / 0.375)
    assert variance_of(np.zeros((2, 8)), even(8), np.zeros(8, int)).n_effective == pytest.approx(8)


def test_where_seeds_make_most_of_the_variance_degrees_of_freedom_are_theirs() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.3, (3, 40))
    noise -= noise.mean(axis=1, keepdims=True)
    most = variance_of((np.array([[0.0], [0.3], [0.6]]) + noise) / 40, even(40), np.zeros(40, int))
    assert most.seeds > most.total / 2
    assert most.df <= 2
    little = variance_of((np.array([[0.0], [0.01], [0.02]]) + noise.mean(axis=0)) / 40, even(40), np.zeros(40, int))
    assert little.seeds < little.total / 4
    assert little.df > 2


def test_one_seed_has_photographs_alone() -> None:
    variance = variance_of(np.linspace(0, 0.1, 10)[None], even(10), np.zeros(10, int))
    assert variance.total > 0
    assert np.isnan(variance.seeds)
    assert variance.projected(1, 20) == pytest.approx(variance.total / 2)


def test_photographs_nested_in_models_are_in_the_variance_between_models_already() -> None:
    """Each photograph is seen by one model: the variance is that of the models' figures, where it is the larger."""
    rng = np.random.default_rng(0)
    weights = (np.arange(40) % 4 == np.arange(4)[:, None]) / 10
    values = rng.uniform(size=(4, 40)) * weights
    values[0] += 0.5 * weights[0]  # a better model
    found = variance_of(values, weights, np.zeros(40, int))
    assert found.total == pytest.approx(values.sum(axis=1).var(ddof=1) / 4)
    assert found.photographs == pytest.approx(0, abs=1e-15)
    assert found.n_effective == pytest.approx(40)


def test_photographs_nested_in_equal_models_count_once() -> None:
    """With the same figure for every model, what is left is the spread of photographs within models."""
    one = np.linspace(0, 0.1, 10)
    values, weights = np.zeros((2, 3, 30))
    for model in range(3):
        values[model, 10 * model : 10 * (model + 1)] = one
        weights[model, 10 * model : 10 * (model + 1)] = 1 / 10
    found = variance_of(values, weights, np.zeros(30, int))
    of_photographs = 10 * one.var(ddof=1) / 3  # of a sum over 10, of a mean over 3
    assert found.interaction == pytest.approx(of_photographs)
    assert of_photographs <= found.total <= of_photographs * 1.34


def test_a_model_that_lacks_some_photographs() -> None:
    """Its figure differs from the others' by photographs that were not its own: no luck of the seed."""
    whole = np.tile(even(20), (3, 1))
    part = whole.copy()
    part[0, 15:] = 0
    part[0] *= 20 / 15
    right = np.linspace(0, 1, 20)
    complete, lacking = (variance_of(right * weights, weights, np.zeros(20, int)) for weights in (whole, part))
    assert lacking.interaction > complete.interaction == pytest.approx(0)
    assert lacking.total == pytest.approx(complete.total, rel=0.5)


def test_a_photograph_in_two_classes_is_one() -> None:
    """Its columns are summed before they are squared: what moves together adds up, what moves apart cancels."""
    one = np.tile(np.linspace(-1, 1, 10), (3, 1)) / 20
    strata, units = np.repeat([0, 1], 10), np.tile(np.arange(10), 2)
    for other, factor in ((one, 2), (-one, 0)):
        values = np.concatenate([one, other], axis=1)
        apart = variance_of(values, even(20), strata)
        together = variance_of(values, even(20), strata, units)
        assert together.total == pytest.approx(factor * apart.total)
        assert (together.n_photographs, apart.n_photographs) == (10, 20)


def test_units_of_one_column_each_change_nothing() -> None:
    rng = np.random.default_rng(0)
    values, strata = rng.uniform(size=(3, 12)), np.repeat([0, 1], 6)
    plain, named = (variance_of(values, even(12), strata, units) for units in (None, np.arange(12)[::-1]))
    assert named.total == pytest.approx(plain.total)
    assert named.df == pytest.approx(plain.df)


@pytest.mark.parametrize("n", [5, 7])
def test_a_class_with_about_a_photograph_a_fold(n: int) -> None:
    """Its photographs are compared with those of the other folds."""
    rng = np.random.default_rng(0)
    strata = np.repeat([0, 1], [n, 50])
    weights = (np.concatenate([np.arange(n), np.arange(50)]) % 5 == np.arange(5)[:, None]).astype(float)
    weights /= weights.sum(axis=1, keepdims=True)
    found = variance_of(rng.uniform(0.2, 0.8, (5, n + 50)) * weights, weights, strata)
    assert 0 < found.total < 0.01
