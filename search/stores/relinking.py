"""Links in what the stores and the pages of answers say follow the ports of `search.ui`."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from search.stores.marked import marked, parted

NOTE = "mlflow.note.content"  # MLflow's tag of a description


def mover(before: Mapping[str, int], after: Mapping[str, int]) -> Callable[[str], str]:
    """What replaces the old addresses in a text by the new ones."""
    pages = {"mlflow": "/#/", "optuna": "/dashboard/"}
    pairs = [
        (f"http://127.0.0.1:{before[name]}{page}", f"http://127.0.0.1:{after[name]}{page}")
        for name, page in pages.items()
    ]

    def move(text: str) -> str:
        for old, new in pairs:
            text = text.replace(old, new)
        return text

    return move


def in_our_part(text: str, move: Callable[[str], str]) -> str:
    """A note whose part that is ours was changed; what a person wrote stays."""
    before, ours, after = parted(text)
    if ours is not None:
        return text if move(ours) == ours else f"{before}{marked(move(ours))}{after}"
    first, mark, others = text.partition("\n")
    if first.startswith("[Trial ") and first.endswith(")"):  # ours, of a trial
        return f"{move(first)}{mark}{others}"
    return text


def relink(runs: Path, move: Callable[[str], str]) -> None:
    """Has the links in MLflow's own database and in the pages of answers follow. Nobody else may write there now."""
    database = runs / "mlflow.db"
    if database.exists():
        with closing(sqlite3.connect(database)) as connection, contextlib.suppress(sqlite3.Error), connection:
            for table in ("tags", "experiment_tags"):
                rows = connection.execute(f"SELECT rowid, value FROM {table} WHERE key = ?", (NOTE,)).fetchall()
                changed = [(in_our_part(text, move), row) for row, text in rows if in_our_part(text, move) != text]
                connection.executemany(f"UPDATE {table} SET value = ? WHERE rowid = ?", changed)
    for page in [*runs.glob("studies/*/answer.html"), *runs.glob("artifacts/**/answer.html")]:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = page.read_text(encoding="utf-8")
            if move(text) != text:
                page.write_text(move(text), encoding="utf-8")
