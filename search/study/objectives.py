"""What a search looks for: the table of objectives, each with its direction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from search.study.deciding import DECIDING, Deciding
from trainer.events import Epoch, Finished
from trainer.registry import Registry

Direction = Literal["maximize", "minimize"]
DEFAULT_OBJECTIVES = ("val_accuracy", "cost")


@dataclass(frozen=True)
class Objective:
    """What a search looks for, as an entry of `OBJECTIVES`.

    Attributes:
        words: what it is called.
        direction: which values are better, as Optuna names it.
        value: of a training that is over; None where it was not measured. Its second argument is the field of
            `Finished` that is the cost: `vram_peak_mib` where VRAM is measured, else `parameters`.
        by_epoch: its value after an epoch, which pruners compare, None where the trainer did not tell it; None for an
            objective that has none.
    """

    words: str
    direction: Direction
    value: Callable[[Finished, str], float | None]
    by_epoch: Callable[[Epoch], float | None] | None = None


def _on_validation(measure: Deciding) -> Callable[[Finished, str], float]:
    return lambda end, cost: measure.of(end.splits["val"])


def _by_epoch(name: str) -> Callable[[Epoch], float | None] | None:
    return attrgetter(name) if name in Epoch.model_fields else None


def _cost(end: Finished, cost: str) -> float | None:
    value = getattr(end, cost)
    return None if value is None else float(value)


OBJECTIVES = Registry[Objective]("objective")
for _name, _measure in DECIDING.items():
    OBJECTIVES.register(
        f"val_{_name}",
        Objective(
            f"validation {_measure.words}",
            "maximize",
            _on_validation(_measure),
            by_epoch=_by_epoch(f"val_{_name}"),
        ),
    )
OBJECTIVES.register("cost", Objective("cost", "minimize", _cost))
