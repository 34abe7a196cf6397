"""A command of the project's with no-op trainers, as a process of its own.

    python tests/search/noop_command.py [--no-figures] MODULE ARGUMENTS...

Figures take seconds of processor time.
"""

from __future__ import annotations

import importlib
import sys
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, __file__)
NO_FIGURES = "--no-figures"


def main() -> int:
    """The command's own `main`, with what it starts exchanged."""
    sys.path.insert(0, str(ROOT))
    import search.pages.publish
    import search.stores.stores
    from search.executors import LocalExecutor
    from search.stores.mlflow import Tracker
    from tests.search import noop_trainer

    made = LocalExecutor.__init__

    def with_noop_trainers(executor: LocalExecutor, *given: Any, **named: Any) -> None:
        made(executor, *given, **{**named, "command": noop_trainer.COMMAND})

    LocalExecutor.__init__ = with_noop_trainers  # type: ignore[method-assign]
    words = sys.argv[1:]
    if words[0] == NO_FIGURES:
        words = words[1:]
        search.pages.publish.draw = lambda *_: {}  # type: ignore[assignment]
        search.stores.stores.Tracker = partial(Tracker, with_pictures=False)  # type: ignore[assignment, misc]
    status: int = importlib.import_module(words[0]).main(words[1:])
    return status


if __name__ == "__main__":
    sys.exit(main())
