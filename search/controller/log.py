"""The controller's log, `controller.log` in the study's folder: what was said and done, with tracebacks."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

from search.console.callbacks import Tally, View
from search.folder.record import TrialRecord
from trainer.events import Ready

FILE = "controller.log"
MOST_BYTES, OLDER_FILES = 2_000_000, 3  # some thousand trials each, and whatever else
LOG = logging.getLogger(__name__)


class _Quiet(RotatingFileHandler):
    """A full disk is told by the journals; the log is not worth an end."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


@contextlib.contextmanager
def logged_in(folder: Path) -> Iterator[None]:
    """Within, what the search logs goes to the file in this folder."""
    handler = _Quiet(
        folder / FILE,
        maxBytes=MOST_BYTES,
        backupCount=OLDER_FILES,
        encoding="utf-8",
        delay=True,
        errors="backslashreplace",
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    logger = logging.getLogger("search")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    except BaseException:
        logger.exception("the run ends by an error")
        raise
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
        with contextlib.suppress(OSError):  # what was not written yet does not fit on a full disk
            handler.close()


class LoggedView(View):
    """Shows everything to another view, and logs what is said."""

    def __init__(self, view: View) -> None:
        self._view = view

    def begin(self, name: str, tally: Tally) -> None:
        LOG.info("%s: %s trials, %d of them over", name, tally.of, tally.over)
        self._view.begin(name, tally)

    def images(self, done: int, total: int) -> None:
        self._view.images(done, total)

    def photographs(self, done: int, total: int) -> None:
        self._view.photographs(done, total)

    def slot_ready(self, slot: int, ready: Ready) -> None:
        LOG.info("slot %d is ready: process %d, %s on %s", slot, ready.pid, ready.backend, ready.device_name)
        self._view.slot_ready(slot, ready)

    def trial(self, record: TrialRecord, tally: Tally) -> None:
        self._view.trial(record, tally)

    def slot_gone(self, slot: int) -> None:
        self._view.slot_gone(slot)

    def say(self, sentence: str) -> None:
        LOG.info("%s", sentence)
        self._view.say(sentence)

    def end(self) -> None:
        self._view.end()
