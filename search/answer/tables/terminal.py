"""An answer for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from search.answer.answer import Answer
from search.answer.tables import rows
from search.answer.words.wording import word
from search.study.space import ParamValue
from search.text import shown

BEST = 6  # of a search


def print_answer(answer: Answer, console: Console) -> None:
    """Tables and sentences."""
    found = terminal_tables(answer)
    if found:
        what = "best trials by validation accuracy, in per cent"
        if answer.search is None:
            what = "accuracy in per cent; 95 % intervals over photographs and seeds"
        console.print(f"{answer.recorded.name}: {what}", markup=False, highlight=False)
    for table in found:
        console.print(table)
    console.print(f"\n{answer.sentence}", markup=False, highlight=False)


def terminal_tables(answer: Answer) -> list[Table]:
    """Accuracies with their differences to the reference level, and costs; of a search its best trials."""
    if answer.search is not None:
        return [_search(answer)] if answer.recorded.finished else []
    if not any(level.trials for level in answer.levels):
        return []
    head = (answer.recorded.study.factor or "model").replace("_", " ")
    first = _table(
        (head, "train", "val", "test", "to reference", ""),
        "* reference" if answer.recorded.study.factor else "",
    )
    second = _table(
        (head, *(["VRAM MiB"] if answer.vram_measured else []), "parameters", "seconds", *rows.other_words(), "learnt"),
        "" if answer.vram_measured else "VRAM not measured: no GPU",
    )
    for level in answer.levels:
        name = Text(rows.name_of(answer, level) + (" *" if level.is_reference and level.level is not None else ""))
        train, val = (level.accuracy.get(split) for split in ("train", "val"))
        test = level.differences.get("test")
        first.add_row(
            name,
            f"{100 * train.value:.1f}" if train else rows.MISSING,
            f"{100 * val.value:.1f}" if val else rows.MISSING,
            rows.with_interval(level.accuracy.get("test")),
            rows.difference(test.estimate) if test else "",
            rows.verdict(test).replace("too few seeds", "few seeds") if test else "",
        )
        parameters, seconds, vram = level.parameters, level.train_s, level.vram_mib
        second.add_row(
            name,
            *([f"{vram.mean:,.0f}" if vram else rows.MISSING] if answer.vram_measured else []),
            f"{parameters.mean:,.0f}" if parameters else rows.MISSING,
            f"{seconds.mean:,.0f}" if seconds else rows.MISSING,
            *rows.other_measures(level),
            rows.learnt(level),
        )
    return [first, second]


def _search(answer: Answer) -> Table:
    search, study = answer.search, answer.recorded.study
    assert search is not None
    measured = search.cost == "vram_peak_mib"
    table = _table(
        ("trial", "val", "test", "VRAM MiB" if measured else "parameters", "settings"),
        "* Pareto front",
    )
    table.columns[-1].justify = "left"
    table.columns[-1].no_wrap = False
    table.columns[-1].overflow = "fold"
    on_front = {record.number for record in search.front}
    done = sorted(answer.recorded.finished, key=lambda r: -(r.finished.splits["val"].accuracy if r.finished else 0))
    for record in done[:BEST]:
        end = record.finished
        assert end is not None
        cost = getattr(end, search.cost)
        table.add_row(
            f"{record.number}{' *' if record.number in on_front else ''}",
            *(f"{100 * end.splits[split].accuracy:.1f}" for split in ("val", "test")),
            f"{cost:,.0f}" if cost is not None else rows.MISSING,
            Text(", ".join(f"{word(name)} {_short(record.params[name])}" for name in study.scientific)),
        )
    return table


def _short(value: ParamValue) -> str:
    return f"{value:.3g}" if isinstance(value, float) else shown(value)


def _table(columns: Sequence[str], caption: str) -> Table:
    table = Table(
        caption=caption or None,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for place, column in enumerate(columns):
        if place:
            table.add_column(column, justify="right", no_wrap=True)
        else:
            table.add_column(column, overflow="fold", min_width=9)
    return table
