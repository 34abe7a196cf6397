"""Python's garbage collector, kept from what it need not look at."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """For imports of large packages: none of what is made meanwhile is ever looked through.

    TensorFlow and MLflow make some hundred thousand objects that stay to the end. Not looking through them again and
    again takes a fifth off their import, and no later collection has to.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
