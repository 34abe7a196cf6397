"""What arrives in the controller's mailbox: from slots, from signals, and from the threads that work beside it."""

from __future__ import annotations

import queue
from dataclasses import dataclass
from typing import TypeAlias

from search.errors import SearchError
from search.executors import SlotExit, SlotLine
from search.study.space import ParamValue


@dataclass(frozen=True)
class Interrupted:
    """A signal came; what it means is the controller's phase by now."""


@dataclass(frozen=True)
class Prepared:
    """The images are ready, or `error` says why they are not."""

    error: Exception | None = None


@dataclass(frozen=True)
class Proposed:
    """A trial of a search, proposed by its sampler."""

    number: int
    params: dict[str, ParamValue]


@dataclass(frozen=True)
class NotProposed:
    """The sampler cannot be asked, and will not answer when it is asked again."""

    error: SearchError


@dataclass(frozen=True)
class Restart:
    """It is time to try again to start the slot of this number."""

    number: int


Mail: TypeAlias = SlotLine | SlotExit | Interrupted | Prepared | Proposed | NotProposed | Restart
Mails: TypeAlias = queue.SimpleQueue[Mail]
