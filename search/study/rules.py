"""What a study file must keep beside its shape: names, values, roles. Works on the plain data, also half-broken data,
so that every mistake is found in one go; `TrainConfig` is asked about every value.
"""

from __future__ import annotations

import copy
import functools
import itertools
import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from search.study.conditions import can_meet, check_conditions, with_parents
from search.study.constraints import check_constraints
from search.study.diagnostics import Mistake, Path, shown, unknown
from search.study.factor_rules import check_factors
from search.study.looks import ALLOWED, check_looks
from search.study.search_rules import check_search_for
from search.study.space import MAX_LEVELS, Levels, ParamValue, Range, Scalar
from search.study.tune import check_tune
from trainer.config import TrainConfig, default_of, vocabulary_of
from trainer.own.names import FORM, KINDS, kind_of

ROLES = ("scientific", "nuisance", "fixed")
RESERVED = {
    "trial": "the study names its trials itself",
    "seed": "seeds = N at the top says how many",
    "fold": "a replicate has the fold of its number",
    "split_seed": "all studies have the same folds",
    "photographs": "--photographs says how photographs are known",
}
PLAINER = {"a valid boolean": "true or false", "a valid integer": "a whole number", "a valid number": "a number"}
PARAMETERS = tuple(name for name in TrainConfig.model_fields if name not in RESERVED)


def checked_value(name: str, value: Any) -> ParamValue:
    """A parameter's value in its own type (1 becomes 1.0 where it is a float).

    Raises:
        ValueError: saying what was found and what is allowed.
    """
    try:
        result: ParamValue = _one_field(name).model_validate({"value": value}).value  # type: ignore[attr-defined]
    except ValidationError as error:
        allowed = error.errors(include_url=False)[0]["msg"].removeprefix("Input should be ")
        allowed = PLAINER.get(allowed, allowed)
        raise ValueError(f"found {shown(value)}; allowed: {allowed}") from None
    return result


@functools.cache
def _one_field(name: str) -> type[BaseModel]:
    if kind_of(name):
        return create_model(f"Only_{name}", value=(Scalar, ...))
    field = TrainConfig.model_fields[name]
    config = ConfigDict(strict=True, allow_inf_nan=False)  # strict: "4" and true are no numbers
    return create_model(f"Only_{name}", __config__=config, **{"value": (field.annotation, field)})  # type: ignore[call-overload, no-any-return]


def check(study: Mapping[str, Any]) -> tuple[dict[str, Any], list[Mistake]]:
    """The data with every value in its parameter's own type, and the mistakes. What has a wrong shape is left alone."""
    data = copy.deepcopy(dict(study))
    kind = _check_search if data.get("search") is not None else _check_question
    checks = (
        _check_names_and_values,
        _check_ranges_and_levels,
        kind,
        check_constraints,
        check_looks,
        check_tune,
        check_conditions,
        _check_together,
    )
    return data, [mistake for check_ in checks for mistake in check_(data)]


def _table(data: Mapping[str, Any], role: str) -> dict[str, Any]:
    table = data.get(role)
    return table if isinstance(table, dict) else {}


def _specs(data: Mapping[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for role in ("scientific", "nuisance"):
        for name, spec in _table(data, role).items():
            if isinstance(spec, dict):
                yield (role, name), spec


def _levels(spec: dict[str, Any]) -> list[Any]:
    levels = spec.get("levels")
    return levels if isinstance(levels, list) and len(levels) <= MAX_LEVELS else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _places(data: dict[str, Any]) -> Iterator[tuple[Path, Any, int | str]]:
    """Every value: its path, and the list or table and key that hold it."""
    for path, spec in _specs(data):
        levels = _levels(spec)
        for index in range(len(levels)):
            yield (*path, "levels", index), levels, index
        for key in ("reference", "low", "high"):
            if spec.get(key) is not None:
                yield (*path, key), spec, key
    fixed = _table(data, "fixed")
    for name in fixed:
        yield ("fixed", name), fixed, name


def _check_names_and_values(data: dict[str, Any]) -> Iterator[Mistake]:
    roles: dict[str, str] = {}
    for role in ROLES:
        for name in _table(data, role):
            if name in RESERVED:
                yield Mistake((role, name), f"no study may set it: {RESERVED[name]}")
            elif (kind := kind_of(name)) is not None and kind not in _own_kinds(data):
                text = f'a parameter of a {kind} of your own; [fixed] {kind} = "{FORM}" is missing'
                yield Mistake((role, name), text)
            elif kind is None and name not in PARAMETERS:
                yield Mistake((role, name), unknown(name, PARAMETERS))
            elif name in roles and not (role == "fixed" and _is_conditional(data, name)):
                yield Mistake((role, name), f"varies in this study already, as {roles[name]}; allowed: one role")
            roles.setdefault(name, role)
    for path, holder, key in _places(data):
        if _is_parameter(path[1]) and isinstance(holder[key], str | int | float):
            try:
                holder[key] = checked_value(str(path[1]), holder[key])
            except ValueError as error:
                yield Mistake(path, str(error))


def _is_conditional(data: dict[str, Any], name: str) -> bool:
    """Whether a search proposes this parameter under a condition: it may be in [fixed], too, for where that fails."""
    spec = _table(data, "scientific").get(name)
    return isinstance(spec, dict) and spec.get("when") is not None


def _is_parameter(name: object) -> bool:
    return isinstance(name, str) and (name in PARAMETERS or kind_of(name) is not None)


def _own_kinds(data: dict[str, Any]) -> set[str]:
    """Of what the study has code of one's own, if only it were named rightly: the model, the augmentation."""
    return {
        str(path[1]) for path, holder, key in _places(data) if path[1] in KINDS and holder[key] not in _names(path[1])
    }


def _names(parameter: object) -> Collection[str]:
    return vocabulary_of(str(parameter)) or ()


def _check_ranges_and_levels(data: dict[str, Any]) -> Iterator[Mistake]:
    for path, spec in _specs(data):
        levels, reference = _levels(spec), spec.get("reference")
        for index, level in enumerate(levels):
            if level in levels[:index]:
                yield Mistake((*path, "levels", index), f"found {shown(level)} again; allowed: each value once")
        if levels and reference is not None and reference not in levels:
            yield Mistake((*path, "reference"), f"found {shown(reference)}; allowed: one of {shown(levels)}")
        low, high = spec.get("low", ""), spec.get("high", "")
        if not (_is_number(low) and _is_number(high)):
            continue
        if not low < high:
            yield Mistake((*path, "low"), f"found low = {shown(low)} and high = {shown(high)}; allowed: low below high")
        elif isinstance(low, float) and high - low < 1e-3 * max(abs(low), abs(high)):  # `DIGITS` leave too few values
            yield Mistake((*path, "high"), f"found {shown(low)} to {shown(high)}; allowed: ends 0.1 % apart or more")
        if spec.get("log") is True and low <= 0:
            yield Mistake((*path, "low"), f"found {shown(low)} with log = true; allowed: above 0")


def _check_search(data: dict[str, Any]) -> Iterator[Mistake]:
    if not data.get("scientific"):
        yield Mistake(("search",), "a search needs a parameter to search over: add [scientific.NAME]")
    if _table(data, "nuisance"):
        yield Mistake(("nuisance",), "a search has no nuisance parameters: make them [scientific.NAME]")
    if data.get("tuning") is not None:
        yield Mistake(("tuning",), "a search has no [tuning]: [search] n_trials is its budget")
    if data.get("seeds", 1) != 1 and not data.get("looks"):
        yield Mistake(("seeds",), "a search has no replicates: every trial has a seed of its own")
    yield from _no_reference(data, "scientific", "a search compares with no reference level")
    yield from check_search_for(data)


def _check_question(data: dict[str, Any]) -> Iterator[Mistake]:
    scientific, nuisance = _table(data, "scientific"), _table(data, "nuisance")
    if "seeds" not in data:
        yield Mistake(("seeds",), f"missing; allowed: {ALLOWED}")
    yield from check_factors(data)
    for name, spec in scientific.items():
        if isinstance(spec, dict) and "levels" not in spec and not spec.keys().isdisjoint(("low", "high")):
            yield Mistake(("scientific", name), "a question compares levels = [...]; low and high need a [search]")
        elif isinstance(spec, dict) and "levels" in spec and spec.get("reference") is None:
            yield Mistake(("scientific", name), "reference is missing; allowed: one of the levels")
    if nuisance and not data.get("scientific"):
        yield Mistake(
            ("nuisance",), "[scientific.NAME] is missing: its levels are what nuisance parameters are tuned for"
        )
    if nuisance and data.get("tuning") is None:
        yield Mistake(("nuisance",), "[tuning] trials_per_level is missing: how many trials tune each level")
    if data.get("tuning") is not None and not data.get("nuisance"):
        yield Mistake(("tuning",), "there is nothing to tune: add [nuisance.NAME]")
    yield from _no_reference(data, "nuisance", "only a scientific parameter has a reference level")
    yield from _check_tuning_size(data)


def _no_reference(data: dict[str, Any], role: str, reason: str) -> Iterator[Mistake]:
    for path, spec in _specs(data):
        if path[0] == role and spec.get("reference") is not None:
            yield Mistake((*path, "reference"), reason)


def _check_tuning_size(data: dict[str, Any]) -> Iterator[Mistake]:
    trials = _table(data, "tuning").get("trials_per_level")
    tables = [table for (role, _), table in _specs(data) if role == "nuisance"]
    sizes = [spec.size() if (spec := _spec(table)) else math.inf for table in tables]
    if isinstance(trials, int) and sizes and (size := math.prod(sizes)) < trials:
        text = f"found {trials}; allowed: at most {size:.0f}, as many as the nuisance parameters have values"
        yield Mistake(("tuning", "trials_per_level"), text)


def _spec(table: dict[str, Any]) -> Levels | Range | None:
    try:
        return (Levels if "levels" in table else Range).model_validate(table)
    except ValidationError:
        return None


def _check_together(data: dict[str, Any]) -> Iterator[Mistake]:
    """Rules between parameters: on the base values, on each other value, on each pair of them."""
    specs = {path: spec for path, table in _specs(data) if _is_parameter(path[1]) and (spec := _spec(table))}
    base = dict(_table(data, "fixed"))
    ends: list[tuple[Path, ParamValue]] = []
    by_name = {str(name): spec for (_, name), spec in specs.items()}
    for (role, name), spec in specs.items():
        base.setdefault(str(name), spec.anchor(default_of(str(name))))
        if isinstance(spec, Levels):
            ends += [((role, name, "levels", index), level) for index, level in enumerate(spec.levels)]
        else:
            ends += [((role, name, "low"), spec.low), ((role, name, "high"), spec.high)]
    if text := _refusal(base):
        yield Mistake(("fixed",), text)
        return
    good = []
    for path, value in ends:
        if text := _refusal({**base, **with_parents(by_name, {str(path[1]): value})}):
            yield Mistake(path, text)
        else:
            good.append((path, value))
    for (path, value), (other, other_value) in itertools.combinations(good, 2):
        pair = {str(path[1]): value, str(other[1]): other_value}
        if len(pair) < 2 or not can_meet(by_name, pair):
            continue
        if text := _refusal({**base, **with_parents(by_name, pair)}):
            yield Mistake(path, f"with {other[1]} = {shown(other_value)}: {text}")


def _refusal(values: dict[str, Any]) -> str:
    """What `TrainConfig` says of the whole, or nothing; what it says of single values stands in other mistakes."""
    try:
        TrainConfig.model_validate(values)
    except ValidationError as error:
        return next((item["msg"].removeprefix("Value error, ") for item in error.errors() if not item["loc"]), "")
    return ""
