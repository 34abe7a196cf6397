"""The table of rungs: how many trainings of a search reached each, and how many were stopped there."""

from __future__ import annotations

from search.answer.rungs import pruned, pruned_text
from search.answer.tables.cells import MISSING
from search.answer.tables.table import Table
from search.answer.words.wording import percent
from search.folder.load import StoredStudy
from search.text import first_upper


def rungs(recorded: StoredStudy) -> Table | None:
    """The rungs of a search that prunes by them; None without, and before a training has reached one."""
    found = pruned(recorded)
    if found is None or not found.rungs:
        return None
    rows = [
        (
            f"{rung.epoch} epochs",
            str(rung.reached),
            str(rung.stopped),
            percent(rung.needed) if rung.needed is not None else MISSING,
        )
        for rung in found.rungs
    ]
    measure = recorded.study.measure_words
    note = (
        f"{first_upper(pruned_text(recorded) or '')}. Epochs count from the start of learning; a training that has not "
        "started in time is ranked as it is. Of those that reach a rung a third go on, and always the reference model."
    )
    columns = ("rung, after", "reached", "stopped", f"goes on from (validation {measure})")
    return Table("rungs", "Rungs: which trainings were stopped", columns, tuple(rows), note=note)
