"""What it would take to tell more, in plain English."""

from __future__ import annotations

from search.answer.statistics.planning import Effort, Range
from search.answer.statistics.simultaneous import SEEDS_TO_CLAIM
from search.study.study import MARGIN


def what_it_takes(found: Effort | None, n_seeds: int, margin: float = MARGIN, trained: int = 0) -> str:
    """How many photographs or seeds would tell differences of some size.

    Args:
        found: what was computed of that.
        n_seeds: at which levels are compared: those at which both learnt.
        margin: the difference that counts as none.
        trained: seeds of a level that were trained.
    """
    if n_seeds < SEEDS_TO_CLAIM <= trained:
        return (
            f"What is compared is compared at the seeds where all of it learnt, at most {n_seeds} of {trained}, and no "
            f"level is ranked with fewer than {SEEDS_TO_CLAIM}: it takes more epochs, where trainings start late, or "
            "more seeds."
        )
    if n_seeds < SEEDS_TO_CLAIM:
        few = "One seed is" if n_seeds == 1 else f"{n_seeds} seeds are"
        why = "too few to separate an effect from the luck of the seed"
        return f"{few} {why}: no level is ranked. Run at least {SEEDS_TO_CLAIM}."
    if found is None:
        return ""
    low, high = (100 * ends for ends in found.detectable)
    text = (
        f"A study like this one would find a difference of {_span(f'{low:.0f}', f'{high:.0f}')} points or more in four "
        "cases out of five"
    )
    if found.detectable[0] >= 1:
        text = "A study like this one would find no difference reliably"
    if found.detectable[1] <= margin:
        return f"{text}."
    small = f"{100 * margin:g} points"
    ways = []
    if found.photographs is not None:
        ways.append(f"{_numbers(found.photographs)} test photographs instead of {found.n_photographs}")
    if found.seeds is not None:
        ways.append(f"{_numbers(found.seeds)} seeds instead of {found.n_seeds}")
    if not ways:
        return f"{text}; finding {small} would take more photographs and more seeds together."
    only = ""
    if found.seeds is None:
        only = " (more seeds alone would not be enough)"
    elif found.photographs is None:
        only = " (more photographs alone would not be enough)"
    return f"{text}; finding {small} would take {' or '.join(ways)}{only}."


def _numbers(found: Range) -> str:
    """`about 12 to 60`; `12 or more` where in the unfavourable case no number suffices."""
    return f"{found.low:,} or more" if found.high is None else f"about {_span(f'{found.low:,}', f'{found.high:,}')}"


def _span(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"
