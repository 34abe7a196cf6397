"""How far a run is."""

from __future__ import annotations

from enum import Enum, auto


class Phase(Enum):
    """The phases of a run, in their order. The first two may be one moment; an interruption may come in any."""

    PREPARING = auto()  # images are read, and slots start meanwhile
    OPEN = auto()  # the stores are open; no slot was ready yet
    TRAINING = auto()  # trials begin
    LAST = auto()  # every trial that is known of has begun; the end is near
    STOPPING = auto()  # interrupted: trials under way end their epoch and are put back
    ENDING = auto()  # interrupted again: everything ends now
