"""Several levels decided together: the claims, and intervals that say the same."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks.coverage import comparisons, families
from benchmarks.planned import with_difference
from benchmarks.worlds import World
from search.answer.statistics.equivalence import p_equivalent, p_non_inferior
from search.answer.statistics.intervals import Estimate, interval_of_difference
from search.answer.statistics.simultaneous import SEEDS_TO_CLAIM, decided, holm, simplest
from search.answer.statistics.variance import Variance


def estimate(
    value: float, se: float = 0.01, seeds: int = 5, df: float = 20, room: tuple[float, float] = (-1, 1)
) -> Estimate:
    total, degrees = np.asarray(se**2), np.asarray(df)
    variance = Variance(total, total * 0, total * 0, total, degrees, degrees, seeds, 70, 60)
    low, high, p = interval_of_difference(value, variance, room=room)
    return Estimate(value, float(low), float(high), float(p), (value,) * seeds, variance, room)


def test_holm() -> None:
    # Holm 1979: sorted p times 3, 2, 1, never falling
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
    for order in itertools.permutations([0.001, 0.02, 0.2]):
        assert sorted(holm(list(order))) == pytest.approx([0.003, 0.04, 0.2])


def test_a_level_alone_has_its_own_interval() -> None:
    alone = estimate(0.05)
    (found,) = decided([alone])
    assert (found.estimate.low, found.estimate.high) == pytest.approx((alone.low, alone.high))
    assert found.p == alone.p
    assert found.verdict == "higher"


def test_several_levels_have_wider_intervals() -> None:
    alone = estimate(0.0)
    found = decided([alone, alone, alone])
    # 20 degrees of freedom: 2.613 standard errors at 1 - 0.05 / 3, for 2.086
    assert found[0].estimate.high == pytest.approx(0.02613, abs=1e-4)
    assert alone.high == pytest.approx(0.02086, abs=1e-4)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("seeds", [1, 2, 4, 5, 8])
def test_an_interval_excludes_0_exactly_where_a_difference_is_claimed(seed: int, seeds: int) -> None:
    rng = np.random.default_rng(seed)
    for one in decided([estimate(value, seeds=seeds) for value in rng.normal(0, 0.03, 4)]):
        excludes = one.estimate.low > 0 or one.estimate.high < 0
        assert excludes == one.is_clear
        assert one.estimate.low <= one.estimate.value <= one.estimate.high
        if one.is_equivalent:
            assert -0.05 <= one.estimate.low <= one.estimate.high <= 0.05


def test_what_step_down_claims_ends_at_0() -> None:
    """The second level's p is below 0.05 but above 0.05 / 2: claimed for the first level's being clear."""
    first, second = decided([estimate(0.2), estimate(0.0215)])
    assert 0.025 < second.p < 0.05
    assert second.verdict == "higher"
    assert 0 < second.estimate.low < 1e-300  # above 0, and shown as 0
    assert first.estimate.low > 0.1


def test_equal_levels_are_equivalent_where_the_data_are_many() -> None:
    close, far = decided([estimate(0.005), estimate(0.0, se=0.04)])
    assert close.verdict == "equivalent"
    assert far.verdict == "cannot tell"
    assert not far.is_non_inferior


def test_a_clear_difference_may_be_small() -> None:
    (found,) = decided([estimate(0.02, se=0.005)])
    assert found.verdict == "higher"
    assert found.is_equivalent


def test_better_by_more_than_the_margin_is_not_inferior_and_not_equivalent() -> None:
    (found,) = decided([estimate(0.08)])
    assert found.is_non_inferior
    assert not found.is_equivalent
    (wide,) = decided([estimate(0.08)], margin=0.15)
    assert wide.is_equivalent


def test_equivalence_is_two_one_sided_tests() -> None:
    """By hand: at 20 degrees of freedom, one standard error within the nearer margin has p = 0.1646 one-sided."""
    variance = estimate(0.0).variance
    assert float(p_equivalent(0.04, variance)) == pytest.approx(0.1646, abs=1e-4)
    assert float(p_equivalent(-0.04, variance)) == pytest.approx(0.1646, abs=1e-4)
    assert float(p_equivalent(0.06, variance)) == pytest.approx(1 - 0.1646, abs=1e-4)
    assert float(p_non_inferior(-0.04, variance)) == pytest.approx(0.1646, abs=1e-4)
    assert float(p_non_inferior(0.06, variance)) < 1e-6


def test_few_seeds_claim_nothing() -> None:
    (few,) = decided([estimate(0.2, seeds=SEEDS_TO_CLAIM - 1)])
    assert few.verdict == "too few seeds"
    assert (few.is_clear, few.is_equivalent, few.is_non_inferior) == (False, False, False)
    assert few.estimate.low == 0


def test_one_seed_is_no_comparison() -> None:
    (one,) = decided([estimate(-0.385, seeds=1, room=(-0.9, 0.1))])
    assert (one.estimate.low, one.estimate.high) == (-0.9, 0.1)
    assert one.verdict == "too few seeds"


def test_an_interval_ends_where_accuracy_does() -> None:
    (found,) = decided([estimate(0.05, se=0.05, room=(-0.92, 0.08))])
    assert found.estimate.high == 0.08


def test_the_simplest_level_that_does_as_well() -> None:
    found = decided([estimate(-0.2), estimate(0.09), estimate(0.005)])
    assert simplest(zip([1, 2, 3], found, strict=True)) == (3, 2)
    assert simplest([(1, found[0])]) == (None, None)


def test_of_several_null_effects_none_is_claimed() -> None:
    _, p = comparisons(World(level=0.5), 2000, levels=6)
    claimed = [min(holm(list(of_study))) < 0.05 for of_study in p.T]
    assert np.mean(claimed) <= 0.05 + 0.01


@pytest.mark.parametrize(("effect", "differ"), [(0.0, 3), (1.5, 1), (1.5, 2)])
def test_intervals_contain_all_differences_at_once(effect: float, differ: int) -> None:
    """Also where some levels differ, so that the others are tested with a milder correction."""
    found = families(World(effect=effect, differ=differ), 300)
    assert found.all_covered >= 0.92  # 95 %, less two standard errors of this many studies
    assert found.claimed <= 0.075


def test_a_difference_of_the_margin_is_seldom_called_equivalent() -> None:
    same = World(photographs=(200,) * 4, photograph=1.0, seed=0.02, both=0.1, level=0.1)
    assert families(same, 100, levels=2).equivalent > 0.9
    assert families(with_difference(same), 400, levels=2).equivalent <= 0.05 + 0.022
