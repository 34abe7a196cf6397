"""Which figures an answer has."""

from __future__ import annotations

from search.answer.answer import Answer
from search.answer.words.sentence import called
from search.figures.accuracy import accuracy_by_level, differences
from search.figures.confusion import confusion
from search.figures.cost import accuracy_against_cost
from search.figures.curves import learning_curves
from search.figures.factorial import effects, heat_map
from search.figures.rates import result_by_rate
from search.figures.reliability import reliability_diagram
from search.figures.style import Picture
from search.text import first_upper


def gallery(answer: Answer) -> list[Picture]:
    """In the order of the page; empty before a trial has finished."""
    if answer.search is not None:
        from search.figures import search_result

        return search_result.pictures(answer)
    if not any(level.trials for level in answer.levels):
        return []
    found = [accuracy_by_level(answer)]
    if answer.factorial is not None:
        shown = effects(answer, answer.factorial)
        found = [heat_map(answer, answer.factorial), *([shown] if shown else []), *found]
    if answer.words.ranks:
        found += [drawn for drawn in (differences(answer), accuracy_against_cost(answer)) if drawn]
    if rates := result_by_rate(answer):
        found.append(rates)
    found.append(learning_curves(answer))
    classes, factors = answer.recorded.class_names, answer.recorded.study.factors
    reference, best = answer.reference, answer.best
    if reference is not None:
        name = called(answer.recorded.study, reference)
        title = f"Test images by class: {name}{' (reference)' if factors else ''}"
        found.append(confusion(reference, classes, "confusion_reference", title))
        sure = reliability_diagram(reference, "reliability", f"Is it as often right as it is sure? {first_upper(name)}")
        found += [sure] if sure else []
    if best is not None and best is not reference:
        title = f"Test images by class: {called(answer.recorded.study, best)} (best on validation)"
        found.append(confusion(best, classes, "confusion_best", title))
    return found
