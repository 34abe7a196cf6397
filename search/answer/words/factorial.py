"""The answer of a question that crosses two parameters, in plain English: main effects, then the interaction."""

from __future__ import annotations

from collections.abc import Sequence

from search.answer.factorial import Effect, Factorial
from search.answer.levels import Compared, LevelAnswer
from search.answer.statistics.planning import Effort, effort
from search.answer.statistics.simultaneous import SEEDS_TO_CLAIM, Difference
from search.answer.words.advice import what_it_takes
from search.answer.words.sentence import Words, called, lost, nothing_learnt
from search.answer.words.unequal import advice
from search.answer.words.verdicts import CLEAR, clauses, learning_alike, opening, seeds_counted
from search.answer.words.wording import (
    count,
    difference_text,
    listed,
    named,
    named_all,
    note_text,
    points_text,
    share_text,
    word,
)
from search.study import Study
from search.text import first_upper

MOST_NAMED = 3  # combinations by name in a sentence; more stand in the tables


def factorial_words(study: Study, levels: Sequence[LevelAnswer], found: Factorial) -> Words:
    """The answer in words.

    Args:
        study: the question.
        levels: its cells.
        found: their effects.
    """
    gone = lost(study, [level for level in levels if level.failed])
    trained = [level for level in levels if level.trials]
    if not trained:
        return Words("No answer yet: no trial has finished.", tuple(filter(None, [gone])))
    if not any(level.learning.learnt for level in trained):
        first = next((level for level in trained if level.is_reference), trained[0])
        return nothing_learnt(study, first, tuple(filter(None, [gone])))
    learns = learning(study, levels)
    whole = all(level.learning.learnt == level.learning.seeds for level in levels)
    headline = ["" if whole else learns, *main_effects(study, found), interaction(study, found)]
    if not found.known:
        headline.append(_nothing_compared(levels))
    details = [gone, learns if whole else "", _best(study, levels), *unranked(study, levels, found)]
    n_seeds = max((effect.differences["test"].estimate.n_seeds for effect in found.known), default=0)
    if n_seeds >= SEEDS_TO_CLAIM:
        details += [described(study, found, factor) for factor in study.factors]
    if found.known and any(effect.differences["test"].verdict in UNCLEAR for effect in found.known):
        details.append(what_it_takes(effort_of_main(study, found), n_seeds, study.margin, _trained(levels)))
    details.append(advice(study, levels))
    return Words(" ".join(filter(None, headline)), tuple(filter(None, details)), ranks=bool(found.known))


UNCLEAR = ("cannot tell", "too few seeds")


def effort_of_main(study: Study, found: Factorial) -> Effort | None:
    """What it would take to tell more of the main effects, as one of all effects; None where none is known."""
    known = [effect.differences["test"].estimate for effect in found.known if not effect.is_interaction]
    return effort(known, len(found.effects), study.margin)


def main_effects(study: Study, found: Factorial) -> list[str]:
    """What each parameter does on average over the levels of the other, in the measure that decides."""
    told = []
    for factor in study.factors:
        known = [
            (effect.levels[factor], effect.differences["test"]) for effect in found.main(factor) if effect.differences
        ]
        if known:
            said = clauses(study, factor, found.reference[factor], known)
            told.append(first_upper(f"{opening(study)}averaged over {_others(study, found, factor)}, {said}."))
    return told


def interaction(study: Study, found: Factorial) -> str:
    """Whether the effect of the one parameter depends on the other; empty where it could not be estimated."""
    one, other = study.factors
    known = [effect for effect in found.interactions if effect.differences]
    if not known:
        return ""
    clear = [effect for effect in known if effect.differences["test"].verdict in CLEAR]
    if clear:
        parts = [
            f"the effect of {named(one, effect.levels[one])} is {_test(effect).verdict} with "
            f"{named(other, effect.levels[other])} than with {named(other, found.reference[other])} "
            f"({note_text(_test(effect).estimate)})"
            for effect in clear
        ]
        return f"{first_upper(word(one))} and {word(other)} interact: {'; '.join(parts)}."
    if len(known) == len(found.interactions) and all(_test(effect).verdict == "equivalent" for effect in known):
        margin = points_text(study.margin)
        return f"The effects of {word(one)} and {word(other)} add up, to within {margin} of test {study.measure_words}."
    if all(_test(effect).verdict == "too few seeds" for effect in known):
        return f"There are too few seeds to decide whether the effect of {word(one)} depends on {word(other)}."
    notes = ""
    if len(known) <= MOST_NAMED:
        notes = f" ({'; '.join(_difference_of_effects(effect, one, other) for effect in known)})"
    return f"This study cannot tell whether the effect of {word(one)} depends on {word(other)}{notes}."


def learning(study: Study, levels: Sequence[LevelAnswer]) -> str:
    """At how many seeds each combination learns; of many that are alike, their number."""
    groups = learning_alike(levels)
    start = opening(study)
    if len(groups) == 1:
        (mine,) = groups
        every = "every combination" if len(mine) == len(levels) else f"{count(len(mine), 'combination')} so far"
        return first_upper(f"{start}the model learns {seeds_counted(mine[0])} for {every}.")
    parts = []
    for mine in groups:
        names = [called(study, level) for level in mine]
        who = listed(names) if len(names) <= MOST_NAMED else count(len(names), "combination")
        parts.append(f"{seeds_counted(mine[0])} for {who}")
    return first_upper(f"{start}the model learns {'; '.join(parts)}.")


def unranked(study: Study, levels: Sequence[LevelAnswer], found: Factorial) -> list[str]:
    """Which effects are left out, and why; at how many seeds the others rest, where some did not learn."""
    rare = [level for level in levels if level.learning.seeds and not level.learning.is_reliable]
    left_out = len(found.effects) - len(found.known)
    told = []
    if rare and left_out:
        names = [called(study, level) for level in rare]
        who = listed(names) if len(names) <= MOST_NAMED else count(len(names), "combination")
        are = "is" if left_out == 1 else "are"
        told.append(
            f"{left_out} of {count(len(found.effects), 'effect')} {are} not estimated, as the model learns at fewer "
            f"than 80 % of the seeds for {who}."
        )
    if found.known and any(level.learning.learnt < level.learning.seeds for level in levels):
        numbers = sorted({effect.differences["test"].estimate.n_seeds for effect in found.known})
        rest = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
        told.append(
            f"Effects rest on the seeds at which all of their combinations learnt: {rest}. Fewer than {SEEDS_TO_CLAIM} "
            "decide nothing."
        )
    return told


def described(study: Study, found: Factorial, factor: str) -> str:
    """The main effects of a parameter on training and on the gap: described, with intervals, and nothing decided."""
    known = [effect for effect in found.main(factor) if effect.differences]
    if not known:
        return ""
    whats: tuple[tuple[Compared, str], ...] = (("train", f"training {study.measure_words}"), ("gap", "the gap"))
    told = []
    for what, name in whats:
        parts = [
            f"{difference_text(effect.differences[what].estimate)} with {named(factor, effect.levels[factor])}"
            for effect in known
        ]
        told.append(f"{name} changes by {listed(parts)}")
    against = named(factor, found.reference[factor])
    return f"Averaged over {_others(study, found, factor)}, against {against}, {'; '.join(told)}."


def effect_name(effect: Effect) -> str:
    """An effect in a table: `average pooling`; an interaction `average pooling x dropout 0.5`."""
    return " x ".join(named(factor, level) for factor, level in effect.levels.items())


def _others(study: Study, found: Factorial, factor: str) -> str:
    other = next(name for name in study.factors if name != factor)
    return named_all(other, found.levels[other])


def _difference_of_effects(effect: Effect, one: str, other: str) -> str:
    names = f"{named(one, effect.levels[one])}, {named(other, effect.levels[other])}"
    return f"{names}: {note_text(_test(effect).estimate)}"


def _test(effect: Effect) -> Difference:
    return effect.differences["test"]


def _best(study: Study, levels: Sequence[LevelAnswer]) -> str:
    """The combination that validation would choose; described only."""
    known = [level for level in levels if level.trials and level.learning.is_reliable]
    if len(known) < 2:
        return ""
    best = max(known, key=lambda level: level.accuracy["val"].value)
    return (
        f"Validation {study.measure_words} is highest for {called(study, best)}, where test {study.measure_words} is "
        f"{share_text(best.accuracy['test'])}."
    )


def _trained(levels: Sequence[LevelAnswer]) -> int:
    """How many seeds of a combination were trained, at most."""
    return max(len(level.trials) for level in levels)


def _nothing_compared(levels: Sequence[LevelAnswer]) -> str:
    """Why no effect is known."""
    if not all(level.trials for level in levels):
        return "There is nothing yet to compare: some combinations have no result."
    if all(level.learning.is_reliable for level in levels):
        if _trained(levels) > 1:
            return "Nothing is compared: combinations learnt at too few of the same seeds. Give more epochs, or seeds."
        return (
            "Nothing is compared: one seed is too few to separate an effect from the luck of the seed. Run at least "
            f"{SEEDS_TO_CLAIM} seeds."
        )
    return "No effect is estimated."
