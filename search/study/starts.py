"""What a search starts from: the settings that questions on the same images found best, and their combination.

They are the first trials behind the reference model. Which they are is settled when the study begins, and noted in its
manifest: questions that are answered later change nothing. So are the questions' trainings that have the settings of
a trial of the search, from which its sampler learns. They are no trials of the search: they have no number in it, no
journal, and no part in its budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from search.study.conditions import Specs, active
from search.study.diagnostics import Table
from search.study.space import Scalar

Params: TypeAlias = Mapping[str, Scalar]


class Start(Table):
    """One of the first trials of a search.

    Attributes:
        params: of the trial.
        why: what says that it may be good: `pooling: blur pooling`, `their combination`.
    """

    params: dict[str, Scalar]
    why: str


class Found(Table):
    """What a question found best.

    Attributes:
        question: the name that it ran under.
        factor: what it asked about.
        level: in words, as `blur pooling`.
        params: its best level's, of the parameters that the search has.
    """

    question: str
    factor: str
    level: str
    params: dict[str, Scalar]


class Observed(Table):
    """A training of a question with the settings of a trial of the search: its sampler learns from it.

    Attributes:
        study: the question.
        number: of the trial there.
        params: of the parameters that the search has.
        values: by the names of objectives, those that were measured; none of a training that ended at chance.
    """

    study: str
    number: int
    params: dict[str, Scalar]
    values: dict[str, float]


def starts_from(base: Params, found: Sequence[Found], specs: Specs | None = None) -> tuple[Start, ...]:
    """The first trials of a search behind the reference model: each question's best level, then their combination.

    The combination has each question's best level of its own factor, and what else a question's trainings had that the
    reference model has not.

    Args:
        base: the reference model, or what comes nearest to it in the space of the search.
        found: a question each.
        specs: the space of the search; a trial has those of its conditional parameters that are proposed beside the
            others. None: it has no conditions.
    """
    starts = [Start(params={**base, **one.params}, why=f"{one.question}: {one.level}") for one in found]
    together = dict(base)
    for one in found:
        together |= {name: value for name, value in one.params.items() if value != base[name]}
    together |= {one.factor: one.params[one.factor] for one in found}
    starts.append(Start(params=together, why="their combination"))
    there, kept = [_proposed(specs, base)], []
    for start in starts:
        params = _proposed(specs, start.params)
        if params not in there:
            there.append(params)
            kept.append(Start(params=params, why=start.why))
    return tuple(kept)


def _proposed(specs: Specs | None, params: Params) -> dict[str, Scalar]:
    return dict(params) if specs is None else active(specs, params)


def observed_text(observed: Sequence[Observed]) -> str:
    """How many trainings of which questions a sampler knows, in words; empty where it knows none."""
    if not observed:
        return ""
    names = sorted({one.study for one in observed})
    trainings = "1 training" if len(observed) == 1 else f"{len(observed)} trainings"
    return f"{trainings} of {', '.join(names)} with equal settings"


def starts_text(starts: Iterable[Start]) -> str:
    """What a search starts from, in words; empty where it is the reference model alone."""
    return "; ".join(start.why for start in starts)


def known_text(starts: Iterable[Start], observed: Sequence[Observed], *, has_reference: bool) -> str:
    """What a search starts from, with what its sampler knows, in words; empty where that is nothing.

    Args:
        starts: its first trials behind the reference model.
        observed: trainings of questions that count as observed.
        has_reference: whether its space has the reference model.
    """
    parts = ["the reference model" if has_reference else "", starts_text(starts)]
    if observed:
        parts.append(f"{observed_text(observed)} count as observed")
    return "; ".join(filter(None, parts))
