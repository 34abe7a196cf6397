"""`python -m trainer.data.photographs.finding_process`: a process that finds photographs, started by `.in_process`.

One JSON line on stdin says what to do. Lines on stdout say how far it is, and the last one what was found.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from trainer.child_process import leave_signals_to_parent
from trainer.data.photographs.finder import find_photographs
from trainer.errors import DataError


def main() -> None:
    """Answer the question on stdin."""
    leave_signals_to_parent()
    question = json.loads(sys.stdin.readline() or "null")
    if question is None:
        return
    store = question.pop("store")
    try:
        found = find_photographs(
            Path(question.pop("root")),
            store=None if store is None else Path(store),
            progress=lambda done, total: _say({"done": done, "total": total}),
            **question,
        )
    except DataError as error:
        _say({"summary": error.summary, "problems": error.problems})
    else:
        _say({"found": asdict(found)})


def _say(values: dict[str, Any]) -> None:
    print(json.dumps(values), flush=True)


if __name__ == "__main__":
    main()
