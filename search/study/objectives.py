"""What a search looks for: the table of objectives, each with its direction."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from search.study.deciding import DECIDING, Deciding
from trainer.events import Epoch, Finished
from trainer.registry import Registry

Direction = Literal["maximize", "minimize"]
DEFAULT_OBJECTIVES = ("val_accuracy", "cost")
MOST_OBJECTIVES = 3  # of one search: a front of four is most of its trials, and nobody can draw it


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
        field: of a cost, the field of the trainer's events that has it: what `[constraints]` may limit; "" for others.
        unit: "MiB", "s", "%" of a share; "" of a number.
        on_gpu: whether it is measured on GPUs alone.
    """

    words: str
    direction: Direction
    value: Callable[[Finished, str], float | None]
    by_epoch: Callable[[Epoch], float | None] | None = None
    field: str = ""
    unit: str = ""
    on_gpu: bool = False

    @property
    def axis(self) -> str:
        """What stands beside an axis: its words with its unit, as `peak VRAM (MiB)`."""
        return f"{self.words} ({self.unit})" if self.unit not in ("", "%") else self.words

    def shown(self, value: float) -> str:
        """A value as a text: `1,830 MiB`, `5,000`; of a measure `73.4 %`."""
        if self.unit == "%":
            return f"{100 * value:.1f} %"
        number = f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:,.3g}"
        return f"{number} {self.unit}".rstrip()


def _on_validation(measure: Deciding) -> Callable[[Finished, str], float | None]:
    def value(end: Finished, cost: str) -> float | None:
        found = measure.of(end.splits["val"])
        return None if math.isnan(found) else found  # a trainer of earlier times did not tell it

    return value


def _of_validation(field: str) -> Callable[[Finished, str], float | None]:
    return lambda end, cost: getattr(end.splits["val"], field)


def _by_epoch(name: str) -> Callable[[Epoch], float | None] | None:
    return attrgetter(name) if name in Epoch.model_fields else None


def _cost(end: Finished, cost: str) -> float | None:
    value = getattr(end, cost)
    return None if value is None else float(value)


def _of_field(field: str) -> Callable[[Finished, str], float | None]:
    return lambda end, cost: _cost(end, field)


OBJECTIVES = Registry[Objective]("objective")
for _name, _measure in DECIDING.items():
    OBJECTIVES.register(
        f"val_{_name}",
        Objective(
            f"validation {_measure.words}",
            "maximize",
            _on_validation(_measure),
            by_epoch=_by_epoch(f"val_{_name}"),
            unit="%",
        ),
    )
# What decides nothing may be looked for all the same.
OBJECTIVES.register("val_ece", Objective("validation calibration error", "minimize", _of_validation("ece")))
OBJECTIVES.register(
    "val_loss",  # of an epoch it counts classes as the training does; at the end, where it is told, all images alike
    Objective("validation loss", "minimize", _of_validation("loss"), by_epoch=attrgetter("val_loss")),
)
OBJECTIVES.register("cost", Objective("cost", "minimize", _cost))
for _field, _words, _unit in (
    ("vram_peak_mib", "peak VRAM", "MiB"),
    ("parameters", "parameters", ""),
    ("flops_per_image", "FLOPs per image", ""),
    ("train_s", "training time", "s"),
):
    OBJECTIVES.register(
        _field,
        Objective(_words, "minimize", _of_field(_field), field=_field, unit=_unit, on_gpu=_field == "vram_peak_mib"),
    )


def limited() -> list[str]:
    """What `[constraints]` may limit: the costs, by their names."""
    return [name for name, objective in OBJECTIVES.items() if objective.field]
