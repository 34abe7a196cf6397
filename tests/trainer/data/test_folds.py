from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.config import TrainConfig
from trainer.data.folds import FOLDS, assign_folds, check_folds, choose_test, fold_count, fold_note
from trainer.errors import DataError

NAMES = ("A", "B", "C", "D")


def photos(label: int, count: int) -> list[str]:
    return [f"{NAMES[label]}{number}" for number in range(count)]


def rows(*counts: int, copies: int = 1) -> tuple[list[str], list[int]]:
    """Photographs and labels, an item an image: `counts` photographs a class."""
    pairs = [(photo, label) for label, count in enumerate(counts) for photo in photos(label, count) * copies]
    return [photo for photo, _ in pairs], [label for _, label in pairs]


def by_fold(chosen: dict[str, int], folds: int) -> list[Counter[str]]:
    found = [Counter[str]() for _ in range(folds)]
    for photo, fold in chosen.items():
        found[fold][photo[0]] += 1
    return found


def test_every_fold_has_as_many_photographs_of_a_class_or_one_more() -> None:
    chosen = assign_folds(*rows(75, 27, 16, 159), 5, 0)
    assert len(chosen) == 277
    for fold in by_fold(chosen, 5):
        assert fold["A"] == 15
        assert fold["B"] in (5, 6)
        assert fold["C"] in (3, 4)
        assert fold["D"] in (31, 32)


def test_seeds_choose_differently_and_the_same_seed_alike() -> None:
    names, labels = rows(30, 20)
    chosen = [tuple(sorted(assign_folds(names, labels, 5, seed).items())) for seed in range(20)]
    assert len(set(chosen)) == 20
    assert tuple(sorted(assign_folds(names[::-1], labels[::-1], 5, 3).items())) == chosen[3]


def test_this_choice_stays() -> None:
    """Results of different versions can be compared only while the same photographs validate."""
    chosen = assign_folds(*rows(5, 3), 5, 0)
    assert chosen == {"A0": 3, "A1": 1, "A2": 4, "A3": 2, "A4": 0, "B0": 2, "B1": 1, "B2": 0}


def test_a_photograph_of_several_classes_stays_whole() -> None:
    names, labels = rows(6, 6)
    names, labels = [*names, "A0"], [*labels, 1]  # A0 has an image of class B too
    chosen = assign_folds(names, labels, 3, 0)
    assert len(chosen) == 12
    folds = Counter(chosen[photo] for photo, label in set(zip(names, labels, strict=True)) if label == 1)
    assert sorted(folds.values()) == [2, 2, 3]


def test_images_are_balanced_where_photographs_are() -> None:
    """Photographs with many copies do not all validate at once."""
    names = [photo for number, photo in enumerate(photos(0, 10)) for _ in range(30 if number < 5 else 1)]
    chosen = assign_folds(names, [0] * len(names), 5, 0)
    images = Counter(chosen[name] for name in names)
    assert max(images.values()) <= 2 * 30


def test_small_classes_validate_in_different_folds() -> None:
    chosen = assign_folds(*rows(2, 2, 5), 5, 0)
    where = {photo[0]: {chosen[p] for p in chosen if p[0] == photo[0]} for photo in chosen}
    assert len(where["A"]) == len(where["B"]) == 2
    assert not where["A"] & where["B"]


@pytest.mark.parametrize(("counts", "folds"), [((3, 2), 3), ((75, 2), 5), ((1, 1), 1), ((5,), 5)])
def test_there_are_no_more_folds_than_photographs(counts: tuple[int, ...], folds: int) -> None:
    assert fold_count(*rows(*counts, copies=3), 5) == folds


def test_the_note_says_what_is_not_as_usual() -> None:
    assert fold_note(*rows(9, 5), NAMES, 5) == ""
    assert fold_note(*rows(9, 3), NAMES, 5) == (
        "Classes with fewer photographs than the 5 folds validate in some folds only: B (3)."
    )
    assert fold_note(*rows(3, 2), NAMES, 5) == (
        "Validation rotates over 3 folds in place of 5: no class has more photographs. "
        "Classes with fewer photographs than the 3 folds validate in some folds only: B (2)."
    )


def test_a_class_of_one_photograph_is_refused() -> None:
    names, labels = rows(4, 1, copies=2)
    with pytest.raises(DataError) as caught:
        check_folds(assign_folds(names, labels, 4, 0), names, labels, NAMES)
    assert caught.value.problems == [
        "TRAIN/B: 1 photograph; at least 2 are needed, one to train and one to validate",
    ]


def test_a_class_that_other_classes_keep_in_one_fold_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        check_folds({"A0": 0, "A1": 1, "B0": 1, "B1": 1}, *rows(2, 2), NAMES)
    assert caught.value.problems == [
        "TRAIN/B: 2 photographs, which other classes keep in one fold; "
        "at least 2 are needed, one to train and one to validate",
    ]


@given(counts=st.lists(st.integers(2, 12), min_size=1, max_size=4), seed=st.integers(0, 2**31 - 1))
def test_every_class_always_trains_and_validates(counts: list[int], seed: int) -> None:
    names, labels = rows(*counts)
    folds = fold_count(names, labels, 5)
    chosen = assign_folds(names, labels, folds, seed)
    check_folds(chosen, names, labels, NAMES)
    assert set(chosen.values()) == set(range(folds))
    for fold in by_fold(chosen, folds):
        assert all(fold[NAMES[label]] < count for label, count in enumerate(counts))


def test_a_fifth_of_each_class_is_kept_for_the_test() -> None:
    tests = choose_test(*rows(75, 27, 16, 3), {})
    assert Counter(photo[0] for photo, kept in tests.items() if kept) == {"A": 15, "B": 5, "C": 3, "D": 1}


def test_the_test_stays_when_images_are_added() -> None:
    before = choose_test(*rows(10, 10), {})
    after = choose_test(*rows(15, 10), before)
    assert {photo: after[photo] for photo in before} == before
    assert Counter(photo[0] for photo, kept in after.items() if kept) == {"A": 3, "B": 2}


def test_the_test_has_every_class_also_where_photographs_have_two() -> None:
    names, labels = rows(5, 5)
    names, labels = [*names, *names[:5]], [*labels, *([1] * 5)]  # all of class A have images of class B
    tests = choose_test(names, labels, {})
    assert {label for photo, label in zip(names, labels, strict=True) if tests[photo]} == {0, 1}


def test_the_usual_number_of_folds_is_that_of_a_training() -> None:
    assert TrainConfig().folds == FOLDS
