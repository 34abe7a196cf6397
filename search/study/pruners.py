"""Who stops a trial of a search against the others: the table of pruners, by Optuna's names.

A pruner sees the value an epoch of the search's objective. Optuna is imported where a pruner is built.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.registry import Registry

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


@dataclass(frozen=True)
class Pruner:
    """What stops a trial of a search against the others, as an entry of `PRUNERS`.

    Attributes:
        words: what it is called.
        build: makes it, from the epochs of a trial; None: no trial is stopped.
    """

    words: str
    build: Callable[[int], BasePruner] | None = None


def _median(epochs: int) -> BasePruner:
    """After a third of the epochs: most trainings leave chance in the first."""
    from optuna.pruners import MedianPruner

    return MedianPruner(n_warmup_steps=max(1, epochs // 3))


PRUNERS = Registry[Pruner]("pruner")
PRUNERS.register("none", Pruner("no pruning"))
PRUNERS.register("median", Pruner("the median of the other trials at the same epoch", _median))
