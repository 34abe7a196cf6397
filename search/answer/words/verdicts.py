"""What is decided about levels, in plain English: higher, lower, as well as, or cannot tell; an interval a level."""

from __future__ import annotations

from collections.abc import Sequence

from search.answer.levels import Compared, LevelAnswer
from search.answer.starts import start_text
from search.answer.statistics.simultaneous import Difference, simplest
from search.answer.words.wording import (
    count,
    difference_text,
    listed,
    named,
    named_all,
    note_text,
    points_text,
    share_text,
)
from search.study import Study
from search.study.space import ParamValue
from search.text import first_upper

CLEAR = ("higher", "lower")


def condition(study: Study) -> str:
    """What every statement of a study holds at, where levels are not tuned: `at learning rate 0.0005`; else nothing.

    A level that does worse at the reference model's learning rate may do better at its own.
    """
    name = "learning_rate"
    if name in study.factors or not study.factors:
        return ""
    if name in study.nuisance or study.tune:
        return f"with the learning rate tuned for each {'level' if study.factor else 'combination'}"
    return f"at {named(name, study.base_config().learning_rate)}"


def opening(study: Study) -> str:
    """How a sentence begins that holds under the study's condition alone: `at learning rate 0.0005, `; else nothing."""
    where = condition(study)
    return f"{where}, " if where else ""


def paragraph(study: Study, sentences: Sequence[str]) -> str:
    """Sentences in a row, those that hold under the study's condition as one: it is said once."""
    start, text = first_upper(opening(study)), ""
    for sentence in filter(None, sentences):
        if start and text and sentence.startswith(start):
            text = f"{text.removesuffix('.')}; {sentence.removeprefix(start)}"
        else:
            text = f"{text} {sentence}" if text else sentence
    return text


def compared(study: Study, reference: LevelAnswer, others: Sequence[LevelAnswer]) -> str:
    """The effect on the test images, in the measure that decides, a clause a verdict; empty without levels.

    Args:
        study: a question.
        reference: its reference level.
        others: those with differences.
    """
    found = [(level.level, level.differences["test"]) for level in others if level.level is not None]
    told = clauses(study, study.factor or "", reference.level, found)
    return first_upper(f"{opening(study)}{told}.") if told else ""


def clauses(
    study: Study, factor: str, reference: ParamValue | None, found: Sequence[tuple[ParamValue, Difference]]
) -> str:
    """What is decided about levels of a parameter on the test images, a clause a verdict; empty without levels.

    Args:
        study: a question.
        factor: the parameter.
        reference: its reference level.
        found: levels with their differences to it.
    """
    against, measure = named(factor, reference), study.measure_words
    by_verdict: dict[str, list[tuple[ParamValue, Difference]]] = {}
    for level, difference in found:
        by_verdict.setdefault(difference.verdict, []).append((level, difference))
    told = []
    clear = [f"{verdict} with {_noted(factor, by_verdict[verdict])}" for verdict in CLEAR if verdict in by_verdict]
    if clear:
        told.append(f"test {measure} is {' and '.join(clear)} than with {against}")
    if mine := by_verdict.get("equivalent", []):
        does = f"{'perform' if _are_several(factor, mine) else 'performs'} as well as {against}"
        told.append(f"{_noted(factor, mine)} {does}, to within {points_text(study.margin)} of test {measure}")
    if mine := by_verdict.get("cannot tell", []):
        differ = "differ" if factor == "depth" and _are_several(factor, mine) else "differs"
        unknown = f"whether {_noted(factor, mine, 'or')} {differ} from {against} in test {measure}"
        told.append(f"this study cannot tell {unknown}")
    if mine := by_verdict.get("too few seeds", []):
        told.append(f"there are too few seeds to decide on {_noted(factor, mine)} against {against}")
    return "; ".join(told)


def simplified(
    study: Study, reference: LevelAnswer, others: Sequence[LevelAnswer]
) -> tuple[str, Sequence[LevelAnswer]]:
    """Whether the model can do with fewer blocks: the least depth that performs as well, or is shown not to be worse by
    the margin; what is not known where there is none. Empty where no smaller depth was compared.

    Returns the text, and the levels whose verdicts it tells.
    """
    fewer = sorted((level for level in others if _blocks(level) < _blocks(reference)), key=_blocks)
    if not fewer:
        return "", ()
    against, margin = named("depth", reference.level), points_text(study.margin)
    measure = study.measure_words
    start = opening(study)
    level = simplest((level, level.differences["test"]) for level in fewer).non_inferior
    if isinstance(level, LevelAnswer):
        difference = level.differences["test"]
        how = f"test {measure} is not worse than with {against} by {margin} or more"
        if difference.verdict == "higher":
            how = f"test {measure} is higher than with {against}"
        elif difference.verdict == "lower":
            how = f"test {measure} is lower than with {against}, but by less than {margin}"
        elif difference.is_equivalent:
            how = f"it performs as well as with {against}, to within {margin} of test {measure}"
        simpler = f"the model can be simplified to {named('depth', level.level)}"
        return first_upper(f"{start}{simpler}: {how} ({note_text(difference.estimate)})."), [level]
    pairs = [(level.level, level.differences["test"]) for level in fewer if level.level is not None]
    if all(difference.verdict == "lower" for _, difference in pairs):
        lower = f"test {measure} is lower with {_noted('depth', pairs)} than with {against}"
        return first_upper(f"{start}no simpler model performs as well: {lower}."), fewer
    return (
        first_upper(
            f"{start}it is not known whether the model can be simplified: no smaller depth is shown to lose less than "
            f"{margin} of test {measure} against {against}."
        ),
        (),
    )


def learning_alike(levels: Sequence[LevelAnswer]) -> list[list[LevelAnswer]]:
    """Levels that learn at as many of as many seeds, together; those that learn at the smallest share first."""
    known = sorted((level for level in levels if level.learning.seeds), key=lambda level: level.learning.share)
    groups: dict[tuple[int, int], list[LevelAnswer]] = {}
    for level in known:
        groups.setdefault((level.learning.learnt, level.learning.seeds), []).append(level)
    return list(groups.values())


def learning(study: Study, levels: Sequence[LevelAnswer]) -> str:
    """At how many seeds each level learns. The intervals are in the table of starts."""
    groups = learning_alike(levels)
    parts = [f"{seeds_counted(mine[0])} with {named_all(study.factor or '', values(mine))}" for mine in groups]
    return first_upper(f"{opening(study)}the model learns {listed(parts)}.") if parts else ""


def starting(study: Study, levels: Sequence[LevelAnswer]) -> str:
    """When each level starts to learn: median and range over seeds; described only."""
    known = [level for level in levels if level.learning.starts]
    if not known:
        return ""
    parts = [
        start_text(level.learning) + (f" with {named(study.factor, level.level)}" if study.factor else "")
        for level in known
    ]
    seeds = max(level.learning.seeds for level in known)
    of = " (median and range over seeds)" if seeds > 1 else ""
    return first_upper(f"{opening(study)}learning starts in epoch{of}: {listed(parts)}.")


def seeds_counted(level: LevelAnswer) -> str:
    """`at 3 of 5 seeds`, `at all 5 seeds`."""
    n, of = level.learning.learnt, level.learning.seeds
    if n == of:
        return f"at all {of} seeds" if of > 1 else "at the one seed"
    return f"at {n or 'none'} of {count(of, 'seed')}"


def seeds_learnt(level: LevelAnswer) -> str:
    """`at 3 of 5 seeds (95 % interval 15 to 95 %)`, with the exact interval; `at all 5 seeds`."""
    if level.learning.learnt == level.learning.seeds:
        return seeds_counted(level)
    low, high = level.learning.interval
    return f"{seeds_counted(level)} (95 % interval {100 * low:.0f} to {100 * high:.0f} %)"


def where_learnt(study: Study, levels: Sequence[LevelAnswer]) -> str:
    """The test figure at every level that learns, where one learns too rarely to be ranked; described only."""
    rare = [level for level in levels if level.learning.learnt and not level.learning.is_reliable]
    if not rare:
        return ""
    learnt = [level for level in levels if level.learning.learnt]
    parts = [f"{share_text(level.accuracy['test'])} with {named(study.factor, level.level)}" for level in learnt]
    return first_upper(f"{opening(study)}where the model learns, test {study.measure_words} is {listed(parts)}.")


def unranked(study: Study, levels: Sequence[LevelAnswer]) -> str:
    """Which levels learn too rarely to be ranked; all, where the reference level is one of them."""
    rare = [level for level in levels if level.learning.learnt and not level.learning.is_reliable]
    if not rare:
        return ""
    reference = next(level for level in levels if level.is_reference)
    start = opening(study)
    if reference in rare:
        whose = f"the reference, {named(study.factor, reference.level)}, learns"
        return first_upper(f"{start}no level is ranked, as {whose} at fewer than 80 % of its seeds.")
    are = "is not ranked, as it learns" if len(rare) == 1 else "are not ranked, as they learn"
    return first_upper(f"{start}{named_all(study.factor or '', values(rare))} {are} at fewer than 80 % of the seeds.")


def described(study: Study, others: Sequence[LevelAnswer]) -> str:
    """The effect on training and on the gap: described, with intervals, and nothing decided."""
    clauses = []
    whats: tuple[tuple[Compared, str], ...] = (("train", f"training {study.measure_words}"), ("gap", "the gap"))
    for what, name in whats:
        parts = [
            f"{difference_text(level.differences[what].estimate)} with {named(study.factor, level.level)}"
            for level in others
        ]
        clauses.append(f"{name} changes by {listed(parts)}")
    start = f"{opening(study)}against the reference"
    return first_upper(f"{start}, {'; '.join(clauses)}.") if others else ""


def disagreeing(study: Study, others: Sequence[LevelAnswer]) -> str:
    """Levels that validation and test photographs judge in opposite ways."""
    found = [level for level in others if level.disagrees]
    if not found:
        return ""
    notes = []
    for level in found:
        val, test = (level.differences[what].estimate for what in ("val", "test"))
        notes.append(f"{points_text(val.value, signed=True)} and {points_text(test.value, signed=True)}")
    return first_upper(
        f"{opening(study)}validation and test disagree, by more than chance explains, about "
        f"{named_all(study.factor or '', values(found), notes=notes)}: what validation would choose is not what the "
        "test photographs favour."
    )


def values(levels: Sequence[LevelAnswer]) -> list[ParamValue]:
    """The values of the levels."""
    return [level.level for level in levels if level.level is not None]


def _noted(factor: str, found: Sequence[tuple[ParamValue, Difference]], last: str = "and") -> str:
    notes = [note_text(difference.estimate) for _, difference in found]
    return named_all(factor, [level for level, _ in found], last, notes)


def _are_several(factor: str, found: Sequence[tuple[ParamValue, Difference]]) -> bool:
    """Whether these levels, in words, take a verb in the plural: `2 blocks` do, and `average and blur pooling`."""
    return len(found) > 1 or (factor == "depth" and found[0][0] != 1)


def _blocks(level: LevelAnswer) -> float:
    return float(level.level) if isinstance(level.level, int | float) else float("inf")
