"""The answer to a question in plain English, made from the numbers; it claims nothing that they do not show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from search.answer.equivalence import MARGIN
from search.answer.levels import Compared, LevelAnswer, Spread, chance_of
from search.answer.planning import Effort, Range, effort
from search.answer.simultaneous import SEEDS_TO_CLAIM
from search.answer.wording import (
    count,
    difference_text,
    listed,
    named,
    named_all,
    note_text,
    percent,
    points,
    share_text,
)
from search.folder.load import Recorded
from search.folder.record import TrialRecord
from search.study import Study
from search.study.space import ParamValue

# A mean training accuracy this close to chance means that nothing was learnt. In 3 epochs of the real set the reference
# model stays at 0.25 of 4 classes; after 30 it has 0.69.
LEARNT_ABOVE_CHANCE = 0.10

FAILED = {
    "not_finite": "diverged",
    "out_of_memory": "ran out of memory",
    "data": "without images",
    "disk": "without disk space",
    "config": "refused",
    "error": "crashed",
    "stopped": "stopped",
}

DEMO = "The demo set: drawn cells. This says nothing about blood."


class Words(NamedTuple):
    """An answer in words.

    Attributes:
        headline: the effect on test accuracy, or why there is no answer.
        details: sentences on training accuracy, the gap, the costs, and on what cannot be told.
        ranks: whether levels may be ranked at all.
    """

    headline: str
    details: tuple[str, ...] = ()
    ranks: bool = False


def words(study: Study, levels: Sequence[LevelAnswer]) -> Words:
    """The answer of a question, or of the reference study."""
    reference = next((level for level in levels if level.is_reference), None)
    lost = _lost(study.factor, [level for level in levels if level.failed])
    if reference is None or not reference.trials:
        return Words("No answer yet: no trial at the reference level has finished.", (lost,) if lost else ())
    train, chance = reference.accuracy["train"], chance_of(reference.trials[0])
    if train.value < chance + LEARNT_ABOVE_CHANCE:
        epochs = reference.trials[0].config.epochs
        return Words(
            f"No answer: the reference model did not learn in {count(epochs, 'epoch')} (training accuracy "
            f"{percent(train.value)}, chance {percent(chance)}), so differences between levels mean nothing and none "
            "is ranked. Give it more epochs."
        )
    if study.factor is None:
        return Words(
            f"The reference model classifies {share_text(train)} of the training images rightly and "
            f"{share_text(reference.accuracy['test'])} of the test images.",
            tuple(text for text in (lost, _gap_alone(reference)) if text),
        )
    others = [level for level in levels if level.differences]
    at_reference = (
        f"With {named(study.factor, reference.level)}, the reference, accuracy is {share_text(train)} on training and "
        f"{share_text(reference.accuracy['test'])} on testing"
    )
    if not others:
        return Words(f"{at_reference}. There is nothing yet to compare it with.", (lost,) if lost else ())
    gap = points(reference.gap.value if reference.gap else 0).lstrip("+")
    details = [lost, f"{at_reference}, a gap of {gap} points."]
    idle = [level for level in others if not learnt(level)]
    if idle:
        details.append(_idle(study.factor, idle))
    details.append(_stuck(study.factor, [level for level in levels if level.trials and level not in idle]))
    unclear = [level for level in others if not level.differences["test"].is_clear]
    n_seeds = max(level.differences["test"].estimate.n_seeds for level in others)
    if n_seeds >= SEEDS_TO_CLAIM:
        learning = [level for level in others if level not in idle]
        details += [_on(study.factor, learning, "train"), _on(study.factor, learning, "gap")]
    trained = [level for level in levels if level.trials and level is not reference]
    details.append(_costs(study.factor, reference, trained))
    if unclear:
        found = effort([level.differences["test"].estimate for level in unclear], len(others))
        details.append(what_it_takes(found, n_seeds))
    return Words(_headline(study.factor, reference, others), tuple(text for text in details if text), ranks=True)


def learnt(level: LevelAnswer) -> bool:
    """Whether a level's models do better on the training images than guessing."""
    return level.accuracy["train"].value >= chance_of(level.trials[0]) + LEARNT_ABOVE_CHANCE


def has_learnt(trial: TrialRecord) -> bool:
    """The same of one trial that is finished."""
    end = trial.finished
    return end is not None and end.splits["train"].accuracy >= chance_of(trial) + LEARNT_ABOVE_CHANCE


def prefix(recorded: Recorded) -> str:
    """How far a study is that is not over: `So far (7 of 18 trials): `."""
    return "" if recorded.is_over else f"So far ({recorded.over} of {recorded.total} trials): "


def _headline(factor: str, reference: LevelAnswer, others: Sequence[LevelAnswer]) -> str:
    """The effect on test accuracy."""
    against = named(factor, reference.level)
    clear = [level for level in others if level.differences["test"].is_clear]
    unclear = [level for level in others if level not in clear]
    parts = []
    for sign, verb in ((1, "higher"), (-1, "lower")):
        mine = [level for level in clear if level.differences["test"].estimate.value * sign > 0]
        if mine:
            notes = [note_text(level.differences["test"].estimate) for level in mine]
            parts.append(f"{verb} with {named_all(factor, _values(mine), notes=notes)}")
    if parts:
        text = f"Against {against}, test accuracy is {'; it is '.join(parts)}."
        if unclear:
            rest = named_all(factor, _values(unclear), "or")
            text += f" It cannot be told apart from {against} with {rest}: {_within(unclear)}."
        return text
    rest = named_all(factor, _values(unclear), "or")
    return f"This study cannot tell {rest} from {against} by test accuracy: {_within(unclear)}."


def _within(unclear: Sequence[LevelAnswer]) -> str:
    """How large the differences may be that could not be told: `cannot be told apart` is no `are the same`."""
    estimates = [level.differences["test"].estimate for level in unclear]
    low, high = min(e.low for e in estimates), max(e.high for e in estimates)
    within = "the difference lies" if len(unclear) == 1 else "differences lie"
    return f"{within} within {points(low)} to {points(high)} points"


def _values(levels: Sequence[LevelAnswer]) -> list[ParamValue]:
    return [level.level for level in levels if level.level is not None]


def _idle(factor: str, levels: Sequence[LevelAnswer]) -> str:
    epochs = count(levels[0].trials[0].config.epochs, "epoch")
    low, high = (f([level.accuracy["train"].value for level in levels]) for f in (min, max))
    span = percent(low) if percent(low) == percent(high) else f"{100 * low:.1f} to {percent(high)}"
    return (
        f"With {named_all(factor, _values(levels))} the model has learnt little or nothing in {epochs} (training "
        f"accuracy {span}, chance {percent(chance_of(levels[0].trials[0]))})."
    )


def _stuck(factor: str, levels: Sequence[LevelAnswer]) -> str:
    """The seeds at which a level did not learn though it did at others: they make the intervals wide."""
    parts = []
    for level in levels:
        stuck = sum(not has_learnt(trial) for trial in level.trials)
        if stuck:
            parts.append(f"{stuck} of {len(level.trials)} with {named(factor, level.level)}")
    return f"At some seeds the model has learnt little or nothing: {listed(parts)}." if parts else ""


def _lost(factor: str | None, levels: Sequence[LevelAnswer]) -> str:
    """Trainings that did not finish: they are no accident of the record, but what a level does."""
    parts = []
    for level in levels:
        total = level.failed + len(level.trials)
        how = listed([f"{n} {FAILED[kind]}" for kind, n in level.failures.items()])
        parts.append(f"{level.failed} of {total} with {named(factor, level.level)} ({how})")
    if not parts:
        return ""
    rest = "; what is said of them is of the others" if any(level.trials for level in levels) else ""
    return f"Trainings failed: {listed(parts)}{rest}."


def _on(factor: str, others: Sequence[LevelAnswer], what: Compared) -> str:
    """The effect on training accuracy or on the gap, at the levels that learnt."""
    if not others:
        return ""
    subject, up, down = ("The gap", "widens", "narrows") if what == "gap" else ("Training accuracy", "rises", "falls")
    parts = []
    for sign, verb in ((1, up), (-1, down)):
        mine = [
            level
            for level in others
            if level.differences[what].is_clear and level.differences[what].estimate.value * sign > 0
        ]
        if mine:
            notes = [note_text(level.differences[what].estimate) for level in mine]
            parts.append(f"{verb} with {named_all(factor, _values(mine), notes=notes)}")
    if not parts:
        return f"{subject} cannot be told to differ with {named_all(factor, _values(others), 'or')}."
    return f"{subject} {' and '.join(parts)}."


def _gap_alone(reference: LevelAnswer) -> str:
    return f"The gap between the two is {difference_text(reference.gap).replace('+', '')}." if reference.gap else ""


def _costs(factor: str, reference: LevelAnswer, others: Sequence[LevelAnswer]) -> str:
    """VRAM where measured, parameters, and time: where they change by a tenth, time by a quarter or more."""
    told = []
    kinds: tuple[tuple[str, Callable[[LevelAnswer], Spread | None], str, float], ...] = (
        ("VRAM", lambda level: level.vram_mib, " MiB", 0.1),
        ("parameters", lambda level: level.parameters, "", 0.1),
        ("training time", lambda level: level.train_s, " s", 0.25),  # other programs on the machine change it too
    )
    same = []
    for name, of, unit, threshold in kinds:
        base = of(reference)
        if base is None or not base.mean:
            continue
        costs = [(level, cost.mean) for level in others if (cost := of(level))]
        changed = [(level, cost) for level, cost in costs if abs(cost / base.mean - 1) >= threshold]
        if changed:
            figures = [f"{cost:,.0f}{unit}" for _, cost in changed]
            against = named_all(factor, _values([level for level, _ in changed]), notes=figures)
            told.append(f"{name} {base.mean:,.0f}{unit} at the reference, with {against}")
        else:
            same.append(name)
    differ = f"{listed(same)} differ little" if same else ""
    text = "; ".join([*told, *([differ] if differ else [])])
    return f"Cost: {text}." if told else f"{text[:1].upper()}{text[1:]}." if text else ""


def what_it_takes(found: Effort | None, n_seeds: int) -> str:
    """How many photographs or seeds would tell differences of some size."""
    if n_seeds < SEEDS_TO_CLAIM:
        few = "One seed tells nothing" if n_seeds == 1 else f"{n_seeds} seeds tell too little"
        return f"{few} of the luck of the seed: no level is ranked. Run at least {SEEDS_TO_CLAIM}."
    if found is None:
        return ""
    low, high = (100 * ends for ends in found.detectable)
    text = (
        f"A study like this one finds a difference of {_span(f'{low:.0f}', f'{high:.0f}')} points or more in four "
        "cases of five"
    )
    if found.detectable[0] >= 1:
        text = "A study like this one finds no difference reliably"
    if found.detectable[1] <= MARGIN:
        return f"{text}."
    small = f"{100 * MARGIN:.0f} points"
    ways = []
    if found.photographs is not None:
        ways.append(f"{_numbers(found.photographs)} test photographs in place of {found.n_photographs}")
    if found.seeds is not None:
        ways.append(f"{_numbers(found.seeds)} seeds in place of {found.n_seeds}")
    if not ways:
        return f"{text}; for {small} it would take more photographs and more seeds together."
    only = ""
    if found.seeds is None:
        only = " (more seeds alone would not do)"
    elif found.photographs is None:
        only = " (more photographs alone would not do)"
    return f"{text}; for {small} it would take {' or '.join(ways)}{only}."


def _numbers(found: Range) -> str:
    """`about 12 to 60`; `12 or more` where in the unfavourable case no number suffices."""
    return f"{found.low:,} or more" if found.high is None else f"about {_span(f'{found.low:,}', f'{found.high:,}')}"


def _span(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"
