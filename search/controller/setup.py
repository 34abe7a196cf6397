"""What one run of a study works with, and how it may end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from search.console.callbacks import View
from search.controller.packing import Packing
from search.controller.slots import GRAPHS_PER_SLOT
from search.executors import Executor
from search.stores.optuna import OptunaStudy
from search.stores.outbox import Outbox
from search.study import Study
from search.study.space import ParamValue
from trainer.events import Ready

# Four times what lies between two signs of life of a trainer: one may be late while a library keeps Python's lock.
SILENCE_S = 20.0
End = Literal["finished", "interrupted", "timeout"]


class Callbacks:
    """What the controller asks of whoever started the run, and tells them. Called by the controller's thread."""

    def prepare(self) -> None:
        """Does what must be done before the first trial begins. In a thread of its own; slots start meanwhile."""

    def open_store(self) -> OptunaStudy:
        """Makes or opens the Optuna study; called once the images are known to be good."""
        raise NotImplementedError

    def fingerprint(self) -> str | None:
        """Of the images that were read before the first trial; None: not known."""
        return None

    def photographs(self) -> str:
        """The id of the record in the image cache that trainers split by; empty: they find it."""
        return ""

    def photographs_record(self) -> Path | None:
        """The file of that record, for slots on other machines; None: there is none."""
        return None

    def first_slot_ready(self, ready: Ready, store: OptunaStudy) -> None:
        """A slot is ready, before the first trial begins."""

    def looked(self, left: Mapping[ParamValue, int]) -> None:
        """A look was taken. `left`: the levels that have left by now, and after how many replicates."""

    def last_trial_begun(self) -> None:
        """The last trial that is known of has begun; the end is near."""


@dataclass
class Setup:
    """What one run of a study works with.

    Attributes:
        study: the design.
        name: of the study, in Optuna and in MLflow, and of its folder.
        folder: of its journals.
        executor: starts the slots.
        slots: how many.
        outboxes: who is told of trials, Optuna first.
        models: the folder of saved models.
        callbacks: what is asked of whoever started the run.
        prepared: whether `callbacks.prepare` was called already.
        view: what the user is shown.
        max_trials_per_slot: a slot is replaced after so many; None: never. 1 gives each trial a process of its own.
        max_graphs_per_slot: a slot is replaced after so many trainings whose graph was new to it; None: never.
        timeout_s: no trial begins after so long.
        hang_s: a slot that should say something, and says nothing for so long, is ended; None: never.
        silence_s: a slot on another machine that gives no sign of life for so long is lost.
        packing: decides how many slots there are, where GPUs are shared by measurement; None: `slots`.
    """

    study: Study
    name: str
    folder: Path
    executor: Executor
    slots: int
    outboxes: tuple[Outbox, ...]
    models: Path
    callbacks: Callbacks
    prepared: bool = False
    view: View = field(default_factory=View)
    max_trials_per_slot: int | None = None
    max_graphs_per_slot: int | None = GRAPHS_PER_SLOT
    timeout_s: float | None = None
    hang_s: float | None = None
    silence_s: float = SILENCE_S
    packing: Packing | None = None

    @property
    def optuna(self) -> Outbox:
        """The outbox that tells and asks Optuna."""
        return self.outboxes[0]
