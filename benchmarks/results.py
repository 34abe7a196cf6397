"""Figures, and how they are shown: medians with the smallest and the largest of the repeats."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One row of a table.

    Attributes:
        what: was measured.
        values: one a repeat, in the order of measuring.
        unit: of the values; `x` for a ratio, empty for a count.
        at_least: the goal; None has none.
        below: likewise.
    """

    what: str
    values: tuple[float, ...]
    unit: str = ""
    at_least: float | None = None
    below: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median meets the goal; None without one."""
        if self.at_least is not None:
            return self.median >= self.at_least
        return self.median < self.below if self.below is not None else None

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": list(self.values),
            "at_least": self.at_least,
            "below": self.below,
            "met": self.met,
        }


@dataclass
class Measured:
    """What one measure found. `notes`: what a reader must know beside the figures."""

    name: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self,
        what: str,
        values: Sequence[float],
        unit: str = "",
        *,
        at_least: float | None = None,
        below: float | None = None,
    ) -> None:
        self.figures.append(Figure(what, tuple(values), unit, at_least, below))

    def as_json(self) -> dict[str, Any]:
        return {"title": self.title, "figures": [figure.as_json() for figure in self.figures], "notes": self.notes}


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Repeat by repeat, so that what slows a whole repeat down cancels out."""
    return [a / b for a, b in zip(over, under, strict=True)]


def number(value: float) -> str:
    """Three digits, or as many as stand before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def show(measured: Measured, console: Console) -> None:
    """A table, and its notes below."""
    table = Table(title=f"{measured.name}: {measured.title}", title_justify="left", title_style="bold", min_width=80)
    table.add_column("")
    for column in ("median", "min - max"):
        table.add_column(column, justify="right")
    table.add_column("unit")
    table.add_column("goal")
    for figure in measured.figures:
        goal = ""
        if figure.met is not None:
            limit = f"at least {figure.at_least:g}" if figure.at_least is not None else f"below {figure.below:g}"
            goal = f"{limit}: {'[green]met[/]' if figure.met else '[red]missed[/]'}"
        low, high = number(min(figure.values)), number(max(figure.values))
        spread = f"{low} - {high}" if len(figure.values) > 1 else ""
        style = "bold" if figure.unit == "x" else None
        table.add_row(figure.what, number(figure.median), spread, figure.unit, goal, style=style)
    console.print(table)
    for note in measured.notes:
        console.print(f"  {note}", markup=False, highlight=False)
    console.print()
