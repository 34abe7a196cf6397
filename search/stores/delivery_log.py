"""The delivery log, `told.jsonl` beside the journals: what Optuna and MLflow have been told.

It may lag behind: what is told twice is told the same.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from search.folder.journal import cannot_write, drop_cut_line
from search.folder.record import TrialRecord

FILE = "told.jsonl"


class DeliveryLog:
    """What each of Optuna and MLflow has been told of, by trial and attempt: what one was told of an attempt that was
    interrupted says nothing of the next.

    Threads: `add` and `knows` may be called by any.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._told: set[tuple[str, int, float]] = set()
        try:
            if self._path.exists():
                drop_cut_line(self._path)
                for line in self._path.read_bytes().splitlines():
                    with contextlib.suppress(ValueError, KeyError, TypeError):  # then it is told again
                        entry = json.loads(line)
                        self._told.add((entry["who"], entry["number"], entry["started_at"]))
            self._file = open(self._path, "ab")
        except OSError as error:
            raise cannot_write(self._path, error) from None

    def add(self, who: str, record: TrialRecord) -> None:
        """`who` knows everything of this attempt at the trial."""
        entry = {"who": who, "number": record.number, "started_at": record.started_at}
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()
        self._told.add((who, record.number, record.started_at))

    def knows(self, who: str, record: TrialRecord) -> bool:
        """Whether `who` has been told everything of this attempt at the trial."""
        return (who, record.number, record.started_at) in self._told

    def forget(self, who: str) -> list[int]:
        """What was noted of `who` is not so: it knows nothing. Returns the numbers of these trials."""
        found = {entry for entry in self._told if entry[0] == who}
        self._told -= found
        return sorted({number for _, number, _ in found})

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
