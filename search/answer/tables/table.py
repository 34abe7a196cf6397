"""`Table`: texts in rows, for the page, Markdown and the terminal."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """Texts in rows.

    Attributes:
        key: names it.
        title: above it.
        columns: heads; the first is of the rows' names.
        rows: as many texts as there are columns.
        marked: rows to set off: the reference level, the Pareto front.
        note: below it.
    """

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = field(default_factory=frozenset)
    note: str = ""
