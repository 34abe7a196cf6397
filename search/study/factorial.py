"""What a question compares: the levels of one parameter, or every combination of the levels of two.

    [scientific.pooling]
    levels = ["max", "average"]
    reference = "max"

    [scientific.dropout_rate]
    levels = [0.0, 0.25, 0.5]
    reference = 0.0

Two parameters that are asked about together make a factorial design (Fisher 1935, "The Design of Experiments", ch. 6):
every combination, a cell, is trained with every replicate, so that each training tells of both parameters, and of
whether the effect of one depends on the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from search.study.space import Levels, ParamValue
from search.text import shown

if TYPE_CHECKING:
    from search.study.study import Study

Cell: TypeAlias = Mapping[str, ParamValue]  # a value for each parameter that is asked about

TIMES = " x "  # between the levels of a cell's name; a letter, as MLflow's names have no ×


def cells(study: Study) -> list[dict[str, ParamValue]]:
    """What is compared, in the study's order; one cell without a parameter for a study that compares nothing."""
    names = study.factors
    specs = [study.scientific[name] for name in names]
    levels = [spec.levels for spec in specs if isinstance(spec, Levels)]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*levels)]


def reference_cell(study: Study) -> dict[str, ParamValue]:
    """The reference level of every parameter that is asked about."""
    specs = {name: study.scientific[name] for name in study.factors}
    return {
        name: spec.reference for name, spec in specs.items() if isinstance(spec, Levels) and spec.reference is not None
    }


def cell_name(cell: Cell) -> ParamValue | None:
    """A level as it is; the levels of a combination as `max x 0.5`; None where nothing is compared."""
    if len(cell) < 2:
        return next(iter(cell.values()), None)
    return TIMES.join(shown(value) for value in cell.values())
