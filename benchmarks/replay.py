"""Searches replayed on a table of real trainings (`benchmarks.joint_table`): what each finds, by the epochs it trains.

    python -m benchmarks.replay                                     every search, 50 times
    python -m benchmarks.replay --figure replay.svg                 and drawn
    python -m benchmarks.replay --halves 100 --only random joint    and intervals for other models, too
    python -m benchmarks.replay --no-clock                          where what stays at chance is ended by none

A sampler's proposal is taken to the model in the table that is nearest to it and was not used in this search yet; the
sampler is told that model's own params and figures, so that it learns nothing untrue. Models at chance where hardly any
learns may be met again and again. Of a training that a pruner stops, the epochs until then count. The searches are this
project's own samplers and pruners, and Optuna at its defaults, with two objectives: accuracy on validation, and the
number of parameters. Some start from what questions found (`benchmarks.replay_questions`), whose epochs are counted or,
as for a user who has asked them anyway, are not; beside them stand the questions alone, with the combination of their
best levels and no search. Some train their best again before one is recommended (`benchmarks.replay_again`), at epochs
that are counted: each point of their course is a search that was ended early enough to pay for that.

A model that learnt in its first replicate is called able, and has five others, on other seeds and in turn on all folds.
A trial sees an able model on the fold of its number, as the trials of `joint` have their folds in turn; three of the
other four, dealt anew for each search and model, are what is seen where it is trained again, and the fifth is what it
is worth, staying at chance included. Those that are trained again are compared by what they have above the mean of
their replicates, as in `joint` they have the same ones. The first replicate has told who is able, and is seen by none;
of a model that is not able it is all there is. With `--seen R` all able models are seen in replicate R, as by a search
whose trainings all have the same seed and fold. Reported, at shares of the epochs of 60 trainings (the budget of each
search; questions that are free would cost two more), and at the end:

    accuracy     what the recommended model is worth, on test images: the best on validation among those that learnt, or
                 the first of those that were trained again
    hypervolume  of the front of the search's own trainings (validation accuracy, parameters), at what the replicates
                 that it did not see say of its models: above chance, and below the largest model on a logarithmic axis,
                 as a share of that of the best of all able models. A model on the front that is worth less than a
                 smaller one lowers it: to leave such out would make long fronts of lucky models.

Who trains again pays for that in both; what the front is without stands beside it as a search of its own. The first of
all figures was accuracy of `joint` less that of random search, at the whole budget, named before any replicate after
the second was replayed, when all were seen in the first; that is `--seen 0` now. Intervals are 95 %, paired by the
seeds: on this table, which is the error of the simulation alone, and with `--halves` for tables of other models too, in
brackets, by a jackknife. Neither is for other seeds, folds and images: all models have the same six, and the same
photographs.

What it cannot tell. All rests on the models that are able: how many is said. Who proposes a model twice, or one between
two of the table, is taken elsewhere, which is hard on samplers that learn and harmless to random search: no difference
here is no evidence of none. What stays at chance ends at epoch 30, by the clock with which the table was trained, so
pruning can save next to nothing. With `--no-clock` it goes on to epoch 60, as in `joint` as it is shipped, whose other
trainings would have 60 epochs too, and its rungs at 7 and 20 of them and not at 3 and 7 of 20. Questions that are free
have seen a good part of the table, of which the search then meets the same models; on the other hand they are asked at
random settings and not at the reference model's. A model not able is worth nothing here; another seed might have
learnt. `joint` trains its best on five seeds, and the reference model beside them, on top of its 60 trials, and
recommends one that learns at four of five; here those that learn at three of three come first. Its patience is not
replayed.
"""

from __future__ import annotations

import argparse
import math
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

from benchmarks.joint_table import CLOCK, REPLICATES, TABLE
from benchmarks.machine import cores
from benchmarks.replay_again import trained_again
from benchmarks.replay_figures import GRID, KINDS, Figures, counted, drawn, shown, together
from benchmarks.replay_questions import REFERENCE, asked
from benchmarks.replay_searches import DRAWN, SEARCHES, Search
from benchmarks.replay_world import CHANCE, Params, Row, World, front, read, without_clock
from search.folder.curve import cap
from search.study.pruners import PRUNERS, Curve
from search.study.samplers import Proposal, build_sampler
from search.study.space import Levels
from trainer.config import TrainConfig

QUIET = optuna.logging.WARNING
PIECE = 10  # searches on the whole table that one process replays at a time


@dataclass
class Course:
    """What a replayed search had found after each of its trainings: epochs in all, accuracy, share of hypervolume."""

    epochs: list[int] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    volume: list[float] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)  # from a proposal to the model that was trained
    trainings: int = 0  # of the search; those of questions are not among them
    pruned: int = 0
    learns: list[float] = field(default_factory=list)  # the recommended, at this share of the seeds nothing saw, or NaN

    def add(self, epochs: int, world: World, seen: Sequence[Row], *, confirm: bool = False) -> int:
        """Notes what is found where the search ends when so many epochs were trained, by trainings that went to their
        end. Returns the epochs in all: more, where its best are trained again.
        """
        again = trained_again(world, seen) if confirm else []
        best = again[0].row if again else max(seen, key=_val, default=None)
        epochs += sum(one.epochs for one in again)
        self.epochs.append(max([epochs, *self.epochs[-1:]]))
        self.accuracy.append(world.truth(best) if best else CHANCE)
        self.learns.append(_mean([row.learnt for row in world.unseen(best)]) if best else math.nan)
        self.volume.append(world.share([(world.worth(one), one.parameters) for one in front(seen, _point)]))
        return epochs

    def at(self, epochs: float, values: Sequence[float]) -> float:
        """The figure when so many epochs were trained; before the first training was over, what chance gives."""
        done = int(np.searchsorted(self.epochs, epochs, side="right"))
        return values[done - 1] if done else (CHANCE if values is self.accuracy else 0.0)


def replayed(world: World, search: Search, seed: int) -> Course:
    """One search, until the budget is spent, or no model is left."""
    distributions = _distributions(world)
    study = optuna.create_study(directions=["maximize", "minimize"], storage=None, sampler=_peer(search, seed))
    found = asked(world, world.asked(), np.random.default_rng((3, seed))) if search.questions else None
    starts = found.starts if found else (REFERENCE,) if search.reference else ()
    course = Course()
    spent = in_all = found.epochs if found and search.counts else 0
    if found and search.alone:
        together = world.met(world.nearest(found.together), 0)
        course.add(spent + together.epochs, world, [together] if together.learnt else [])
        return course
    used: set[int] = set()
    seen: list[Row] = []
    curves: list[Curve] = []
    end = spent + search.budgets * world.budget
    while in_all < end:
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
            row = world.met(world.nearest(wanted, used), number)
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
        in_all = course.add(spent, world, seen, confirm=search.confirm)
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


def _point(row: Row) -> tuple[float, int]:
    return _val(row), row.parameters


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


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


def measured(
    world: World, search: Search, half: int | None, seeds: Sequence[int], seen: int | None = None
) -> dict[str, np.ndarray]:
    """Replays a search with each of these seeds, on the whole table or on one of its halves. Figures by the names of
    `KINDS`, of shape (seeds, len(GRID)), and of `COUNTS`, of shape (seeds,). `seen` is that of `World.shuffled`.
    """
    there = world if half is None else world.half(half)
    courses = [replayed(there.shuffled(seed, seen), search, seed) for seed in seeds]
    at = GRID * world.budget
    return {
        "accuracy": np.array([[course.at(epochs, course.accuracy) for epochs in at] for course in courses]),
        "volume": np.array([[course.at(epochs, course.volume) for epochs in at] for course in courses]),
        "trainings": np.array([course.trainings for course in courses]),
        "pruned": np.array([course.pruned for course in courses]),
        "spent": np.array([course.epochs[-1] / world.budget for course in courses]),
        "distance": np.array([np.mean(course.distances or [0.0]) for course in courses]),
        "learns": np.array([course.learns[-1] for course in courses]),
    }


def compared(
    world: World, chosen: Sequence[Search], searches: int, halves: int = 0, in_half: int = 0, seen: int | None = None
) -> dict[str, Figures]:
    """Every search replayed so many times on the whole table and on each of so many halves, on all cores; figures by
    its words.
    """
    pieces: list[tuple[int | None, range]] = [
        (None, range(start, min(start + PIECE, searches))) for start in range(0, searches, PIECE)
    ]
    whole = len(pieces)
    pieces += [(half, range(half * in_half, (half + 1) * in_half)) for half in range(halves)]
    tasks = [(search, *piece) for search in chosen for piece in pieces]
    with ProcessPoolExecutor(cores(), get_context("spawn"), optuna.logging.set_verbosity, (QUIET,)) as pool:
        found = list(pool.map(measured, repeat(world), *zip(*tasks, strict=True), repeat(seen)))
    each = [found[start : start + len(pieces)] for start in range(0, len(found), len(pieces))]
    return {search.words: together(of[:whole], of[whole:]) for search, of in zip(chosen, each, strict=True)}


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.replay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", type=Path, default=TABLE, metavar="FILE", help="of trainings (%(default)s)")
    parser.add_argument("--searches", type=int, default=50, metavar="N", help="of each kind (%(default)s)")
    parser.add_argument("--halves", type=int, default=0, metavar="N", help="of the table, besides (%(default)s)")
    parser.add_argument("--in-half", type=int, default=32, metavar="N", help="searches of each kind (%(default)s)")
    parser.add_argument(
        "--seen", type=int, choices=range(REPLICATES), metavar="R", help="replicate that searches see, instead of any"
    )
    parser.add_argument("--no-clock", action="store_true", help="what stays at chance goes on to epoch 60")
    parser.add_argument("--only", nargs="+", choices=SEARCHES, default=list(SEARCHES), metavar="NAME")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draws those of DRAWN, as SVG, PDF or PNG")
    args = parser.parse_args(argv)
    for name, least in (("searches", 2), ("halves", 2 if args.halves else 0), ("in_half", 2)):
        if getattr(args, name) < least:
            parser.error(f"--{name.replace('_', '-')} {getattr(args, name)}: at least {least}")
    rows = read(args.table)
    world = World(without_clock(rows) if args.no_clock else rows)
    console = Console(width=160)
    later = [row.learnt for row in world.rows if row.replicate]
    console.print(
        f"{len(world.configs)} models, of which {len(world.able)} learnt; of {len(later)} trainings of these "
        f"on new seeds {sum(later)} learnt; a budget is {world.budget:,.0f} epochs"
    )
    chosen = [SEARCHES[name] for name in dict.fromkeys(["random", *args.only])]
    figures = compared(world, chosen, args.searches, args.halves, args.in_half, args.seen)
    again = [search.words for search in chosen if search.confirm]
    for kind in KINDS:
        console.print(shown(figures, kind, SEARCHES["random"].words))
        if (random := SEARCHES["random-confirm"].words) in again:
            console.print(shown({words: figures[words] for words in again}, kind, random))
    console.print(counted(figures))
    if args.figure:
        some = [SEARCHES[name].words for name in DRAWN]
        drawn({words: figures[words] for words in some if words in figures}, args.figure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
