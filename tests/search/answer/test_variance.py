"""The variance of a mean over models and photographs: by hand where it can be, and whatever cells there are."""

from __future__ import annotations

import numpy as np
import pytest

from search.answer.variance import variance_of


def test_the_mean_over_a_table_that_varies_by_seed_alone() -> None:
    values = np.repeat([[0.4], [0.5], [0.6]], 20, axis=1) / 20
    variance = variance_of(values, np.ones(20), np.zeros(20, int))
    assert variance.total == pytest.approx(0.1**2 / 3)
    assert variance.df == pytest.approx(2)
    assert variance.photographs == pytest.approx(0)


def test_the_mean_over_a_table_that_varies_by_photograph_alone() -> None:
    values = np.tile(np.linspace(0, 1, 20), (4, 1)) / 20
    variance = variance_of(values, np.ones(20), np.zeros(20, int))
    assert variance.total == pytest.approx(np.linspace(0, 1, 20).var(ddof=1) / 20)
    assert variance.df == pytest.approx(19)
    assert variance.seeds == pytest.approx(0)


def test_a_photograph_with_many_images_that_is_as_hard_as_the_others_adds_nothing() -> None:
    images = np.array([1.0, 1, 1, 50])
    variance = variance_of(np.tile(0.5 * images / 53, (3, 1)), images, np.zeros(4, int))
    assert variance.total == 0


@pytest.mark.parametrize("strata", [[0, 1, 1, 1], [0, 1, 2, 3], [0, 0, 1, 2]])
def test_strata_of_one_photograph_are_taken_together(strata: list[int]) -> None:
    values = np.array([[0.1, 0.0, 0.2, 0.05], [0.1, 0.1, 0.2, 0.1]])
    variance = variance_of(values, np.ones(4), np.array(strata))
    assert 0 < variance.total < 1
    assert variance.df >= 1


def test_one_seed_has_photographs_alone() -> None:
    variance = variance_of(np.linspace(0, 0.1, 10)[None], np.ones(10), np.zeros(10, int))
    assert variance.total > 0
    assert np.isnan(variance.seeds)
    assert variance.projected(1, 20) == pytest.approx(variance.total / 2)


def test_photographs_nested_in_models_are_in_the_variance_between_models_already() -> None:
    """Each photograph is seen by one model: the variance is that of the models' figures, where it is the larger."""
    rng = np.random.default_rng(0)
    fold = np.arange(40) % 4
    values = np.where(fold == np.arange(4)[:, None], rng.uniform(size=(4, 40)) / 10, np.nan)
    values[0] += 0.05  # a better model
    found = variance_of(values, np.ones(40), np.zeros(40, int))
    assert found.total == pytest.approx(np.nansum(values, axis=1).var(ddof=1) / 4)
    assert found.photographs == pytest.approx(0, abs=1e-15)


def test_photographs_nested_in_equal_models_count_once() -> None:
    """With the same figure for every model, what is left is the spread of photographs within models."""
    one = np.linspace(0, 0.1, 10)
    values = np.full((3, 30), np.nan)
    for model in range(3):
        values[model, 10 * model : 10 * (model + 1)] = one
    found = variance_of(values, np.ones(30), np.zeros(30, int))
    of_photographs = 10 * one.var(ddof=1) / 3  # of a sum over 10, of a mean over 3
    assert found.interaction == pytest.approx(of_photographs)
    assert of_photographs <= found.total <= of_photographs * 1.34


def test_a_model_that_lacks_some_photographs() -> None:
    """Its figure differs from the others' by photographs that were not its own: no luck of the seed."""
    values = np.tile(np.linspace(0, 1, 20) / 20, (3, 1))
    values[0, 15:] = np.nan
    values[0, :15] *= 20 / 15
    whole, part = (variance_of(table, np.ones(20), np.zeros(20, int)) for table in (np.tile(values[1], (3, 1)), values))
    assert part.interaction > whole.interaction == pytest.approx(0)
    assert part.total == pytest.approx(whole.total, rel=0.5)


def test_a_photograph_in_two_classes_is_one() -> None:
    """Its columns are summed before they are squared: what moves together adds up, what moves apart cancels."""
    one = np.tile(np.linspace(-1, 1, 10), (3, 1)) / 20
    strata, units = np.repeat([0, 1], 10), np.tile(np.arange(10), 2)
    for other, factor in ((one, 2), (-one, 0)):
        values = np.concatenate([one, other], axis=1)
        apart = variance_of(values, np.ones(20), strata)
        together = variance_of(values, np.ones(20), strata, units)
        assert together.total == pytest.approx(factor * apart.total)
        assert (together.n_photographs, apart.n_photographs) == (10, 20)


def test_units_of_one_column_each_change_nothing() -> None:
    rng = np.random.default_rng(0)
    values, strata = rng.uniform(size=(3, 12)), np.repeat([0, 1], 6)
    plain, named = (variance_of(values, np.ones(12), strata, units) for units in (None, rng.permutation(12)))
    assert named.total == pytest.approx(plain.total)
    assert named.df == pytest.approx(plain.df)


@pytest.mark.parametrize("n", [5, 7])
def test_a_class_with_about_a_photograph_a_fold(n: int) -> None:
    """Its photographs are compared with those of the other folds."""
    rng = np.random.default_rng(0)
    strata = np.repeat([0, 1], [n, 50])
    fold = np.concatenate([np.arange(n), np.arange(50)]) % 5
    values = np.where(fold == np.arange(5)[:, None], rng.uniform(0.2, 0.8, (5, n + 50)) / 12, np.nan)
    found = variance_of(values, np.ones(n + 50), strata)
    assert 0 < found.total < 0.01
