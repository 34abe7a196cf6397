"""The rules of a question's parameters: one, or two that can be crossed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from search.study.diagnostics import Mistake
from search.study.space import MAX_LEVELS

MOST_FACTORS = 2  # the interactions of three parameters take more trainings than a question is worth: a search's work


def check_factors(data: Mapping[str, Any]) -> Iterator[Mistake]:
    """Whether a question asks about one parameter, or about two that can be crossed."""
    scientific = data.get("scientific")
    if not isinstance(scientific, Mapping):
        return
    names = list(scientific)
    for name in names[MOST_FACTORS:]:
        text = (
            f"a question has one scientific parameter, or two of which every combination is trained, and those are "
            f"{' and '.join(names[:MOST_FACTORS])}; more need a [search]"
        )
        yield Mistake(("scientific", name), text)
    if len(names) != MOST_FACTORS:
        return
    found = [spec.get("levels") for spec in scientific.values() if isinstance(spec, Mapping)]
    sizes = [len(levels) for levels in found if isinstance(levels, list)]
    if len(sizes) == MOST_FACTORS and math.prod(sizes) > MAX_LEVELS:
        text = f"found {' x '.join(map(str, sizes))} levels; allowed: at most {MAX_LEVELS} combinations"
        yield Mistake(("scientific", names[1], "levels"), text)
    if data.get("nuisance"):
        why = f"{' and '.join(names)} are crossed, and their combinations can have learning rates of their own alone"
        yield Mistake(("nuisance",), f"{why}; allowed: tune = true, or one [scientific.NAME] with [nuisance.NAME]")
