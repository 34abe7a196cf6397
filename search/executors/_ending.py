"""The end of an executor's slots."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Protocol

GRACE_S = 5.0  # how long slots that were told to end may take; a trainer ends as soon as its stdin closes


class Ending(Protocol):
    """A slot that can be waited for."""

    def close(self) -> None:
        """Tells the slot to end."""

    def join(self, deadline: float) -> None:
        """Waits for its end, until the deadline by `time.monotonic`."""


def end_slots(slots: Iterable[Ending]) -> None:
    """Tells all of them to end, then waits for them, `GRACE_S` together."""
    slots = list(slots)
    for slot in slots:
        slot.close()
    deadline = time.monotonic() + GRACE_S
    for slot in slots:
        slot.join(deadline)
