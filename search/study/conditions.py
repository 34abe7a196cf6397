"""Conditional parameters of a search: proposed only where another parameter has one of some values.

    [scientific.depth]
    low = 1
    high = 6

    [scientific.width]
    low = 1.0
    high = 4.0
    when = {depth = [3, 4, 5, 6]}

With several parameters in `when` all must hold. Where one does not, the parameter is not among a trial's params, and
the training has its value in [fixed], or without one the reference model's, or where its space comes nearest (of code
of one's own, the first level or the lowest number). A condition on a parameter that is itself not proposed does not
hold. Optuna calls this define-by-run: a sampler learns about a parameter from the trials that have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from search.study.diagnostics import Mistake, shown
from search.study.space import Levels, ParamValue, Range

Specs = Mapping[str, Levels | Range]


def in_order(specs: Specs) -> list[str]:
    """The parameters, each behind those that its condition is about; otherwise in the study's order."""
    found: list[str] = []

    def add(name: str, above: tuple[str, ...] = ()) -> None:
        if name not in found and name not in above:
            for parent in specs[name].when or ():
                if parent in specs:
                    add(parent, (*above, name))
            found.append(name)

    for name in specs:
        add(name)
    return found


def holds(spec: Levels | Range, params: Mapping[str, ParamValue]) -> bool:
    """Whether a parameter is proposed beside these; they must be decided on already, as `in_order` has them."""
    return all(name in params and params[name] in allowed for name, allowed in (spec.when or {}).items())


def active(specs: Specs, params: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
    """Those of the params of a search that are proposed beside the others."""
    found: dict[str, ParamValue] = {}
    for name in in_order(specs):
        if name in params and holds(specs[name], found):
            found[name] = params[name]
    return {name: value for name, value in params.items() if name in found}


def is_whole(specs: Specs, params: Mapping[str, ParamValue]) -> bool:
    """Whether a trial has a value for each parameter that is to be proposed, and for no other; not where a proposal was
    broken off, or where somebody queued what would not be proposed.
    """
    proposed = active(specs, params)
    return all((name in params) == holds(spec, proposed) for name, spec in specs.items())


def with_parents(specs: Specs, params: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
    """The params with those that their conditions need, each at the first value that meets them."""
    found = dict(params)
    todo = list(params)
    while todo:
        spec = specs.get(todo.pop())
        for parent, allowed in ((spec.when if spec else None) or {}).items():
            if parent not in found:
                found[parent] = allowed[0]
                todo.append(parent)
    return found


def can_meet(specs: Specs, params: Mapping[str, ParamValue]) -> bool:
    """Whether a trial may have all of these values, as far as their conditions are about one another."""
    whens = [specs[name].when or {} for name in params if name in specs]
    return all(params[name] in allowed for when in whens for name, allowed in when.items() if name in params)


def condition_text(spec: Levels | Range) -> str:
    """`where depth is 3, 4, 5 or 6`; empty without a condition."""
    parts = []
    for name, values in (spec.when or {}).items():
        *first, last = [_text(value) for value in values]
        parts.append(f"{name} is " + (f"{', '.join(first)} or {last}" if first else last))
    return f"where {' and '.join(parts)}" if parts else ""


def _text(value: ParamValue) -> str:
    return value if isinstance(value, str) else shown(value)


def check_conditions(data: Mapping[str, Any]) -> Iterator[Mistake]:
    """Whether every condition is about parameters of the search, values that they take, and none about itself.

    Args:
        data: of a study, also half-broken, its values in their parameters' types.
    """
    for role in ("scientific", "nuisance"):
        table = data.get(role)
        specs = (
            {name: spec for name, spec in table.items() if isinstance(spec, dict)} if isinstance(table, dict) else {}
        )
        for name, spec in specs.items():
            when = spec.get("when")
            if when is None or not isinstance(when, dict):
                continue  # what has a wrong shape is told elsewhere
            if role == "nuisance" or data.get("search") is None:
                text = "a parameter of a question is trained at each of its values; when = {...} needs a [search]"
                yield Mistake((role, name, "when"), text)
                continue
            for other, values in when.items():
                yield from _check_one(specs, name, other, values if isinstance(values, list) else [values])
        if role == "scientific" and data.get("search") is not None:
            yield from _check_circles(specs)


def _check_one(specs: Mapping[str, Any], name: str, other: str, values: Sequence[Any]) -> Iterator[Mistake]:
    place = ("scientific", name, "when", other)
    if other == name or other not in specs:
        others = ", ".join(key for key in specs if key != name)
        allowed = f"one of the other parameters of the search: {others}" if others else "there is no other parameter"
        what = "is the parameter itself" if other == name else "is none that this search proposes"
        yield Mistake(place, f"{shown(other)} {what}; allowed: {allowed}")
        return
    levels, low, high = (specs[other].get(key) for key in ("levels", "low", "high"))
    if not isinstance(levels, list) and (isinstance(low, float) or isinstance(high, float)):
        yield Mistake(place, f"{other} has real numbers, of which none is met; allowed: levels, or whole numbers")
        return
    for index, value in enumerate(values):
        if isinstance(levels, list):
            if not any(value == level and isinstance(value, bool) == isinstance(level, bool) for level in levels):
                yield Mistake((*place, index), f"found {shown(value)}; allowed: {shown(levels)}, the levels of {other}")
        elif isinstance(low, int) and isinstance(high, int):
            is_one = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
            if not is_one:
                text = f"found {shown(value)}; allowed: whole numbers from {low} to {high}, as {other} has"
                yield Mistake((*place, index), text)


def _check_circles(specs: Mapping[str, Any]) -> Iterator[Mistake]:
    """Each circle once, at the first of its parameters."""
    told: set[str] = set()
    for name in specs:
        path = _circle(specs, name, (name,))
        if path and told.isdisjoint(path):
            told.update(path)
            text = f"a circle: {' -> '.join((*path, name))}; allowed: conditions that end at a parameter without one"
            yield Mistake(("scientific", name, "when"), text)


def _circle(specs: Mapping[str, Any], start: str, path: tuple[str, ...]) -> tuple[str, ...]:
    """The way from a parameter over conditions back to it; empty where there is none."""
    when = specs[path[-1]].get("when")
    for other in when if isinstance(when, dict) else ():
        if other == start and len(path) > 1:
            return path
        if other in specs and other not in path and (found := _circle(specs, start, (*path, other))):
            return found
    return ()
