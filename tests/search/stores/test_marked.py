"""Our part of a text that is also a person's."""

from __future__ import annotations

import pytest

from search.stores.marked import BEGIN, END, marked, merged


def test_an_empty_place_gets_our_part() -> None:
    assert merged("", "the answer") == marked("the answer") == f"{BEGIN}\n\nthe answer\n\n{END}"


def test_our_part_takes_the_place_of_our_part() -> None:
    there = f"mine\n\n{marked('old')}\n\nmine too"
    new = merged(there, "new")
    assert new == f"mine\n\n{marked('new')}\n\nmine too"
    assert merged(new, "new") == new


@pytest.mark.parametrize(("ours", "found"), [(False, f"a person's note\n\n{marked('new')}"), (True, marked("new"))])
def test_a_text_without_marks(ours: bool, found: str) -> None:
    assert merged("a person's note", "new", ours=ours) == found


def test_nothing_of_a_person_is_lost_with_our_last_line() -> None:
    assert merged(f"{BEGIN}\n\nold, and mine", "new") == f"old, and mine\n\n{marked('new')}"


def test_ours_is_cut_where_the_place_is_small() -> None:
    there, limit = "x" * 100, 100 + len(marked("")) + 12
    cut = merged(there, "y" * 50, limit=limit)
    assert cut == f"{there}\n\n{marked('y' * 10)}"
    assert len(cut) == limit
    assert merged(there, "y" * 50, limit=110) == there, "rather none of ours than less of theirs"
