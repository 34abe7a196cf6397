"""Our part of a text that is also a person's."""

from __future__ import annotations

import zlib

import pytest

from search.stores.marked import marked, merged, parted

OLDER = (
    "[//]: # (written by the search; what stands outside these two lines stays)\n\n{}\n\n"
    "[//]: # (end of what the search wrote)"
)


def test_an_empty_place_begins_with_our_words() -> None:
    """As lists of descriptions show a text's beginning as it is."""
    mark = f"[//]: # (the search wrote the 10 characters above; {zlib.crc32(b'the answer'):08x})"
    assert merged("", "the answer") == marked("the answer") == f"the answer\n\n{mark}"


@pytest.mark.parametrize("before", ["", "mine\n\n"])
@pytest.mark.parametrize("after", ["", "\n\nmine too"])
@pytest.mark.parametrize("part", [marked("old\n\nlines"), OLDER.format("old\n\nlines")], ids=["now", "older"])
def test_our_part_takes_the_place_of_our_part(before: str, after: str, part: str) -> None:
    there = f"{before}{part}{after}"
    assert parted(there) == (before, "old\n\nlines", after)
    new = merged(there, "new")
    assert new == f"{before}{marked('new')}{after}"
    assert merged(new, "new") == new
    assert merged(new.replace("\n", "\r\n"), "new") == new, "as a browser may send it"


@pytest.mark.parametrize(("ours", "found"), [(False, f"a person's note\n\n{marked('new')}"), (True, marked("new"))])
def test_a_text_without_marks(ours: bool, found: str) -> None:
    assert merged("a person's note", "new", ours=ours) == found


@pytest.mark.parametrize("ours", [False, True])
def test_our_words_that_somebody_changed_are_theirs(ours: bool) -> None:
    there = f"{marked('the answer is yes').replace('yes', 'no')}\n\nAda"
    assert merged(there, "new", ours=ours) == f"the answer is no\n\nAda\n\n{marked('new')}"
    shorter = marked("the answer is yes").replace("the answer is ", "")
    assert merged(shorter, "new", ours=ours) == f"yes\n\n{marked('new')}"


def test_nothing_of_a_person_is_lost_with_our_last_line() -> None:
    there = OLDER.format("old").partition("\n\n[//]: # (end")[0]
    assert merged(f"{there}, and mine", "new") == f"old, and mine\n\n{marked('new')}"


def test_ours_is_cut_where_the_place_is_small() -> None:
    there, limit = "x" * 100, 280
    cut = merged(there, "y" * 5000, limit=limit)
    assert cut.startswith(f"{there}\n\nyyyyy")
    assert limit - 2 <= len(cut) <= limit
    assert parted(cut)[1] == "y" * len(parted(cut)[1] or "")
    assert merged(there, "y" * 50, limit=110) == there, "rather none of ours than less of theirs"
