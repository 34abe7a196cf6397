"""Trials that wait for a slot, and which of them a slot takes next."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from search.folder.record import Role
from search.study import Study
from search.study.confirm import CANDIDATES
from search.study.cost import relative_cost
from search.study.factorial import cells
from search.study.space import ParamValue
from trainer.config import TrainConfig

LOOK_AHEAD = 3  # seeds
COMPARED = ("replicate", "confirm")  # the roles of trainings that are compared at equal seeds

Graph = tuple[Any, ...]


@dataclass
class Waiting:
    """A trial that is to be trained.

    Attributes:
        number, params, role: as Optuna and the study have them.
        config: the training.
        attempts: slots that died in it.
        losses: those of them that were lost with their machine.
        alone: whether it is trained while no other trial is, as it lacked memory beside others.
    """

    number: int
    params: dict[str, ParamValue]
    role: Role
    config: TrainConfig
    attempts: int = 0
    losses: int = 0
    alone: bool = False

    @property
    def seed(self) -> int:
        """0 in a search, where the seed follows from the number."""
        return int(self.params.get("seed", 0))

    @cached_property
    def graph(self) -> Graph:
        """The graph that a slot traces for the trial."""
        return self.config.graph()

    @cached_property
    def cost(self) -> float:
        """How long the trial takes, relative to others."""
        return relative_cost(self.config)


class Queue:
    """The trials that wait, in their order."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._trials: deque[Waiting] = deque()
        self._devices: dict[int, str] = {}  # of the trainings that are compared, by seed

    def __len__(self) -> int:
        return len(self._trials)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._trials)

    def extend(self, trials: Iterable[Waiting]) -> None:
        """Adds trials behind those that are waiting."""
        self._trials.extend(trials)

    def without(self, which: Callable[[Waiting], bool]) -> list[Waiting]:
        """Takes these out, and returns them in their order."""
        found = [trial for trial in self._trials if which(trial)]
        self._trials = deque(trial for trial in self._trials if not which(trial))
        return found

    def put_back(self, trial: Waiting) -> None:
        """Puts a trial that was under way in front of those that wait."""
        self._trials.appendleft(trial)

    def take(self, last: Graph, others: Collection[Graph], device: str = "") -> Waiting:
        """The first trial, or one soon after it that spares the slot a trace (some seconds).

        A slot keeps to the graph of its last trial, and leaves those of other slots to them. A graph of its own is the
        one with most left to do, so that what is long is not left to the end, when other slots stand idle. All this
        within LOOK_AHEAD seeds: further, and a study that is stopped early would have compared few levels.

        Levels are compared at equal seeds, and so are the best of a search and the reference model when they are
        trained again. So where devices differ, the trainings of a seed keep to the kind of device on which the first of
        them was begun, and no level sits on one machine; unless a slot would stand idle for it.

        Args:
            last: of the slot.
            others: of the other slots.
            device: of the slot, its kind (`search.folder.device`).
        """
        if self._trials[0].alone:
            return self._trials.popleft()
        a_seed = CANDIDATES + 1 if self._trials[0].role == "confirm" else len(cells(self._study))
        soon = list(itertools.islice(self._trials, LOOK_AHEAD * a_seed))
        furthest = soon[0].seed + LOOK_AHEAD - 1
        soon = [trial for trial in soon if trial.seed <= furthest]
        soon = [trial for trial in soon if self._devices.get(trial.seed, device) == device] or soon
        left: defaultdict[Graph, float] = defaultdict(float)
        for trial in soon:
            left[trial.graph] += trial.cost
        ours = [trial for trial in soon if trial.graph == last]
        free = [trial for trial in soon if trial.graph not in others]
        chosen = ours[0] if ours else max(free or soon, key=lambda trial: left[trial.graph])
        self._trials.remove(chosen)
        if chosen.role in COMPARED:
            self._devices.setdefault(chosen.seed, device)
        return chosen
