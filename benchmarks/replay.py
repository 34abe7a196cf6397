"""Searches replayed on a table of real trainings (`benchmarks.joint_table`): what each finds, by the epochs it trains.

    python -m benchmarks.replay                         every search, 50 times
    python -m benchmarks.replay --figure replay.svg     and drawn

A sampler's proposal is taken to the training in the table that is nearest to it and was not used in this search yet;
the sampler is told that training's own params and figures, so that it learns nothing untrue. Of a training that a
pruner stops, the epochs until then count. The searches are this project's own samplers and pruners, and Optuna at its
defaults, with two objectives: accuracy on validation, and the number of parameters. Starts from questions are the
reference model, the best level of each parameter in a model without interactions that is fitted to the whole table, and
their combination: what questions would have told, whose own trainings are not counted.

Reported, at shares of the epochs of 60 trainings:

    accuracy     on test images, of the model that is best on validation: of its other replicate, which the search has
                 not seen, so that luck does not count
    hypervolume  of the models on the front (validation accuracy, parameters), again at the other replicate's test
                 accuracy: above chance, and below the largest model on a logarithmic axis, as a share of the table's

Intervals are 95 %, by bootstrap over the repeats; the repeats of all searches begin with equal seeds.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from rich.console import Console
from rich.table import Table

from benchmarks.joint_table import CLOCK, TABLE
from benchmarks.replay_world import CHANCE, Params, Row, World, read
from search.study.pruners import PRUNERS, Curve
from search.study.samplers import Proposal, build_sampler
from search.study.space import Levels

SHARES = (1 / 6, 1 / 3, 1 / 2, 2 / 3, 1.0)  # of the budget, at which figures are reported


@dataclass(frozen=True)
class Search:
    """What is compared: an entry of `SEARCHES`."""

    words: str
    sampler: str = "tpe"
    n_startup: int = 20
    pruner: str = "none"
    questions: bool = False
    chance: bool = True  # whether a training that stayed at chance is told PRUNED, worse than any that learnt
    peer: bool = False  # Optuna at its defaults, asked by Optuna's own study


SEARCHES = {
    "random": Search("random search", "random"),
    "optuna": Search("Optuna at its defaults", peer=True, chance=False),
    "tpe10": Search("TPE, 10 start-up trials", n_startup=10),
    "tpe20": Search("TPE, 20 start-up trials"),
    "tpe10-chance": Search("TPE, 10, chance told as it is", n_startup=10, chance=False),
    "tpe20-chance": Search("TPE, 20, chance told as it is", chance=False),
    "tpe20-asha": Search("TPE, 20, pruning", pruner="asha"),
    "tpe20-questions": Search("TPE, 20, starts from questions", questions=True),
    "joint": Search("TPE, 20, starts, pruning (`joint`)", pruner="asha", questions=True),
    "tpe10-both": Search("TPE, 10, starts, pruning", n_startup=10, pruner="asha", questions=True),
    "random-asha": Search("random search, pruning", "random", pruner="asha"),
}


@dataclass
class Course:
    """What a replayed search had found after each of its trainings: epochs in all, accuracy, share of hypervolume."""

    epochs: list[int] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    volume: list[float] = field(default_factory=list)
    pruned: int = 0

    def at(self, epochs: float, values: Sequence[float]) -> float:
        """The figure when so many epochs were trained; before the first training was over, what chance gives."""
        done = int(np.searchsorted(self.epochs, epochs, side="right"))
        return values[done - 1] if done else (CHANCE if values is self.accuracy else 0.0)


def replayed(world: World, search: Search, seed: int) -> Course:
    """One search, until the budget is spent."""
    distributions = _distributions(world)
    study = optuna.create_study(directions=["maximize", "minimize"], storage=None, sampler=_peer(search, seed))
    order = np.random.default_rng(seed)
    flipped = {row.config: bool(order.integers(2)) for row in world.rows}  # which replicate comes first
    used: set[int] = set()
    course = Course()
    seen: list[Row] = []
    curves: list[Curve] = []
    spent, number = 0, 0
    while spent < world.budget and len(used) < len(world.rows):
        if search.questions and number < len(world.starts):
            wanted = world.starts[number]
        elif search.peer:
            wanted = _asked(study, distributions)
        else:
            proposal = Proposal(seed * 100_003 + number, seed, search.n_startup, distributions)
            study.sampler = build_sampler(search.sampler, proposal)
            wanted = _asked(study, distributions)
        index = world.nearest(wanted, used)
        first = world.rows[index]
        row = world.other[first.config, first.replicate ^ flipped[first.config]]
        used.add(index)
        epochs = _stopped_after(search.pruner, row, number, curves)
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
            seen.append(row)
        study.add_trial(create_trial(state=state, params=params, distributions=distributions, values=values))
        number += 1
        course.epochs.append(spent)
        course.accuracy.append(world.truth(max(seen, key=_val)) if seen else CHANCE)
        course.volume.append(world.share([(world.truth(one), one.parameters) for one in _front(seen)]))
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


def _stopped_after(name: str, row: Row, number: int, curves: list[Curve]) -> int | None:
    """The epochs after which the pruner stops a training; None: it goes to its end. `curves` gets what it showed."""
    length, stops = CLOCK["epochs_after_start"], PRUNERS[name].stops
    if row.start is None or stops is None:
        return None
    values = row.curve[row.start :]
    for epoch in range(1, len(values)):
        curve = Curve(number, length, values[:epoch])
        if stops(curve, epoch, curves):
            curves.append(curve)
            return row.start + epoch
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


@dataclass(frozen=True)
class Figures:
    """All repeats of one search: shape (repeats, len(GRID)), at shares of the budget."""

    accuracy: np.ndarray
    volume: np.ndarray
    trainings: float  # a search, on average
    pruned: float


GRID = np.arange(1, 61) / 60
RESAMPLED = 2000


def measured(world: World, search: Search, repeats: int) -> Figures:
    """Replays a search."""
    courses = [replayed(world, search, seed) for seed in range(repeats)]
    at = [share * world.budget for share in GRID]
    return Figures(
        np.array([[course.at(epochs, course.accuracy) for epochs in at] for course in courses]),
        np.array([[course.at(epochs, course.volume) for epochs in at] for course in courses]),
        float(np.mean([len(course.epochs) for course in courses])),
        float(np.mean([course.pruned for course in courses])),
    )


def reaches(ours: np.ndarray, random: np.ndarray) -> tuple[float, float, float]:
    """The share of the budget in which the mean of `ours` reaches the final mean of `random`, and its 95 % interval;
    above 1 where it does not.

    Args:
        ours, random: of equal shape (repeats, len(GRID)).
    """

    def share(chosen: np.ndarray) -> float:
        over = ours[chosen].mean(axis=0) >= random[chosen, -1].mean()
        return float(GRID[over.argmax()]) if over.any() else math.inf

    repeats, rng = len(ours), np.random.default_rng(0)
    resampled = [share(rng.integers(repeats, size=repeats)) for _ in range(RESAMPLED)]
    low, high = np.quantile(resampled, [0.025, 0.975], method="nearest")
    return share(np.arange(repeats)), float(low), float(high)


def shown(figures: Mapping[str, Figures], kind: str, scale: float) -> Table:
    """Means at the shares of the budget, and in which share random search's final figure is reached."""
    table = Table("search", *(f"{share:.0%}" for share in SHARES), "± (95 %)", "reaches random's last", title=kind)
    last = getattr(figures["random"], kind)
    for name, found in figures.items():
        values = getattr(found, kind)
        means = [f"{scale * values[:, round(share * len(GRID)) - 1].mean():.1f}" for share in SHARES]
        half = 1.96 * scale * values[:, -1].std(ddof=1) / math.sqrt(len(values))
        at, low, high = reaches(values, last)
        said = " to ".join("never" if math.isinf(one) else f"{one:.2f}" for one in (low, high))
        when = "never" if math.isinf(at) else f"{at:.2f}"
        table.add_row(SEARCHES[name].words, *means, f"{half:.1f}", f"{when} ({said})")
    return table


def drawn(figures: Mapping[str, Figures], path: Path) -> None:
    """Both figures against the epochs trained, a line a search."""
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = sheet.subplots(1, 2)
    for axes, kind, label in ((left, "accuracy", "test accuracy (%)"), (right, "volume", "share of hypervolume (%)")):
        for name, found in figures.items():
            values = 100 * getattr(found, kind)
            mean, error = values.mean(axis=0), 1.96 * values.std(axis=0, ddof=1) / math.sqrt(len(values))
            (line,) = axes.plot(100 * GRID, mean, label=SEARCHES[name].words)
            axes.fill_between(100 * GRID, mean - error, mean + error, color=line.get_color(), alpha=0.12, linewidth=0)
        axes.set_xlabel("epochs trained (% of those of 60 trainings)")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    left.legend(fontsize=8)
    sheet.savefig(path)


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.replay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", type=Path, default=TABLE, metavar="FILE", help="of trainings (%(default)s)")
    parser.add_argument("--repeats", type=int, default=50, metavar="N", help="of each search (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=SEARCHES, default=list(SEARCHES), metavar="NAME")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draws them, as SVG, PDF or PNG")
    args = parser.parse_args(argv)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    world = World(read(args.table))
    console = Console(width=120)
    console.print(f"{len(world.rows)} trainings; 60 are {world.budget:,.0f} epochs")
    figures = {name: measured(world, SEARCHES[name], args.repeats) for name in dict.fromkeys(["random", *args.only])}
    console.print(shown(figures, "accuracy", 100))
    console.print(shown(figures, "volume", 100))
    counts = Table("search", "trainings", "of them pruned")
    for name, found in figures.items():
        counts.add_row(SEARCHES[name].words, f"{found.trainings:.1f}", f"{found.pruned:.1f}")
    console.print(counts)
    if args.figure:
        drawn(figures, args.figure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
