"""When trainings start to learn: the median over seeds, and whether levels differ in it.

A training that has not started by the end of its epochs, or that diverged, would have started later or never: its time
to start is censored there.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from search.answer.learning import Learning
from search.answer.statistics.simultaneous import holm
from search.answer.words.wording import count
from trainer.config import TrainConfig

if TYPE_CHECKING:
    from scipy.stats import CensoredData


def median_start(learning: Learning) -> float:
    """The median over seeds of the epoch of the start, infinite where half or more never started; NaN without seeds."""
    times = [*learning.starts, *(math.inf for _ in learning.waited)]
    return statistics.median(times) if times else math.nan


def differences_in_start(levels: Sequence[Learning], reference: Learning) -> list[float]:
    """p-values that each level starts to learn as the reference level does, corrected for the number of levels (Holm).

    Of log-rank tests (Mantel 1966, "Evaluation of Survival Data and Two New Rank Order Statistics Arising in Its
    Consideration", Cancer Chemotherapy Reports 50, 163-170). They are described, and decide nothing: the test is
    asymptotic, and takes no account of the pairing by seed. On simulated starts without a difference, p was below 0.05
    in 6 to 7 % of comparisons of 5 seeds with 5, and in 2 to 7 % where starts at equal seeds were alike.
    """
    return holm([_log_rank(level, reference) for level in levels])


def start_text(learning: Learning) -> str:
    """Median and range over seeds: `19 (15 to 36)`, `36 (19 to > 100)`, `> 100 (19 to > 100)`, `> 100`; empty without
    seeds. `> 100` is of seeds that had not started after so many epochs.
    """
    if not learning.starts and not learning.waited:
        return ""
    late = f"> {min(learning.waited)}" if learning.waited else ""
    middle = median_start(learning)
    median = f"{middle:g}" if math.isfinite(middle) else late
    if not learning.starts or len(learning.starts) + len(learning.waited) == 1:
        return median
    return f"{median} ({min(learning.starts)} to {late or max(learning.starts)})"


def measured_when(config: TrainConfig) -> str:
    """`20 epochs after the start, at most 120 epochs; figures are means over the last 5`; `after 60 epochs`."""
    when = f"after {count(config.epochs, 'epoch')}"
    if config.epochs_after_start is not None:
        after = count(config.epochs_after_start, "epoch")
        when = f"{after} after the start of learning, at most {count(config.epochs, 'epoch')}"
    last = f"; figures are means over the last {config.evaluate_last}" if config.evaluate_last > 1 else ""
    return f"{when}{last}"


def _log_rank(one: Learning, other: Learning) -> float:
    from scipy import stats

    if not (one.starts or other.starts) or not (_n(one) and _n(other)):
        return 1.0  # no start, or nothing to compare: nothing tells them apart
    with np.errstate(invalid="ignore"):  # without variance, as where all start in one epoch
        p = float(stats.logrank(_times(one), _times(other)).pvalue)
    return p if math.isfinite(p) else 1.0


def _n(learning: Learning) -> int:
    return len(learning.starts) + len(learning.waited)


def _times(learning: Learning) -> CensoredData:
    from scipy import stats

    return stats.CensoredData(uncensored=learning.starts, right=learning.waited)
