"""On which ports `python -m search.ui` opens the pages of a folder of runs: noted beside its databases, in `ui.json`.

Links stand in both stores and in the page of every answer. They point to the ports that are noted, and where a port is
another program's by now and `search.ui` takes another one, `relink` has them point there.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

from search.stores.marked import BEGIN, END

FILE = "ui.json"
USUAL = {"mlflow": 5050, "optuna": 8050}  # a browser keeps what it knows of a page by its port
NOTE = "mlflow.note.content"


def noted_ports(database_url: str) -> dict[str, int]:
    """The ports of `mlflow` and `optuna` for the folder that a SQLite database lies in; the usual ones elsewhere."""
    scheme, _, path = database_url.partition(":///")
    if not scheme.startswith("sqlite"):
        return dict(USUAL)
    try:
        found = json.loads((Path(unquote(path)).parent / FILE).read_text(encoding="utf-8"))
        return {name: int(found.get(name, usual)) for name, usual in USUAL.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return dict(USUAL)


def note_ports(runs: Path, ports: Mapping[str, int]) -> None:
    """Notes the ports; a folder that cannot be written to keeps what it has."""
    with contextlib.suppress(OSError):
        partial = runs / f".{FILE}.partial"
        partial.write_text(json.dumps(dict(ports)), encoding="utf-8")
        partial.replace(runs / FILE)


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
    before, begun, rest = text.partition(BEGIN)
    ours, ended, after = rest.partition(END)
    if begun and ended:
        return f"{before}{begun}{move(ours)}{ended}{after}"
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
