"""What `benchmarks.replay` measured, as tables and as a drawing. Intervals are 95 %, over the repeats."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table
from scipy.stats import t

SHARES = (1 / 6, 1 / 3, 1 / 2, 2 / 3, 1.0)  # of the budget, at which figures are reported
STEPS = 60  # of the budget
BUDGETS = 5  # as far as is looked: questions whose epochs count are asked before the search begins
GRID = np.arange(1, STEPS * BUDGETS + 1) / STEPS  # shares of the budget
RESAMPLED = 2000


@dataclass(frozen=True)
class Figures:
    """All repeats of one search: shape (repeats, len(GRID)), at shares of the budget."""

    accuracy: np.ndarray
    volume: np.ndarray
    trainings: float  # a search, on average
    pruned: float
    spent: float  # epochs, on average, as a share of the budget
    distance: float  # from a proposal to the model that was trained, on average
    reliable: float  # of those that train their best again, how often what they recommend learns reliably; else NaN


def reaches(ours: np.ndarray, random: np.ndarray) -> tuple[float, float, float]:
    """The share of the budget from which on the mean of `ours` is no less than that of `random` at the whole budget,
    and its 95 % interval; infinite where it never is. Of random search itself it is 1, or less where it finds no more.

    Args:
        ours, random: of equal shape (repeats, len(GRID)).
    """

    def share(chosen: np.ndarray) -> float:
        final = random[chosen].mean(axis=0)[STEPS - 1]
        over = ours[chosen].mean(axis=0) >= final - 1e-12
        stays = np.logical_and.accumulate(over[::-1])[::-1]
        return float(GRID[stays.argmax()]) if stays.any() else math.inf

    repeats, rng = len(ours), np.random.default_rng(0)
    resampled = [share(rng.integers(repeats, size=repeats)) for _ in range(RESAMPLED)]
    low, high = np.quantile(resampled, [0.025, 0.975], method="nearest")
    return share(np.arange(repeats)), float(low), float(high)


def shown(figures: Mapping[str, Figures], kind: str, random: str) -> Table:
    """Means at the shares of the budget, the difference to a random search at the whole budget, and from which share on
    its figure there is reached.

    Args:
        figures: by the words of the search.
        kind: "accuracy" or "volume", in per cent.
        random: the words of the random search.
    """
    shares = (f"{share:.0%}" for share in SHARES)
    title = f"{kind}, beside {random}"
    table = Table("search", *shares, "end", "less random at 100 %", "reaches random's 100 %", title=title)
    last = getattr(figures[random], kind)
    for words, found in figures.items():
        values = getattr(found, kind)
        means = [f"{100 * values[:, round(share * STEPS) - 1].mean():.1f}" for share in (*SHARES, float(BUDGETS))]
        less, half = paired(values, last)
        at, low, high = reaches(values, last)
        said = " to ".join("never" if math.isinf(one) else f"{one:.2f}" for one in (low, high))
        when = "never" if math.isinf(at) else f"{at:.2f}"
        difference = "" if words == random else f"{100 * less:+.1f} ± {100 * half:.1f}"
        table.add_row(words, *means, difference, f"{when} ({said})")
    return table


def paired(ours: np.ndarray, random: np.ndarray) -> tuple[float, float]:
    """The mean difference at the whole budget, and half of its 95 % interval; shapes (repeats, len(GRID))."""
    differences = ours[:, STEPS - 1] - random[:, STEPS - 1]
    half = t.ppf(0.975, len(differences) - 1) * differences.std(ddof=1) / math.sqrt(len(differences))
    return float(differences.mean()), float(half)


def counted(figures: Mapping[str, Figures]) -> Table:
    """What the searches trained, apart from their best again: how far from what was proposed, on average."""
    table = Table("search", "trainings", "of them pruned", "epochs (% of budget)", "distance", "learns reliably (%)")
    for words, found in figures.items():
        row = f"{found.trainings:.1f}", f"{found.pruned:.1f}", f"{100 * found.spent:.0f}", f"{found.distance:.2f}"
        table.add_row(words, *row, "" if math.isnan(found.reliable) else f"{100 * found.reliable:.0f}")
    return table


def drawn(figures: Mapping[str, Figures], path: Path) -> None:
    """Both figures against the epochs trained, a line a search."""
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(10, 4.8), layout="constrained")
    left, right = sheet.subplots(1, 2)
    end = max(math.ceil(STEPS * found.spent) for found in figures.values())
    for axes, kind, label in ((left, "accuracy", "test accuracy (%)"), (right, "volume", "share of hypervolume (%)")):
        for words, found in figures.items():
            values = 100 * getattr(found, kind)[:, :end]
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
