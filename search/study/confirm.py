"""What a search trains again when its trials are over: the best by validation, on new seeds and all folds.

The best of many is too good: it was chosen with the luck of its seed and of its fold. So the best few are trained
again beside the reference model, where the space of the search contains it, all at the same seeds and in turn on all
folds, and the recommendation is made among these. Seeds are new; the folds are those of which each trial of the search
had one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

from search.study.samplers import SAMPLERS
from search.study.space import ParamValue
from search.study.study import Study

# How many are trained again: a choice. Seeds and folds move a single training by several points (LOG.md), which is more
# than what lies between the first and the fifth of some dozens.
CANDIDATES = 5
# The first of their seeds, in turn on all folds; no replicate and no tuning trial has them, and a search's follow from
# the numbers of its trials.
CONFIRM_SEED = 2_000_000

Params: TypeAlias = Mapping[str, ParamValue]
Given: TypeAlias = tuple[Params, Literal["replicate", "tuning", "search", "confirm"], float | None]


def is_searched(study: Study, results: Iterable[Given]) -> bool:
    """Whether a search proposes no more trials: its budget is spent, or the last `patience` of them were no better.

    Start-up trials, which the sampler draws before it has anything to learn from, do not try its patience.

    Args:
        study: the design.
        results: of the trials that are over, by number.
    """
    if study.search is None:
        return False
    figures = [figure for _, role, figure in results if role == "search"]
    n_trials, patience = study.search.n_trials, study.search.patience
    if len(figures) >= n_trials or patience is None:
        return len(figures) >= n_trials
    startup = study.search.n_startup_trials if SAMPLERS[study.search.sampler].starts_at_random else 0
    return len(figures) >= startup + patience and since_best(figures) >= patience


def since_best(figures: Sequence[float | None]) -> int:
    """How many trials in a row, up to the last, were no better than the best before them.

    Args:
        figures: by trial; None for one that was stopped, failed, or stayed at chance.
    """
    best, since = -math.inf, 0
    for figure in figures:
        better = figure is not None and figure > best
        best, since = (figure, 0) if better and figure is not None else (best, since + 1)
    return since


def candidates(results: Iterable[Given], reference: Params | None) -> list[Params]:
    """The settings that are trained again: the best by validation, best first, then the reference model.

    Equal figures are ordered by the settings, so that the choice does not depend on who was first.

    Args:
        results: of the trials that are over; those without a figure were stopped, failed, or stayed at chance.
        reference: None where the space does not contain the reference model.
    """
    figures: dict[tuple[tuple[str, ParamValue], ...], float] = {}
    for params, role, figure in results:
        if role == "search" and figure is not None and math.isfinite(figure):
            key = tuple(sorted(params.items()))
            figures[key] = max(figure, figures.get(key, -math.inf))
    best: list[Params] = [dict(key) for key in sorted(figures, key=lambda key: (-figures[key], repr(key)))[:CANDIDATES]]
    return best + ([reference] if best and reference is not None and reference not in best else [])


def confirmed_before(study: Study, results: Iterable[Given], chosen: Sequence[Params]) -> list[Params]:
    """Further settings all of whose trainings on new seeds are over: of a search that went on when its best had been
    trained again, those that are not among its best any more. In the order in which they were trained.

    Args:
        study: the search.
        results: of the trials that are over, by number.
        chosen: what is trained again now.
    """
    seeds: dict[tuple[tuple[str, ParamValue], ...], int] = {}
    for params, role, _ in results:
        if role == "confirm":
            key = tuple(sorted(settings(params).items()))
            seeds[key] = seeds.get(key, 0) + 1
    wanted = study.search.confirm if study.search is not None else 0
    return [dict(key) for key, n in seeds.items() if 0 < wanted <= n and dict(key) not in chosen]


def settings(params: Params) -> dict[str, ParamValue]:
    """The params of a trial that trains again, without its seed."""
    return {name: value for name, value in params.items() if name != "seed"}


def confirming(study: Study, results: Sequence[Given], reference: Params | None) -> list[dict[str, ParamValue]]:
    """The params of every trial that trains again, seed by seed; none before the search is over."""
    if study.search is None or not is_searched(study, results):
        return []
    chosen = candidates(results, reference)
    return [{**params, "seed": CONFIRM_SEED + seed} for seed in range(study.search.confirm) for params in chosen]


def confirm_count(study: Study, results: Sequence[Given], reference: Params | None) -> int:
    """How many trials train again: at most, before the search is over. What was trained again before the search went
    on counts too.
    """
    if study.search is None:
        return 0
    there = [params for params, role, _ in results if role == "confirm"]
    if is_searched(study, results):
        wanted = confirming(study, results, reference)
        return len(wanted) + sum(params not in wanted for params in there)
    others = sum(settings(params) != reference for params in there)
    return study.search.confirm * (CANDIDATES + (reference is not None)) + others
