"""The answer to a question in plain English, made from the numbers; it claims nothing that they do not show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from search.answer.levels import LevelAnswer, Spread
from search.answer.statistics.planning import effort
from search.answer.statistics.simultaneous import SEEDS_TO_CLAIM
from search.answer.words.advice import what_it_takes
from search.answer.words.unequal import advice, trained_to, what_may_help
from search.answer.words.verdicts import (
    compared,
    condition,
    described,
    disagreeing,
    learning,
    opening,
    paragraph,
    seeds_learnt,
    simplified,
    starting,
    unranked,
    values,
    where_learnt,
)
from search.answer.words.wording import combined, count, difference_text, listed, named, named_all, points, share_text
from search.folder.load import StoredStudy
from search.study import Study
from search.study.deciding import DEFAULT
from search.text import first_upper
from trainer.clock import last_start
from trainer.config import default_of

# Settings of a training that leave the reference model what it is.
CIRCUMSTANCES = {
    "epochs",
    "batch_size",
    "image_height",
    "image_width",
    "train_on_validation",
    "early_stopping_patience",
    "epochs_after_start",
    "evaluate_last",
}

FAILED = {
    "not_finite": "diverged",
    "out_of_memory": "ran out of memory",
    "data": "without images",
    "disk": "without disk space",
    "config": "refused",
    "error": "crashed",
    "stopped": "stopped",
}


class Words(NamedTuple):
    """An answer in words.

    Attributes:
        headline: which levels learn, and the effect on the test images where they do; or why there is no answer.
        details: sentences on the reference level, training accuracy, the gap, the costs, and what would tell more.
        ranks: whether any level was compared with the reference level.
    """

    headline: str
    details: tuple[str, ...] = ()
    ranks: bool = False


def words(study: Study, levels: Sequence[LevelAnswer]) -> Words:
    """The answer of a question, or of the reference study."""
    reference = next((level for level in levels if level.is_reference), None)
    gone = lost(study, [level for level in levels if level.failed])
    rest = (gone,) if gone else ()
    if reference is None or not reference.trials:
        if reference is not None and reference.failed >= study.seeds:
            who = f"with {called(study, reference)}, the reference," if study.factors else "that was begun"
            return Words(f"No answer: every training {who} failed, so there is nothing to compare.", rest)
        return Words("No answer yet: no trial at the reference level has finished.", rest)
    if not reference.learning.learnt:
        return nothing_learnt(study, reference, rest)
    if study.factor is None:
        return _alone(study, reference, rest)
    others = [level for level in levels if level.differences]
    learns = learning(study, levels)
    headline = [] if all(level.learning.learnt == level.learning.seeds for level in levels) else [learns]
    details = [gone, *(() if headline else (learns,)), _at_reference(study, reference)]
    simpler, told = simplified(study, reference, others) if study.factor == "depth" else ("", ())
    said = compared(study, reference, [level for level in others if level not in told])
    headline += [simpler] if simpler else [said]
    details += [said] if simpler else []
    headline.append(where_learnt(study, levels))
    if not others:
        headline.append(_nothing_compared(reference, levels))
    details.append(unranked(study, levels))
    details.append(_pairs(study, levels, others))
    n_seeds = max((level.differences["test"].estimate.n_seeds for level in others), default=0)
    details.append(disagreeing(study, others))
    if n_seeds >= SEEDS_TO_CLAIM:
        details.append(described(study, others))
    details.append(starting(study, levels))
    trained = [level for level in levels if level.trials and level is not reference]
    details.append(_costs(study.factor, reference, trained))
    unclear = [level for level in others if level.differences["test"].verdict in ("cannot tell", "too few seeds")]
    if unclear:
        found = effort([level.differences["test"].estimate for level in unclear], len(others), study.margin)
        details.append(what_it_takes(found, n_seeds, study.margin, max(len(level.trials) for level in levels)))
    details.append(advice(study, levels))
    return Words(paragraph(study, headline), tuple(filter(None, details)), ranks=bool(others))


def nothing_learnt(study: Study, reference: LevelAnswer, rest: tuple[str, ...]) -> Words:
    """The answer where nothing was learnt.

    Args:
        study: a question, or the reference study.
        reference: the level, or the combination, that the sentence is about.
        rest: further sentences.
    """
    where, epochs = condition(study), count(last_start(reference.trials[0].config), "epoch")
    unranked = ", so differences between levels mean nothing and none is ranked" if study.factors else ""
    return Words(
        f"No answer: {subject(study)} did not learn in {epochs}{f' {where}' if where else ''} at any of its "
        f"{count(reference.learning.seeds, 'seed')} ({trained_to(reference)}){unranked}. {what_may_help(reference)}",
        rest,
    )


def _alone(study: Study, reference: LevelAnswer, rest: tuple[str, ...]) -> Words:
    """The sentence of a study without levels."""
    train, test = (share_text(reference.accuracy[split]) for split in ("train", "test"))
    whole = reference.learning.learnt == reference.learning.seeds
    joined = " and" if whole else "; where it learns, it"
    how = f"classifies {train} of the training images and {test} of the test images correctly"
    if study.measure != DEFAULT:
        how = f"has a {study.measure_words} of {train} on training and {test} on testing"
    return Words(
        f"{first_upper(subject(study))} learns {seeds_learnt(reference)}{joined} {how}.",
        (*rest, *filter(None, [_gap_alone(reference), starting(study, [reference]), advice(study, [reference])])),
    )


def subject(study: Study) -> str:
    """What a study without levels trains."""
    own = study.fixed.get("model", "reference")
    if own != "reference":
        return f"the model of {str(own).partition(':')[0]}"
    changed = [n for n, value in study.fixed.items() if n not in CIRCUMSTANCES and value != default_of(n)]
    return "this configuration" if changed and not study.factors else "the reference model"


def called(study: Study, level: LevelAnswer) -> str:
    """A level in words, as `max pooling`, or a combination, as `max pooling with dropout 0.5`; in a study without
    levels what is trained: `the reference model`.
    """
    return combined(level.cell) if study.factors else subject(study)


def _at_reference(study: Study, reference: LevelAnswer) -> str:
    where = condition(study)
    start = f"{first_upper(where)} and with" if where else "With"
    gap = points(reference.gap.value if reference.gap else 0).lstrip("+")
    return (
        f"{start} {named(study.factor, reference.level)}, the reference, training {study.measure_words} is "
        f"{share_text(reference.accuracy['train'])} and test {study.measure_words} "
        f"{share_text(reference.accuracy['test'])}, a gap of {gap} points."
    )


def _nothing_compared(reference: LevelAnswer, levels: Sequence[LevelAnswer]) -> str:
    """Why no level has a difference."""
    trained = [level for level in levels if level.trials and level is not reference]
    if not trained:
        return "There is nothing yet to compare it with."
    if reference.learning.is_reliable and any(level.learning.is_reliable for level in trained):
        return (
            "No level is compared with another: one seed is too few to separate an effect from the luck of the seed. "
            f"Run at least {SEEDS_TO_CLAIM} seeds."
        )
    return ""


def _pairs(study: Study, levels: Sequence[LevelAnswer], others: Sequence[LevelAnswer]) -> str:
    """How many replicates the differences rest on, where some did not learn."""
    if not others or all(level.learning.learnt == level.learning.seeds for level in levels):
        return ""
    parts = [
        f"{level.differences['test'].estimate.n_seeds} with {named(study.factor, level.level)}" for level in others
    ]
    few = [level for level in others if not level.differences["test"].may_claim]
    rule = f" Fewer than {SEEDS_TO_CLAIM} decide nothing." if few else ""
    return first_upper(
        f"{opening(study)}accuracies are of the trainings that learnt; levels are compared at the "
        f"seeds where both learnt: {listed(parts)}.{rule}"
    )


def prefix(recorded: StoredStudy) -> str:
    """How far a study is that is not over: `So far (7 of 18 trials): `."""
    return "" if recorded.is_over else f"So far ({recorded.progress}): "


def lost(study: Study, levels: Sequence[LevelAnswer]) -> str:
    """Trainings that did not finish: they are no accident of the record, but what a level does."""
    parts = []
    for level in levels:
        total = level.failed + len(level.trials)
        how = listed([f"{n} {FAILED[kind]}" for kind, n in level.failures.items()])
        who = combined(level.cell) if level.cell else named(None, None)
        parts.append(f"{level.failed} of {total} with {who} ({how})")
    if not parts:
        return ""
    rest = "; the results are those of the others" if any(level.trials for level in levels) else ""
    where = condition(study)
    return f"Failed trainings{f' {where}' if where else ''}: {listed(parts)}{rest}."


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
            against = named_all(factor, values([level for level, _ in changed]), notes=figures)
            told.append(f"{name} {base.mean:,.0f}{unit} at the reference, with {against}")
        else:
            same.append(name)
    differ = f"{listed(same)} {'differs' if same in (['VRAM'], ['training time']) else 'differ'} little" if same else ""
    text = "; ".join([*told, *([differ] if differ else [])])
    return f"Cost: {text}." if told else f"{text[:1].upper()}{text[1:]}." if text else ""
