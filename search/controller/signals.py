"""Ctrl-C, SIGTERM, and a terminal that is closed: what ends a command, and interrupts a study."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def ending_signals() -> list[signal.Signals]:
    """Those that end a command: Ctrl-C, SIGTERM, and a closed terminal's SIGHUP but where it is ignored (`nohup`)."""
    found = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    return [kind for kind in found if kind != signal.SIGHUP or signal.getsignal(kind) != signal.SIG_IGN]


@contextmanager
def signals_interrupt(interrupt: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM interrupt, while the study runs; so does SIGHUP, which says that the terminal was closed.

    SIGHUP comes from the shell and from the system, and systemd sends it after SIGTERM where it is told to: it hurries
    nothing that was interrupted before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupted = False

    def handle(kind: int, frame: object) -> None:
        nonlocal interrupted
        if kind == signal.SIGHUP and interrupted:
            return
        interrupted = True
        interrupt()

    kinds = ending_signals()
    before = [signal.signal(kind, handle) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
