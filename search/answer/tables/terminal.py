"""An answer for a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from search.answer.answer import Answer
from search.answer.factorial import Factorial
from search.answer.measure_table import MEASURES
from search.answer.search_result import val_value
from search.answer.statistics.simultaneous import Difference
from search.answer.tables import cells, rows
from search.answer.words.factorial import effect_name
from search.answer.words.wording import p_text, word
from search.folder.record import TrialRecord
from search.study import Study
from search.study.deciding import DECIDING
from search.study.space import ParamValue
from search.text import shown

BEST = 6  # of a search
SHORT = {"vram_peak_mib": "VRAM MiB", "flops_per_image": "FLOPs", "train_s": "seconds"}
BESIDE = ("macro_f1", "balanced_accuracy")


def print_answer(answer: Answer, console: Console) -> None:
    """Prints the tables and sentences of an answer."""
    found = terminal_tables(answer)
    if found:
        what = f"best trials by validation {answer.recorded.study.measure_words}, in per cent"
        if answer.search is None:
            what = f"{answer.recorded.study.measure_words} in per cent; 95 % intervals over photographs and seeds"
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
    beside = BESIDE[answer.recorded.study.measure == BESIDE[0]]  # one: 80 columns have no room for all
    study = answer.recorded.study
    head = rows.head(answer) if len(study.factors) > 1 else (study.factor or "model").replace("_", " ")
    compares = () if answer.factorial else ("to reference", "")
    first = _table((head, "train", "val", "test", *compares), "* reference" if study.factors else "")
    second = _table(
        (head, *(["VRAM MiB"] if answer.vram_measured else []), "parameters", "seconds", MEASURES[beside].words),
        "" if answer.vram_measured else "VRAM not measured: no GPU",
    )
    for level in answer.levels:
        name = Text(rows.name_of(answer, level) + (" *" if level.is_reference and level.level is not None else ""))
        train, val = (level.accuracy.get(split) for split in ("train", "val"))
        test = level.differences.get("test")
        first.add_row(
            name,
            f"{100 * train.value:.1f}" if train else cells.MISSING,
            f"{100 * val.value:.1f}" if val else cells.MISSING,
            cells.with_interval(level.accuracy.get("test")),
            *(_compared(test) if compares else ()),
        )
        parameters, seconds, vram = level.parameters, level.train_s, level.vram_mib
        second.add_row(
            name,
            *([f"{vram.mean:,.0f}" if vram else cells.MISSING] if answer.vram_measured else []),
            f"{parameters.mean:,.0f}" if parameters else cells.MISSING,
            f"{seconds.mean:,.0f}" if seconds else cells.MISSING,
            rows.measure_text(level, beside),
        )
    learns = rows.starts(answer)
    third = _table(learns.columns, "p: of starting as the reference does" if "p" in learns.columns else "")
    for row in learns.rows:
        third.add_row(*map(Text, row))
    return [first, *([_effects(answer.factorial)] if answer.factorial else []), second, third]


def _compared(found: Difference | None) -> tuple[str, str]:
    if found is None:
        return "", ""
    return cells.difference(found.estimate), cells.verdict(found).replace("too few seeds", "few seeds")


def _effects(found: Factorial) -> Table:
    table = _table(("effect", "test", "p", ""), "x: interaction; – : not estimated")
    for effect in found.effects:
        test = effect.differences.get("test")
        p = p_text(test.p) if test is not None and test.may_claim else cells.MISSING
        table.add_row(
            Text(effect_name(effect)), *((_compared(test)[0], p, _compared(test)[1]) if test else ("–", "", ""))
        )
    return table


def _search(answer: Answer) -> Table:
    search, study = answer.search, answer.recorded.study
    assert search is not None
    of = DECIDING[study.measure].of
    table = _table(
        ("trial", "val", "test", SHORT.get(search.cost, search.cost), "settings"),
        "* Pareto front",
    )
    table.columns[-1].justify = "left"
    table.columns[-1].no_wrap = False
    table.columns[-1].overflow = "fold"
    on_front = {record.number for record in search.front}
    feasible = filter(answer.recorded.keeps, answer.recorded.searched)
    done = sorted(feasible, key=lambda r: -val_value(r, study.measure))
    for record in done[:BEST]:
        end = record.finished
        assert end is not None
        cost = getattr(end, search.cost)
        table.add_row(
            f"{record.number}{' *' if record.number in on_front else ''}",
            *(f"{100 * of(end.splits[split]):.1f}" for split in ("val", "test")),
            f"{cost:,.0f}" if cost is not None else cells.MISSING,
            Text(", ".join(f"{word(name)} {_short(value)}" for name, value in _shown(record, study))),
        )
    return table


def _shown(record: TrialRecord, study: Study) -> Iterator[tuple[str, ParamValue]]:
    return ((name, record.params[name]) for name in study.scientific if name in record.params)


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
