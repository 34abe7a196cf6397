"""What one run of a study works with, and how it may end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from search.console.callbacks import View
from search.executors import Executor
from search.stores.optuna import OptunaStudy
from search.stores.outbox import Outbox
from search.study import Study
from trainer.events import Ready

End = Literal["finished", "interrupted", "timeout"]


@dataclass
class Setup:
    """What one run of a study works with.

    Attributes:
        study: the design.
        name: of the study, in Optuna and in MLflow, and of its folder.
        folder: of its journals.
        executor: starts the slots.
        slots: how many.
        open_store: makes or opens the Optuna study; called once the images are known to be good.
        outboxes: who is told of trials, Optuna first.
        models: the folder of saved models.
        max_trials_per_slot: a slot is replaced after so many; None: never. 1 gives each trial a process of its own.
        timeout_s: no trial begins after so long.
        hang_s: a slot that should say something, and says nothing for so long, is ended; None: never.
        prepare: what must be done before the first trial begins, in a thread of its own; slots start meanwhile.
        first_ready: called when a slot is ready, before the first trial begins.
        fingerprint: of the images that were read before the first trial; None: not known.
        photographs: the id of the record in the image cache that trainers split by; empty: they find it.
        all_begun: called when the last trial that is known of has begun; the end is near.
    """

    study: Study
    name: str
    folder: Path
    executor: Executor
    slots: int
    open_store: Callable[[], OptunaStudy]
    outboxes: tuple[Outbox, ...]
    models: Path
    view: View = field(default_factory=View)
    max_trials_per_slot: int | None = None
    timeout_s: float | None = None
    hang_s: float | None = None
    prepare: Callable[[], None] | None = None
    first_ready: Callable[[Ready, OptunaStudy], None] | None = None
    fingerprint: Callable[[], str | None] = lambda: None
    photographs: Callable[[], str] = lambda: ""
    all_begun: Callable[[], None] | None = None

    @property
    def optuna(self) -> Outbox:
        """Who tells Optuna, and asks it."""
        return self.outboxes[0]
