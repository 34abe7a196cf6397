from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.data.split import validation_photos
from trainer.errors import DataError


def photos(name: str, count: int) -> list[str]:
    return [f"TRAIN/{name}/_{number}" for number in range(count)]


@pytest.mark.parametrize(
    ("count", "fraction", "validating"),
    [(75, 0.2, 15), (27, 0.2, 5), (16, 0.2, 3), (159, 0.2, 32), (2, 0.2, 1), (2, 0.9, 1), (3, 0.01, 1), (10, 0.99, 9)],
)
def test_the_share_of_photographs(count: int, fraction: float, validating: int) -> None:
    assert len(validation_photos({"A": photos("A", count)}, fraction, 0)) == validating


def test_seeds_choose_differently_and_the_same_seed_alike() -> None:
    names = {"A": photos("A", 30), "B": photos("B", 20)}
    chosen = [frozenset(validation_photos(names, 0.2, seed)) for seed in range(20)]
    assert len(set(chosen)) > 15
    assert validation_photos({"B": photos("B", 20)[::-1], "A": photos("A", 30)[::-1]}, 0.2, 3) == chosen[3]
    assert {photo for seed in chosen for photo in seed} == {*photos("A", 30), *photos("B", 20)}  # each has its turn


def test_this_choice_stays() -> None:
    """Results of different versions can be compared only while the same photographs validate."""
    assert validation_photos({"A": photos("A", 10)}, 0.3, 0) == {"TRAIN/A/_0", "TRAIN/A/_4", "TRAIN/A/_5"}


def test_another_class_changes_nothing() -> None:
    alone = validation_photos({"A": photos("A", 30)}, 0.2, 1)
    both = validation_photos({"A": photos("A", 30), "B": photos("B", 9)}, 0.2, 1)
    assert alone == {photo for photo in both if photo in photos("A", 30)}


def test_tied_photographs_stay_together() -> None:
    names = photos("A", 12)
    tied = [names[0:2], names[1:3], names[5:7]]
    for seed in range(30):
        chosen = validation_photos({"A": names}, 0.4, seed, tied)
        assert len({name in chosen for name in names[0:3]}) == 1
        assert len({name in chosen for name in names[5:7]}) == 1
        assert 1 <= len(chosen) <= 5


def test_a_tie_across_classes_holds_both() -> None:
    names = {"A": photos("A", 5), "B": photos("B", 5)}
    tie = [names["A"][0], names["B"][0]]
    for seed in range(30):
        chosen = validation_photos(names, 0.4, seed, [tie])
        assert (tie[0] in chosen) == (tie[1] in chosen)
        assert all(1 <= sum(photo in chosen for photo in of) <= 4 for of in names.values())


def test_groups_larger_than_the_share_are_taken_when_nothing_else_is_left() -> None:
    names = photos("A", 7)
    assert validation_photos({"A": names}, 0.1, 0, [names[:4], names[4:]]) == set(names[4:])


def test_a_class_whose_photographs_all_share_images() -> None:
    names = {"A": photos("A", 4), "B": photos("B", 4)}
    with pytest.raises(DataError) as caught:
        validation_photos(names, 0.2, 0, [names["A"]])
    assert caught.value.problems == [
        "TRAIN/A: its photographs share images, so none can be kept apart to validate",
    ]


@given(
    counts=st.lists(st.integers(2, 12), min_size=1, max_size=4),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**31 - 1),
    data=st.data(),
)
def test_always_one_photograph_on_each_side(counts: list[int], fraction: float, seed: int, data: st.DataObject) -> None:
    names = {f"C{label}": photos(f"C{label}", count) for label, count in enumerate(counts)}
    everything = [photo for of in names.values() for photo in of]
    ties = data.draw(st.lists(st.lists(st.sampled_from(everything), min_size=2, max_size=3), max_size=2))
    try:
        chosen = validation_photos(names, fraction, seed, ties)
    except DataError:
        assert ties
        return
    for of in names.values():
        assert 0 < sum(photo in chosen for photo in of) < len(of)
    for tie in ties:
        assert len({photo in chosen for photo in tie}) == 1
