"""The values that a parameter takes in a study: `Levels`, a list of them, or a `Range` between two numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, PlainValidator, StrictBool, Tag

from search.study.diagnostics import SCALAR, SPEC, Table

ParamValue: TypeAlias = str | int | float | bool

MAX_LEVELS = 100  # more is a search, not a question
DIGITS = 6  # significant digits of a value drawn from a range: readable, and the same on every machine's exp()


def _scalar(value: Any) -> ParamValue:
    if isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError("not a scalar")


def _number(value: Any) -> int | float:
    if isinstance(value, bool | str):
        raise ValueError("not a number")
    _scalar(value)
    number: int | float = value
    return number


def _some(levels: tuple[ParamValue, ...]) -> tuple[ParamValue, ...]:
    if not 2 <= len(levels) <= MAX_LEVELS:
        raise ValueError("too few or too many")
    return levels


Scalar: TypeAlias = Annotated[ParamValue, PlainValidator(_scalar)]
Number: TypeAlias = Annotated[int | float, PlainValidator(_number)]


def _condition(value: Any) -> dict[str, tuple[ParamValue, ...]]:
    if not isinstance(value, Mapping) or not value or not all(isinstance(name, str) for name in value):
        raise ValueError("not a table")
    found = {}
    for name, values in value.items():
        allowed = tuple(map(_scalar, values if isinstance(values, list | tuple) else [values]))
        if not allowed:
            raise ValueError("no values")
        found[name] = allowed
    return found


CONDITION = "a table of parameters with the values at which this one is proposed: {depth = [3, 4]}"
Condition: TypeAlias = Annotated[dict[str, tuple[ParamValue, ...]], BeforeValidator(_condition)]


class Levels(Table):
    """A list of values; `reference` is the one that the others are compared with. `when`: `search.study.conditions`."""

    levels: Annotated[
        tuple[Scalar, ...],
        AfterValidator(_some),
        Field(description=f"a list of 2 to {MAX_LEVELS} values"),
    ]
    reference: Scalar | None = Field(None, description=SCALAR)
    when: Condition | None = Field(None, description=CONDITION)

    def contains(self, value: ParamValue | None) -> bool:
        """Whether the parameter can take this value."""
        return value in self.levels

    def anchor(self, default: ParamValue | None) -> ParamValue:
        """The value that stands for this parameter where none is sampled: the reference, the default or the first."""
        if self.reference is not None:
            return self.reference
        return default if default is not None and self.contains(default) else self.levels[0]

    def at(self, share: float) -> ParamValue:
        """The value at a share (0-1) of the way through."""
        return self.levels[min(int(share * len(self.levels)), len(self.levels) - 1)]

    def size(self) -> float:
        """How many values there are."""
        return len(self.levels)


class Range(Table):
    """The numbers from `low` to `high`, both included: whole ones where the parameter is whole. `when` as above."""

    low: Number = Field(description="a number")
    high: Number = Field(description="a number")
    log: StrictBool = Field(False, description="true or false")
    when: Condition | None = Field(None, description=CONDITION)

    def contains(self, value: ParamValue | None) -> bool:
        """Whether the parameter can take this value."""
        return isinstance(value, int | float) and self.low <= value <= self.high

    def anchor(self, default: ParamValue | None) -> ParamValue:
        """The value that stands for this parameter where none is sampled: the default, or the end next to it."""
        return min(max(default, self.low), self.high) if isinstance(default, int | float) else self.low

    def at(self, share: float) -> ParamValue:
        """The value at a share (0-1) of the way through, on a logarithmic axis with `log`."""
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        low, high = (self.low - 0.5, self.high + 0.5) if whole else (self.low, self.high)  # every whole number its cell
        if self.log:
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            value = low + share * (high - low)
        value = round(value) if whole else float(f"{value:.{DIGITS}g}")
        return min(max(value, self.low), self.high)

    def size(self) -> float:
        """How many values there are."""
        return self.high - self.low + 1 if isinstance(self.low, int) and isinstance(self.high, int) else math.inf


def _tag(spec: Any) -> str | None:
    if isinstance(spec, Levels) or (isinstance(spec, Mapping) and "levels" in spec):
        return "levels"
    if isinstance(spec, Range) or (isinstance(spec, Mapping) and not spec.keys().isdisjoint(("low", "high"))):
        return "range"
    return None


Spec: TypeAlias = Annotated[
    Annotated[Levels, Tag("levels")] | Annotated[Range, Tag("range")],
    Discriminator(_tag, custom_error_type="spec", custom_error_message=SPEC),
]
