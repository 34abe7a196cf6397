"""Searches replayed on a table of real trainings (`benchmarks.joint_table`): what each finds, by the epochs it trains.

    python -m benchmarks.replay                         every search, 50 times
    python -m benchmarks.replay --figure replay.svg     and drawn

A sampler's proposal is taken to the model in the table that is nearest to it and was not used in this search yet; the
sampler is told that model's own params and figures, so that it learns nothing untrue. Models at chance where hardly any
learns may be met again and again. Of a training that a pruner stops, the epochs until then count. The searches are this
project's own samplers and pruners, and Optuna at its defaults, with two objectives: accuracy on validation, and the
number of parameters. Some start from what questions found (`benchmarks.replay_questions`), whose epochs are counted or,
as for a user who has asked them anyway, are not; beside them stand the questions alone, with the combination of their
best levels and no search.

In each repeat four fifths of the models are there, drawn anew, the same for all searches. Of each model the first
replicate is what searches and questions see. Reported, at shares of the epochs of 60 trainings (the budget of each
search; questions come on top), and at the end:

    accuracy     on test images, of the model that is best on validation among those that learnt: of its second
                 replicate, which nothing has seen, staying at chance included
    hypervolume  of the models on the front (validation accuracy, parameters), again at the second replicate's test
                 accuracy: above chance, and below the largest model on a logarithmic axis, as a share of that of all
                 models that are there

The first of all figures is hypervolume of `joint` less that of random search, at the whole budget. Intervals are 95 %,
over the repeats, paired by them.

What it cannot tell. All rests on the few models that learnt: how many is said. Who proposes a model twice, or one
between two of the table, is taken elsewhere, which is hard on samplers that learn and harmless to random search: no
difference here is no evidence of none. Nothing is stopped before a training learns, and hardly any does, so pruning can
save next to nothing. Questions that are free have seen a good part of the table, of which the search then meets the
same trainings; on the other hand they are asked at random settings and not at the reference model's. A confirmation on
new seeds, as `joint` has it, would use up the second replicate.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from rich.console import Console

from benchmarks.joint_table import CLOCK, TABLE
from benchmarks.machine import cores
from benchmarks.replay_figures import GRID, Figures, counted, drawn, shown
from benchmarks.replay_questions import asked
from benchmarks.replay_world import CHANCE, Params, Row, World, read
from search.folder.curve import cap
from search.study.pruners import PRUNERS, Curve
from search.study.samplers import Proposal, build_sampler
from search.study.space import Levels
from trainer.config import TrainConfig


@dataclass(frozen=True)
class Search:
    """What is compared: an entry of `SEARCHES`."""

    words: str
    sampler: str = "tpe"
    n_startup: int = 20
    pruner: str = "none"
    questions: bool = False  # whether it starts from what they found
    counts: bool = False  # whether their epochs count
    alone: bool = False  # whether it ends with their best levels together
    chance: bool = True  # whether a training that stayed at chance is told PRUNED, worse than any that learnt
    near: bool = False  # whether it is told how near a training at chance came to learning
    peer: bool = False  # Optuna at its defaults, asked by Optuna's own study
    budgets: float = 1  # of 60 trainings


DRAWN = ("random", "optuna", "tpe20", "tpe20-questions", "joint")  # which lines a reader can tell apart
QUIET = optuna.logging.WARNING

SEARCHES = {
    "random": Search("random search", "random"),
    "random-long": Search("random search, three budgets", "random", budgets=3),
    "optuna": Search("Optuna at its defaults", peer=True, chance=False),
    "tpe10": Search("TPE, 10 start-up trials", n_startup=10),
    "tpe20": Search("TPE, 20 start-up trials"),
    "tpe20-near": Search("TPE, 20, told what was near learning", near=True),
    "tpe10-near": Search("TPE, 10, told what was near learning", n_startup=10, near=True),
    "joint-near": Search("`joint`, told what was near learning", pruner="asha", questions=True, near=True),
    "tpe10-chance": Search("TPE, 10, chance told as it is", n_startup=10, chance=False),
    "tpe20-chance": Search("TPE, 20, chance told as it is", chance=False),
    "tpe20-asha": Search("TPE, 20, pruning", pruner="asha"),
    "tpe20-questions": Search("TPE, 20, starts from questions", questions=True),
    "joint": Search("`joint`: TPE, 20, starts, pruning", pruner="asha", questions=True),
    "tpe10-both": Search("TPE, 10, starts, pruning", n_startup=10, pruner="asha", questions=True),
    "joint-counted": Search("`joint`, questions counted", pruner="asha", questions=True, counts=True),
    "questions": Search("questions alone", questions=True, alone=True),
    "questions-counted": Search("questions alone, counted", questions=True, counts=True, alone=True),
    "random-asha": Search("random search, pruning", "random", pruner="asha"),
}


@dataclass
class Course:
    """What a replayed search had found after each of its trainings: epochs in all, accuracy, share of hypervolume."""

    epochs: list[int] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    volume: list[float] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)  # from a proposal to the model that was trained
    trainings: int = 0  # of the search; those of questions are not among them
    pruned: int = 0

    def add(self, epochs: int, world: World, seen: Sequence[Row]) -> None:
        """Notes what is found when so many epochs were trained in all, by trainings that went to their end."""
        self.epochs.append(epochs)
        self.accuracy.append(world.truth(max(seen, key=_val).config) if seen else CHANCE)
        self.volume.append(world.share([(world.truth(one.config), one.parameters) for one in _front(seen)]))

    def at(self, epochs: float, values: Sequence[float]) -> float:
        """The figure when so many epochs were trained; before the first training was over, what chance gives."""
        done = int(np.searchsorted(self.epochs, epochs, side="right"))
        return values[done - 1] if done else (CHANCE if values is self.accuracy else 0.0)


def replayed(world: World, search: Search, seed: int) -> Course:
    """One search, until the budget is spent, or no model is left."""
    distributions = _distributions(world)
    study = optuna.create_study(directions=["maximize", "minimize"], storage=None, sampler=_peer(search, seed))
    found = asked(world, list(world.first.values()), np.random.default_rng(seed)) if search.questions else None
    starts = found.starts if found else ()
    course = Course()
    spent = found.epochs if found and search.counts else 0
    if found and search.alone:
        together = world.first[world.nearest(found.together)]
        course.add(spent, world, [together] if together.learnt else [])
        return course
    used: set[int] = set()
    seen: list[Row] = []
    curves: list[Curve] = []
    end = spent + search.budgets * world.budget
    while spent < end:
        number = course.trainings
        if number < len(starts):
            wanted = starts[number]
        elif search.peer:
            wanted = _asked(study, distributions)
        else:
            proposal = Proposal(seed * 100_003 + number, seed, search.n_startup, distributions)
            study.sampler = build_sampler(search.sampler, proposal)
            wanted = _asked(study, distributions)
        try:
            row = world.first[world.nearest(wanted, used)]
        except ValueError:  # the table is used up
            break
        course.distances.append(world.distance(wanted, row.config))
        used.add(row.config)
        spared = bool(starts) and number == 0  # the reference model, which nothing stops
        epochs = _stopped_after(search.pruner, row, number, curves, spared=spared)
        spent += row.epochs if epochs is None else epochs
        params = {name: row.params[name] for name in distributions}
        if row.val is None:
            state, values = TrialState.FAIL, None
        elif epochs is not None:
            state, values, course.pruned = TrialState.PRUNED, None, course.pruned + 1
        elif row.start is None and search.chance:
            state, values = TrialState.PRUNED, None
        else:
            state, values = TrialState.COMPLETE, [row.val, float(row.parameters)]
        if row.learnt and epochs is None:  # what stayed at chance is never recommended, whatever the sampler is told
            seen.append(row)
        far = {"learns": 1 - row.train} if search.near and row.start is None and row.val is not None else None
        study.add_trial(
            create_trial(state=state, params=params, distributions=distributions, values=values, constraints=far)
        )
        course.trainings += 1
        course.add(spent, world, seen)
    return course


def _peer(search: Search, seed: int) -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(seed=seed) if search.peer else optuna.samplers.RandomSampler(seed=seed)


def _asked(study: optuna.Study, distributions: dict[str, BaseDistribution]) -> Params:
    """What the sampler proposes; the trial itself is taken back, as another one takes its place."""
    trial = study.ask(distributions)
    params: Params = dict(trial.params)
    study.tell(trial, state=TrialState.FAIL)
    return params


def _val(row: Row) -> float:
    return row.val or 0.0


def _front(rows: Sequence[Row]) -> list[Row]:
    """Those that no other one exceeds in accuracy on validation at as few parameters."""
    front: list[Row] = []
    for row in sorted(rows, key=lambda row: (row.parameters, -_val(row))):
        if not front or _val(row) > _val(front[-1]):
            front.append(row)
    return front


def _stopped_after(name: str, row: Row, number: int, curves: list[Curve], *, spared: bool = False) -> int | None:
    """The epochs after which the pruner stops a training; None: it goes to its end. `curves` gets what it showed.

    As `search.folder.curve` has it: a training that has not started by the last epoch but one in which it may is
    compared as it is, from its first epoch on.
    """
    stops, length = PRUNERS[name].stops, CLOCK["epochs_after_start"]
    if stops is None or row.val is None:
        return None
    last = cap(TrainConfig.model_validate(CLOCK))
    late = row.start is None or row.start > last
    begin = 0 if late or row.start is None else row.start
    values = row.curve[: last + 1] if late else row.curve[begin:]
    for epoch in range(1, 1 if spared else len(values)):
        if stops(Curve(number, length, values[:epoch]), epoch, curves):
            curves.append(Curve(number, length, values[:last] if late else values[:epoch]))
            return last if late else begin + epoch
    curves.append(Curve(number, length, values))
    return None


def _distributions(world: World) -> dict[str, BaseDistribution]:
    found: dict[str, BaseDistribution] = {}
    for name, spec in world.specs.items():
        if isinstance(spec, Levels):
            found[name] = CategoricalDistribution(spec.levels)
        elif isinstance(spec.low, int) and isinstance(spec.high, int):
            found[name] = IntDistribution(spec.low, spec.high)
        else:
            found[name] = FloatDistribution(spec.low, spec.high, log=spec.log)
    return found


def measured(world: World, search: Search, repeats: int) -> Figures:
    """Replays a search, on a part of the table in each repeat."""
    courses = [replayed(world.part(seed), search, seed) for seed in range(repeats)]
    at = [share * world.budget for share in GRID]
    return Figures(
        np.array([[course.at(epochs, course.accuracy) for epochs in at] for course in courses]),
        np.array([[course.at(epochs, course.volume) for epochs in at] for course in courses]),
        float(np.mean([course.trainings for course in courses])),
        float(np.mean([course.pruned for course in courses])),
        float(np.mean([course.epochs[-1] for course in courses])) / world.budget,
        float(np.mean([distance for course in courses for distance in course.distances] or [0.0])),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.replay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", type=Path, default=TABLE, metavar="FILE", help="of trainings (%(default)s)")
    parser.add_argument("--repeats", type=int, default=50, metavar="N", help="of each search (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=SEARCHES, default=list(SEARCHES), metavar="NAME")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draws those of DRAWN, as SVG, PDF or PNG")
    args = parser.parse_args(argv)
    world = World(read(args.table))
    console = Console(width=120)
    again = sum(row.learnt for row in world.rows if row.replicate)
    console.print(
        f"{len(world.configs)} models, of which {len(world.learners)} learnt, {again} of those again; "
        f"a budget is {world.budget:,.0f} epochs"
    )
    chosen = [SEARCHES[name] for name in dict.fromkeys(["random", *args.only])]
    with ProcessPoolExecutor(cores(), get_context("spawn"), optuna.logging.set_verbosity, (QUIET,)) as pool:
        every = pool.map(measured, repeat(world), chosen, repeat(args.repeats))
        figures = {search.words: found for search, found in zip(chosen, every, strict=True)}
    for kind in ("accuracy", "volume"):
        console.print(shown(figures, kind, SEARCHES["random"].words))
    console.print(counted(figures))
    if args.figure:
        some = [SEARCHES[name].words for name in DRAWN]
        drawn({words: figures[words] for words in some if words in figures}, args.figure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
