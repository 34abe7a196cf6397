"""Looks: after how many replicates a question judges its levels while it runs, so that those decided train no more.

    seeds = "5 to 20"       looks after 5, 8, 12 and 20 replicates of each level

What is told by replicates grows with the ratio of their numbers, so looks stand in about equal ratios: each is after
8/5 of the replicates of the one before, rounded down, but for one that would leave the last look less than a quarter
more. Closer looks would each spend a part of the error, and tell little that is new: most of what looks can save is
saved by four or five (Pocock 1982, "Interim Analyses for Randomized Clinical Trials: The Group Sequential Approach",
Biometrics 38, 153-162).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from search.study.deciding import DECIDING, DEFAULT
from search.study.diagnostics import Mistake, shown
from search.study.space import ParamValue

FIRST = 5  # with fewer replicates nothing is claimed: `search.answer.statistics.simultaneous.SEEDS_TO_CLAIM`
MOST = 1000  # replicates

ALPHA = 0.05  # the chance of any false claim of a kind, over all levels and looks
SPENDING = "alpha (replicates / most)^1.5 on differences, ^3 on equivalence"  # `statistics.sequential.POWERS`

ALLOWED = f'1 to {MOST}, or "{FIRST} to 20" for looks in between'
ALLOWED_LOOKS = f"a list of rising numbers from {FIRST}, the last of them as many as seeds"


def looks_between(first: int, last: int) -> tuple[int, ...]:
    """After how many replicates to look, the last look last: 5, 8, 12, 20."""
    found = [first]
    while (after := found[-1] * 8 // 5) * 5 <= last * 4:
        found.append(after)
    return (*found, last)


def with_looks(data: Mapping[str, Any]) -> tuple[dict[str, Any], list[Mistake]]:
    """The data of a study with `seeds = "5 to 20"` as a number, `seeds`, and a list, `looks`; and what is wrong there.

    A text that is no such range is left as it is.
    """
    found, text = dict(data), data.get("seeds")
    match = re.fullmatch(r"\s*(\d{1,6})\s+to\s+(\d{1,6})\s*", text) if isinstance(text, str) else None
    if match is None:
        return found, []
    first, last = int(match[1]), int(match[2])
    if not FIRST <= first < last <= MOST:
        why = f"allowed: a first look after {FIRST} replicates or more, and a last one after more, up to {MOST}"
        return {**found, "seeds": FIRST}, [Mistake(("seeds",), f"found {shown(text)}; {why}")]
    return {**found, "seeds": last, "looks": list(looks_between(first, last))}, []


def seeds_flag(text: str) -> int | str:
    """The value of `--seeds`: a number, or a range as in a study file, which is checked with the study."""
    try:
        return int(text)
    except ValueError:
        return text


def check_looks(data: Mapping[str, Any]) -> Iterator[Mistake]:
    """Whether there are levels to look at, and whether the looks can be."""
    found, seeds = data.get("looks"), data.get("seeds")
    if not isinstance(found, list) or not found:
        return
    if data.get("search") is not None:
        yield Mistake(("seeds",), "a search has no looks: every trial has a seed of its own")
    elif not data.get("scientific"):
        yield Mistake(("seeds",), f"looks decide between levels, and there are none; allowed: 1 to {MOST}")
    elif len(data["scientific"]) > 1:
        why = "of two that are crossed, each effect rests on several combinations, so that none can leave by itself"
        yield Mistake(("seeds",), f"looks let levels of one parameter leave; {why}; allowed: 1 to {MOST}")
    elif all(isinstance(look, int) for look in found):
        rises = all(a < b for a, b in itertools.pairwise(found))
        if not rises or found[0] < FIRST or found[-1] != seeds:
            yield Mistake(("looks",), f"found {shown(found)} with seeds = {shown(seeds)}; allowed: {ALLOWED_LOOKS}")


def agreed(
    looks: Sequence[int],
    levels: Sequence[ParamValue],
    reference: ParamValue | None,
    margin: float,
    measure: str = DEFAULT,
) -> dict[str, Any]:
    """What is written down before the first trial, and may not change after it: JSON data."""
    return {
        "after": list(looks),
        "levels": sorted(levels, key=repr),
        "reference": reference,
        "outcome": f"test {DECIDING[measure].words}",
        "margin": margin,
        "alpha": ALPHA,
        "spending": SPENDING,
    }
