"""What the trials of a search must keep: `[constraints]` of a study file, each an upper limit of a cost.

A trial that exceeds one is infeasible: it is neither recommended nor trained again. Optuna is told by how much; what
its sampler makes of that stands in `search.study.infeasible`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from search.study.diagnostics import POSITIVE, Mistake, shown, unknown
from search.study.objectives import OBJECTIVES, limited
from trainer.events import Event, Finished

UNKNOWN = 1.0  # the excess of what a training that is over was to keep, and was not measured in: nobody saw it kept


def excess(limits: Mapping[str, float], events: Sequence[Event]) -> dict[str, float]:
    """By what share of its limit a training exceeds each, as far as is known by now; 0 or less: it keeps it.

    Shares, as Optuna's samplers add up what is exceeded, and MiB and parameters have no sum.

    Args:
        limits: by the cost's name.
        events: of the training.
    """
    found = {}
    is_over = any(isinstance(event, Finished) for event in events)
    for name, limit in limits.items():
        field = OBJECTIVES[name].field
        told = [value for event in events if (value := getattr(event, field, None)) is not None]
        if told or is_over:
            found[name] = share_over(limit, float(told[-1]) if told else None)
    return found


def share_over(limit: float, value: float | None) -> float:
    """By what share of its limit a training that is over exceeds it; `UNKNOWN` where that was not measured."""
    return UNKNOWN if value is None else value / limit - 1


def keeps(limits: Mapping[str, float], events: Sequence[Event]) -> bool:
    """Whether a training keeps every limit, as far as is known by now."""
    return all(share <= 0 for share in excess(limits, events).values())


def limits_text(limits: Mapping[str, float]) -> str:
    """The limits in words: `peak VRAM at most 2,000 MiB, parameters at most 5,000`."""
    return ", ".join(
        f"{OBJECTIVES[name].words} at most {OBJECTIVES[name].shown(limit)}" for name, limit in limits.items()
    )


def check_constraints(data: Mapping[str, Any]) -> Iterator[Mistake]:
    """What is wrong with the constraints of a study.

    Args:
        data: of the study, also half-broken.
    """
    constraints = data.get("constraints")
    if not constraints or not isinstance(constraints, dict):
        return
    if data.get("search") is None:
        yield Mistake(("constraints",), "a question compares all of its levels; constraints need a [search]")
    for name, limit in constraints.items():
        if name not in limited():
            yield Mistake(("constraints", name), unknown(str(name), limited()))
        elif isinstance(limit, int | float) and not isinstance(limit, bool) and not limit > 0:
            yield Mistake(("constraints", name), f"found {shown(limit)}; allowed: {POSITIVE}")
