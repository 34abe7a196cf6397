"""The table of what a search trained again: each on the same new seeds, beside the reference model."""

from __future__ import annotations

from search.answer.confirmed import Confirmed
from search.answer.tables.cells import MISSING, OVER, difference, learnt, verdict, with_interval
from search.answer.tables.table import Table
from search.answer.words.wording import count, p_text
from search.text import first_upper


def confirmed_table(found: Confirmed, measure: str) -> Table:
    """Highlighted: what is recommended.

    Args:
        found: what training again says.
        measure: that decides, in words.
    """
    rows = []
    for one in found.candidates:
        test = one.level.differences.get("test")
        compared = (
            (difference(test.estimate), p_text(test.p) if test.may_claim else MISSING, verdict(test))
            if test is not None
            else (MISSING,) * 3
        )
        rows.append(
            (
                one.name.removeprefix("the ") + ("" if one.is_feasible else f" ({OVER})"),
                *(with_interval(one.level.accuracy.get(split)) for split in ("val", "test", "train")),
                *compared,
                learnt(one.level),
            )
        )
    note = (
        f"{first_upper(measure)} in per cent, over {count(found.seeds, 'seed')} that the search had not used, the same "
        "for all; 95 % intervals in brackets. In order of validation, by which one is recommended (highlighted). "
        "Differences are in points, to the reference model, paired by seed and photograph; p is corrected for their "
        "number (Holm)."
    )
    best = found.recommended
    marked = frozenset(place for place, one in enumerate(found.candidates) if one is best)
    columns = ("configuration", "validation", "test", "train", "to reference", "p", "verdict", "learnt at seeds")
    return Table("confirmed", "Trained again on new seeds", columns, tuple(rows), marked, note)
