"""An answer in Markdown, for a study's description in MLflow and its note on the Optuna dashboard."""

from __future__ import annotations

from collections.abc import Sequence

from search.answer.answer import Answer
from search.answer.tables.rows import Table, tables

TABLES_SHOWN = ("accuracies", "differences", "effects", "starts", "trials")


def answer_markdown(answer: Answer, links: Sequence[tuple[str, str]] = ()) -> str:
    """Question, answer, tables, links.

    Args:
        answer: of a study.
        links: text and address of each; without an address the text stands alone.
    """
    parts = [f"**{_plain(answer.recorded.study.question)}**", f"**{_plain(answer.headline)}**"]
    details = [*answer.words.details]
    if details:
        parts.append(_plain(" ".join(details)))
    parts += [f"*{_plain(text)}*" for text in answer.caveats]
    parts += [_table(table) for table in tables(answer) if table.key in TABLES_SHOWN]
    parts += [" · ".join(f"[{text}]({address})" if address else text for text, address in links)] if links else []
    parts.append(f"`{answer.recorded.command}`")
    return "\n\n".join(parts)


def _table(table: Table) -> str:
    lines = [
        "| " + " | ".join(map(_cell, table.columns)) + " |",
        "|" + "|".join([" --- "] + [" ---: "] * (len(table.columns) - 1)) + "|",
    ]
    for number, row in enumerate(table.rows):
        cells = [_cell(text) for text in row]
        if number in table.marked:
            cells[0] = f"**{cells[0]}**"
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", f"*{table.note}*"])


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Text that means nothing to Markdown."""
    return "".join(f"\\{sign}" if sign in "\\*_`<>[]" else sign for sign in text)
