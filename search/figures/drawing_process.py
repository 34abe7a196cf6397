"""`python -m search.figures.drawing_process`: a process that draws, started by `search.figures.in_process`.

It reads pickled questions on stdin, each a function's name and its arguments, and answers each on stdout. It ends with
its parent, and when it was asked nothing for a while.
"""

from __future__ import annotations

import importlib
import os
import pickle
import select
import sys
import traceback

from trainer.child_process import leave_signals_to_parent
from trainer.environment import set_up_matplotlib

IDLE_S = 30.0  # its start takes a second or two of processor time; meanwhile it keeps some 110 MiB


def main(idle_s: float = IDLE_S) -> None:
    """Answer questions until stdin ends. The parent ends it so."""
    leave_signals_to_parent()
    set_up_matplotlib()
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    while select.select([questions], [], [], idle_s)[0]:
        try:
            module, function, arguments = pickle.load(questions)
        except EOFError:
            return
        try:
            found = True, getattr(importlib.import_module(module), function)(*arguments)
        except Exception:
            found = False, traceback.format_exc()
        pickle.dump(found, answers)
        answers.flush()


def load(module: str) -> None:
    """Import a module, for a later question."""
    importlib.import_module(module)


if __name__ == "__main__":
    main()
