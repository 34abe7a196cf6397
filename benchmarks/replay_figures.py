"""What `benchmarks.replay` measured, as tables and as a drawing.

Intervals are 95 %. That of the simulation is over the searches on one table: it shrinks with more of them. That over
tables of other models (`over_tables`) does not, and is larger.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table
from scipy.stats import norm, t

SHARES = (1 / 6, 1 / 3, 1 / 2, 2 / 3, 1.0)  # of the budget, at which figures are reported
COMPARED = (1 / 3, 1.0)  # at which a search is compared with a random one at the whole budget
STEPS = 60  # of the budget
BUDGETS = 5  # as far as is looked: questions whose epochs count are asked before the search begins
GRID = np.arange(1, STEPS * BUDGETS + 1) / STEPS  # shares of the budget
RESAMPLED = 2000
KINDS = ("accuracy", "volume")
COUNTS = ("trainings", "pruned", "spent", "distance", "learns")


@dataclass(frozen=True)
class Figures:
    """All replays of one search.

    Attributes:
        whole: by kind, of shape (searches, len(GRID)): at shares of the budget, on the whole table.
        halves: by kind, of shape (halves, searches, len(GRID)): on halves of the table; there may be none.
        counts: by the names of `COUNTS`, of shape (searches,): on the whole table, trainings, how many of them were
            pruned, the epochs as a share of the budget, the mean distance from a proposal to the model that was
            trained, and the share of the seeds that nothing saw at which what is recommended at the end learns, NaN
            where nothing is.
    """

    whole: Mapping[str, np.ndarray]
    halves: Mapping[str, np.ndarray]
    counts: Mapping[str, np.ndarray]


def together(whole: Sequence[Mapping[str, np.ndarray]], halves: Sequence[Mapping[str, np.ndarray]]) -> Figures:
    """The figures of one search, of pieces.

    Args:
        whole: of its searches on the whole table, by kind and by the names of `COUNTS`.
        halves: of its searches on each half, likewise.
    """
    return Figures(
        {kind: np.concatenate([one[kind] for one in whole]) for kind in KINDS},
        {kind: np.stack([one[kind] for one in halves]) for kind in KINDS if halves},
        {name: np.concatenate([one[name] for one in whole]) for name in COUNTS},
    )


def over_tables(differences: np.ndarray) -> float:
    """Half of the 95 % interval of a mean over tables of other models from the same space, apart from the error of the
    simulation: a delete-half jackknife (Shao and Wu, The Annals of Statistics 17, 1989). The variance between halves,
    without what the searches on one contribute, stands for that between tables of twice their size.

    Approximately: it is too wide for the luckiest of many, and too narrow, by up to a quarter, where all depends on the
    models nearest to fixed points, as a half has the same ones again (both in the tests).

    Args:
        differences: of shape (halves, searches), two or more of either.
    """
    halves, searches = differences.shape
    if min(halves, searches) < 2:
        raise ValueError(f"{halves} halves with {searches} searches: two or more of either are needed")
    of_means = differences.mean(axis=1).var(ddof=1)
    between = of_means - differences.var(axis=1, ddof=1).mean() / searches
    return float(norm.ppf(0.975) * math.sqrt(max(0.0, between)))


def reaches(ours: np.ndarray, random: np.ndarray) -> tuple[float, float, float]:
    """The share of the budget from which on the mean of `ours` is no less than that of `random` at the whole budget,
    and its 95 % interval on this table; infinite where it never is. Of random search itself it is 1, or less where it
    finds no more.

    Args:
        ours, random: of equal shape (searches, len(GRID)).
    """

    def share(chosen: np.ndarray) -> float:
        final = random[chosen].mean(axis=0)[STEPS - 1]
        over = ours[chosen].mean(axis=0) >= final - 1e-12
        stays = np.logical_and.accumulate(over[::-1])[::-1]
        return float(GRID[stays.argmax()]) if stays.any() else math.inf

    searches, rng = len(ours), np.random.default_rng(0)
    resampled = [share(rng.integers(searches, size=searches)) for _ in range(RESAMPLED)]
    low, high = np.quantile(resampled, [0.025, 0.975], method="nearest")
    return share(np.arange(searches)), float(low), float(high)


def shown(figures: Mapping[str, Figures], kind: str, random: str) -> Table:
    """Means at the shares of the budget; at a third and at the whole the difference to a random search at the whole,
    in brackets its interval over tables and its mean on halves; and from which share on its figure there is reached.

    Args:
        figures: by the words of the search.
        kind: one of `KINDS`, in per cent.
        random: the words of the random search.
    """
    shares = (f"{share:.0%}" for share in SHARES)
    less = (f"at {share:.0%} less random's 100 %" for share in COMPARED)
    table = Table("search", *shares, "end", *less, "reaches random's 100 %", title=f"{kind}, beside {random}")
    for words, found in figures.items():
        values = found.whole[kind]
        means = [f"{100 * values[:, _step(share)].mean():.1f}" for share in (*SHARES, float(BUDGETS))]
        differences = ("" if words == random else _less(found, figures[random], kind, share) for share in COMPARED)
        at, low, high = reaches(values, figures[random].whole[kind])
        said = " to ".join("never" if math.isinf(one) else f"{one:.2f}" for one in (low, high))
        when = "never" if math.isinf(at) else f"{at:.2f}"
        table.add_row(words, *means, *differences, f"{when} ({said})")
    return table


def _step(share: float) -> int:
    return round(share * STEPS) - 1


def _less(ours: Figures, random: Figures, kind: str, share: float) -> str:
    mean, half = paired(ours.whole[kind][:, _step(share)], random.whole[kind][:, STEPS - 1])
    said = f"{100 * mean:+.1f} ± {100 * half:.1f}"
    if not ours.halves:
        return said
    differences = ours.halves[kind][:, :, _step(share)] - random.halves[kind][:, :, STEPS - 1]
    tables = math.hypot(half, over_tables(differences))
    return f"{said} ({100 * tables:.1f}; halves {100 * differences.mean():+.1f})"


def paired(ours: np.ndarray, random: np.ndarray) -> tuple[float, float]:
    """The mean difference, and half of its 95 % interval on this table; both of shape (searches,)."""
    differences = ours - random
    half = t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / math.sqrt(len(differences))
    return float(differences.mean()), float(half)


def counted(figures: Mapping[str, Figures]) -> Table:
    """What the searches trained, apart from their best again; how far from what was proposed, on average; and at how
    many of the seeds that nothing saw what they recommend learns.
    """
    names = ("trainings", "of them pruned", "epochs (% of budget)", "distance", "recommends (%)", "learns (% of seeds)")
    table = Table("search", *names)
    for words, found in figures.items():
        mean = {name: float(values.mean()) for name, values in found.counts.items()}
        row = f"{mean['trainings']:.1f}", f"{mean['pruned']:.1f}", f"{100 * mean['spent']:.0f}"
        there = found.counts["learns"][~np.isnan(found.counts["learns"])]
        learns = f"{100 * there.mean():.0f}" if len(there) else ""
        share = f"{100 * len(there) / len(found.counts['learns']):.0f}"
        table.add_row(words, *row, f"{mean['distance']:.2f}", share, learns)
    return table


def drawn(figures: Mapping[str, Figures], path: Path) -> None:
    """Both figures against the epochs trained, a line a search, with the interval on this table."""
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(10, 4.8), layout="constrained")
    left, right = sheet.subplots(1, 2)
    end = max(math.ceil(STEPS * found.counts["spent"].mean()) for found in figures.values())
    for axes, kind, label in ((left, "accuracy", "test accuracy (%)"), (right, "volume", "share of hypervolume (%)")):
        for words, found in figures.items():
            values = 100 * found.whole[kind][:, :end]
            mean, error = values.mean(axis=0), 1.96 * values.std(axis=0, ddof=1) / math.sqrt(len(values))
            (line,) = axes.plot(100 * GRID[:end], mean, label=words.replace("`", ""))
            axes.fill_between(
                100 * GRID[:end], mean - error, mean + error, color=line.get_color(), alpha=0.12, linewidth=0
            )
        axes.set_xlabel("epochs trained (% of those of 60 trainings)")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    sheet.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    sheet.savefig(path, dpi=144)
