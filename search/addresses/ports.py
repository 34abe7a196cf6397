"""On which ports `python -m search.ui` opens the pages of a folder of runs: noted beside its databases, in `ui.json`.

Links stand in both stores and in the page of every answer. They point to the ports that are noted, and where a port is
another program's by now and `search.ui` takes another one, `search.stores.relinking` has them point there.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from trainer.whole_file import whole_file

FILE = "ui.json"
USUAL = {"mlflow": 5050, "optuna": 8050}  # a browser keeps what it knows of a page by its port


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
    with contextlib.suppress(OSError), whole_file(runs / FILE) as partial:
        partial.write_text(json.dumps(dict(ports)), encoding="utf-8")
