"""The answer of a search: its best trial, the Pareto front, and what the retraining on new seeds says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from search.answer.confirmed import Confirmed, confirmed, confirmed_text, going_on_text, seen_text
from search.answer.evidence import Evidence, as_long_as_it_learnt, evidence_of
from search.answer.learning import has_learnt
from search.answer.regret import end_text
from search.answer.words.sentence import Words
from search.answer.words.wording import count, percent, word
from search.folder.figure import figure_of
from search.folder.load import StoredStudy
from search.folder.record import TrialRecord
from search.study import Study
from search.study.constraints import limits_text
from search.study.deciding import DECIDING
from search.study.design import reference_params
from search.study.objectives import OBJECTIVES
from search.text import shown
from trainer.clock import last_start
from trainer.outside import typed


@dataclass(frozen=True)
class SearchAnswer:
    """What a search found.

    Attributes:
        best: the trial of the highest measure that decides, on validation, of those that keep the constraints; None
            before one has finished.
        front: of these the trials that learnt and that no other beats in it and in what `axes` has at once, best
            first. One that stayed at chance is the cheapest of all for nothing.
        reference: the trial of the reference model; None where the space does not contain it, or before it finished.
        cost: what the cost is, a field of `Finished`: of the axes the first that is one; else "vram_peak_mib" where
            that was measured, else "parameters".
        axes: what the front is of beside the measure that decides, by names of `OBJECTIVES`.
        evidence: of the retraining by `python -m search.best`; None before it was run.
        confirmed: what training the best again on new seeds says; None where the search does not, or not yet.
        words: in plain English.
    """

    best: TrialRecord | None
    front: tuple[TrialRecord, ...]
    reference: TrialRecord | None
    cost: str
    evidence: Evidence | None
    words: Words
    confirmed: Confirmed | None = None
    axes: tuple[str, ...] = ()

    @property
    def recommended(self) -> TrialRecord | None:
        """The trial whose settings are recommended."""
        chosen = self.confirmed.recommended if self.confirmed else None
        return chosen.trial if chosen else self.best


def search_answer(recorded: StoredStudy) -> SearchAnswer:
    """What a search found so far."""
    done, measure = recorded.searched, recorded.study.measure
    axes = axes_of(recorded.study, done)
    feasible = [record for record in done if recorded.keeps(record)]
    best = max(feasible, key=lambda record: _merit(recorded.study, record), default=None)
    base = reference_params(recorded.study)
    reference = next((record for record in done if record.params == base), None)
    again = confirmed(recorded)
    chosen = again.recommended.trial if again and again.recommended else best
    evidence = evidence_of(recorded, as_long_as_it_learnt(chosen)) if chosen else None
    return SearchAnswer(
        best=best,
        front=tuple(pareto_front([record for record in feasible if has_learnt(record)], axes, measure)),
        reference=reference,
        cost=next((name for name in axes if OBJECTIVES[name].field), cost_of(done)),
        evidence=evidence,
        words=_words(recorded, feasible, best, reference, evidence, again),
        confirmed=again,
        axes=axes,
    )


def _merit(study: Study, record: TrialRecord) -> tuple[bool, float, int]:
    """By what a trial is the best: that it learnt, then the measure that decides on validation, then being first."""
    figure = figure_of(study, record)
    return (figure is not None, -math.inf if figure is None or math.isnan(figure) else figure, -record.number)


def val_value(record: TrialRecord, measure: str) -> float:
    """What a search maximizes, the measure that decides on validation; NaN for a trial that is not finished."""
    return DECIDING[measure].of(record.finished.splits["val"]) if record.finished else math.nan


def cost_of(records: Sequence[TrialRecord]) -> str:
    """Peak VRAM where any trial has it, else the number of parameters, as the controller chooses."""
    measured = any(record.finished.vram_peak_mib is not None for record in records if record.finished)
    return "vram_peak_mib" if measured else "parameters"


def axes_of(study: Study, records: Sequence[TrialRecord]) -> tuple[str, ...]:
    """What the Pareto front of a search is of beside the measure that decides: its other objectives; of a search with
    one objective the first cost that is limited, else the cost.
    """
    assert study.search is not None
    cost = cost_of(records)
    named = [cost if name == "cost" else name for name in study.search.objectives if name != f"val_{study.measure}"]
    return tuple(named or [*study.constraints][:1] or [cost])


def value_on(record: TrialRecord, axis: str) -> float | None:
    """A finished trial's value of an objective; None where it was not measured."""
    return OBJECTIVES[axis].value(record.finished, axis) if record.finished else None


def pareto_front(records: Sequence[TrialRecord], axes: Sequence[str], measure: str) -> list[TrialRecord]:
    """Those that no other beats in the measure on validation and on all axes at once, best measure first."""
    signs = [1 if OBJECTIVES[axis].direction == "minimize" else -1 for axis in axes]
    points = []
    for record in records:
        values = [value_on(record, axis) for axis in axes]
        known = [sign * value for sign, value in zip(signs, values, strict=True) if value is not None]
        if len(known) == len(values):
            points.append(((-val_value(record, measure), *known), record))
    front: list[tuple[tuple[float, ...], TrialRecord]] = []
    for point, record in sorted(points, key=lambda one: one[0]):
        if not any(all(a <= b for a, b in zip(better, point, strict=True)) for better, _ in front):
            front.append((point, record))
    return [record for _, record in front]


def settings(record: TrialRecord) -> str:
    """The sampled parameters of a trial, on one line."""
    return ", ".join(f"{word(name)} {shown(value)}" for name, value in record.params.items())


def _limits_told(recorded: StoredStudy, reference: TrialRecord | None, limits: str) -> str:
    """What the constraints are, and who broke them."""
    begun = [record for record in recorded.records if record.role == "search" and record.started]
    broken = sum(not recorded.keeps(record) for record in begun)
    text = f"What is recommended keeps the constraints ({limits}); {broken} of {count(len(begun), 'trial')} did not"
    if reference is not None and not recorded.keeps(reference):
        return f"{text}, the reference model among them: it is what others are compared with, and is not recommended."
    return f"{text}."


def _words(
    recorded: StoredStudy,
    kept: Sequence[TrialRecord],
    best: TrialRecord | None,
    reference: TrialRecord | None,
    evidence: Evidence | None,
    again: Confirmed | None,
) -> Words:
    n, limits = len(recorded.searched), limits_text(recorded.study.constraints)
    if n and best is None:
        return Words(f"No answer: none of {count(n, 'trial')} that finished keeps the constraints ({limits}).")
    if best is None or best.finished is None:
        return Words("No answer yet: no trial has finished.")
    epochs = count(last_start(best.config), "epoch")
    within = " within the constraints" if len(kept) < n else ""
    if not any(has_learnt(record) for record in kept):
        wider = ", or the constraints more room" if within else ""
        return Words(
            f"No answer: none of {count(len(kept), 'trial')}{within} learnt more than a little in {epochs}, so none "
            f"is recommended. Give them more epochs, or smaller batches{wider}."
        )
    ends = best.finished.splits
    of, words = DECIDING[recorded.study.measure].of, recorded.study.measure_words
    figures = f"{percent(of(ends['val']))} on validation, {percent(of(ends['test']))} on testing"
    if best is reference and n > 1:
        text = f"None of {len(kept)} trials{within} beats the reference model by validation {words}"
        text += f": it has {figures}"
    else:
        which = f"trial {best.number} ({settings(best)})"
        text = f"Of {count(len(kept), 'trial')}{within} the best by validation {words} is {which}: {figures}"
        if reference is not None and reference is not best and reference.finished:
            other = reference.finished.splits
            text += f"; the reference model has {percent(of(other['val']))} and {percent(of(other['test']))}"
    details = []
    if limits:
        details.append(_limits_told(recorded, reference, limits))
    idle = sum(not has_learnt(record) for record in recorded.searched)
    if idle:
        details.append(f"{idle} of {n} trials learnt little or nothing in {epochs}.")
    if n > 1 and best is not reference:
        details.append(f"It was chosen from many by its validation {words}, so that figure is optimistic.")
    if (text_of_end := end_text(recorded)) is not None:
        details.append(text_of_end)
    if (seen := seen_text(recorded)) is not None:
        details.append(seen)
    if again is not None:
        found = confirmed_text(again, recorded.study.measure_words)
        if not again.is_over:
            return Words(f"{text}.", (*details, found), ranks=True)
        command = typed("search.best", "--study", recorded.name)
        follows = f"It is retrained on all TRAIN photographs and registered by {command}"
        last = [] if again.is_undecided else [evidence.sentence if evidence else follows]
        return Words(found, (f"{text}.", *details, *last), ranks=not again.is_undecided)
    going_on = going_on_text(recorded)
    details.append(
        evidence.sentence
        if evidence
        else going_on
        if going_on
        else "It has not yet been retrained on new seeds beside the reference model: "
        + typed("search.best", "--study", recorded.name)
    )
    return Words(f"{text}.", tuple(details), ranks=True)
