"""The tables of an answer, as texts: the same for the page, Markdown and the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from search.answer.answer import Answer
from search.answer.levels import LevelAnswer
from search.answer.measure_table import CLASS_MEASURES, MEASURES
from search.answer.search_result import SearchAnswer, price, val_accuracy
from search.answer.statistics.intervals import Estimate
from search.answer.statistics.simultaneous import Difference
from search.answer.words.sentence import subject
from search.answer.words.wording import p_text, percent, points, points_text, word
from search.folder.record import TrialRecord
from search.text import shown

MISSING = "–"


@dataclass(frozen=True)
class Table:
    """Texts in rows.

    Attributes:
        key: names it.
        title: above it.
        columns: heads; the first is of the rows' names.
        rows: as many texts as there are columns.
        marked: rows to set off: the reference level, the Pareto front.
        note: below it.
    """

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = field(default_factory=frozenset)
    note: str = ""


def tables(answer: Answer) -> list[Table]:
    """All of an answer's; empty before a trial has finished."""
    if answer.search is not None:
        return [_trials(answer, answer.search)] if answer.recorded.finished else []
    if not any(level.trials for level in answer.levels):
        return []
    found = [accuracies(answer)]
    if any(level.differences for level in answer.levels):
        found.append(differences(answer))
    return [*found, *classes(answer), costs(answer)]


def name_of(answer: Answer, level: LevelAnswer) -> str:
    """A level's name in a table."""
    return subject(answer.recorded.study).removeprefix("the ") if level.level is None else shown(level.level)


def accuracies(answer: Answer) -> Table:
    """Train, validation and test accuracy, gap, and the other measures."""
    rows = [
        (
            name_of(answer, level),
            *(with_interval(level.accuracy.get(split)) for split in ("test", "train", "val")),
            gap(level.gap),
            *other_measures(level),
            learnt(level),
        )
        for level in answer.levels
    ]
    columns = (
        _head(answer),
        "test",
        "train",
        "validation",
        "gap",
        *(f"{words} (test)" for words in other_words()),
        "learnt at seeds",
    )
    note = "Accuracies in per cent, the gap (training less testing) in points; 95 % intervals in brackets."
    if any(level.learning.learnt < level.learning.seeds for level in answer.levels):
        note += (
            " Only trainings that learnt count; at a level where none did, all of them do. Where few learn, they are a "
            "selection: the figures describe a training that learns, not one that is merely started."
        )
    if any(trial.config.train_on_validation for level in answer.levels for trial in level.trials):
        note += " The validation photographs were trained on: their accuracy says nothing about others."
    return Table("accuracies", "Accuracy by level", columns, tuple(rows), _reference(answer), note)


def other_words() -> list[str]:
    """What the measures beside accuracy are called."""
    return [entry.words for name, entry in MEASURES.items() if name != "accuracy"]


def other_measures(level: LevelAnswer) -> list[str]:
    """The measures of the test images beside accuracy, as texts with intervals."""
    others = [(name, entry) for name, entry in MEASURES.items() if name != "accuracy"]
    return [with_interval(level.measures.get(name), share=entry.unit == "%") for name, entry in others]


def differences(answer: Answer) -> Table:
    """To the reference level."""
    rows, compared = [], []
    for level in answer.levels:
        if level.differences:
            found = level.differences["test"]
            others = [difference(level.differences[what].estimate) for what in ("train", "val", "gap")]
            p = p_text(found.p) if found.may_claim else MISSING
            rows.append(
                (
                    name_of(answer, level),
                    difference(found.estimate),
                    p,
                    verdict(found),
                    *others,
                    str(pairs(level)),
                )
            )
            compared.append(level)
    columns = (_head(answer), "test", "p", "verdict", "train", "validation", "gap", "pairs")
    marked = frozenset(i for i, level in enumerate(compared) if level.differences["test"].is_clear)
    note = (
        "In points, paired by seed and photograph, over pairs in which both trainings learnt; 95 % intervals in "
        "brackets, simultaneous over the levels. Only test accuracy is decided on: p is corrected for the number of "
        f'levels (Holm), and "as well" means within {points_text(answer.recorded.study.margin)} (two one-sided '
        "tests). The other columns are descriptive. Highlighted: higher or lower than the reference level."
    )
    return Table("differences", "Differences to the reference level", columns, tuple(rows), marked, note)


def classes(answer: Answer) -> list[Table]:
    """Recall by class, and the other measures of a class."""
    names = [name.capitalize() for name in answer.recorded.class_names]
    found = []
    for measure, entry in CLASS_MEASURES.items():
        rows = []
        for level in answer.levels:
            estimates = level.by_class.get(measure, ())
            rows.append(
                (
                    name_of(answer, level),
                    *([with_interval(e) for e in estimates] or [MISSING] * len(names)),
                )
            )
        key = "classes" if measure == next(iter(CLASS_MEASURES)) else f"classes_{measure}"
        title = f"{entry.words[:1].upper()}{entry.words[1:]} by class"
        found.append(Table(key, title, (_head(answer), *names), tuple(rows), _reference(answer), entry.explained))
    return found


def costs(answer: Answer) -> Table:
    """VRAM, parameters, time."""
    rows = []
    for level in answer.levels:
        process = level.cost(lambda end: end.vram_process_mib)
        flops = level.cost(lambda end: end.flops_per_image)
        speed = level.cost(lambda end: end.images_per_s)
        vram, parameters, seconds = level.vram_mib, level.parameters, level.train_s
        rows.append(
            (
                name_of(answer, level),
                *([_number(vram), _number(process)] if answer.vram_measured else []),
                _number(parameters),
                f"{flops.mean / 1e6:,.1f}" if flops else MISSING,
                _number(seconds),
                _number(speed),
            )
        )
    vram_columns = ("peak VRAM (MiB)", "whole process (MiB)") if answer.vram_measured else ()
    columns = (_head(answer), *vram_columns, "parameters", "MFLOP per image", "training (s)", "images/s")
    note = "Means over seeds." + ("" if answer.vram_measured else " VRAM was not measured: no GPU.")
    return Table("costs", "What it costs", columns, tuple(rows), _reference(answer), note)


def _trials(answer: Answer, search: SearchAnswer, limit: int = 15) -> Table:
    study = answer.recorded.study
    on_front = {record.number for record in search.front}
    done = sorted(answer.recorded.finished, key=lambda record: (-val_accuracy(record), record.number))
    chosen = [r for place, r in enumerate(done) if place < limit or r.number in on_front or r is search.reference]
    rows = [_trial(record, tuple(study.scientific), search) for record in chosen]
    vram = ("peak VRAM (MiB)",) if search.cost == "vram_peak_mib" else ()
    columns = (
        "trial",
        *(word(name) for name in study.scientific),
        *("validation", "test", "train", *vram, "parameters", "training (s)"),
    )
    marked = frozenset(i for i, record in enumerate(chosen) if record.number in on_front)
    note = (
        "The best by validation accuracy, the Pareto front (highlighted) and the reference model. Each trial is a "
        "single training, so its test accuracy includes the luck of its seed; it played no part in the choice."
    )
    return Table("trials", "Best trials", columns, tuple(rows), marked, note)


def _trial(record: TrialRecord, names: Sequence[str], search: SearchAnswer) -> tuple[str, ...]:
    end = record.finished
    assert end is not None
    vram = price(record, "vram_peak_mib")
    return (
        str(record.number) + (" (reference)" if record is search.reference else ""),
        *(shown(record.params[name]) for name in names),
        *(percent(end.splits[split].accuracy) for split in ("val", "test", "train")),
        *([f"{vram:,.0f}" if vram is not None else MISSING] if search.cost == "vram_peak_mib" else []),
        f"{end.parameters:,}",
        f"{end.train_s:,.0f}",
    )


def learnt(level: LevelAnswer) -> str:
    """At how many seeds it learns, and how many trainings failed: `3 of 5`, `5 of 5 (1 failed)`."""
    failed = f" ({level.failed} failed)" if level.failed else ""
    return f"{level.learning.learnt} of {level.learning.seeds}{failed}"


def pairs(level: LevelAnswer) -> int:
    """At how many seeds it is compared with the reference level."""
    return level.differences["test"].estimate.n_seeds


def verdict(found: Difference) -> str:
    """In a table: `as well`, `cannot tell`."""
    return "as well" if found.verdict == "equivalent" else found.verdict


def with_interval(estimate: Estimate | None, *, share: bool = True) -> str:
    """`48.9 (41–57)`; of a figure that is no share of images, `0.489 (0.41–0.57)`."""
    if estimate is None:
        return MISSING
    if share:
        return f"{100 * estimate.value:.1f} ({100 * estimate.low:.0f}–{100 * estimate.high:.0f})"
    return f"{estimate.value:.3f} ({estimate.low:.2f}–{estimate.high:.2f})"


def gap(estimate: Estimate | None) -> str:
    """`11.9 (7 to 17)`."""
    return MISSING if estimate is None else difference(estimate).replace("+", "")


def difference(estimate: Estimate) -> str:
    """`−23.5 (−31 to −16)`."""
    return f"{points(estimate.value)} ({points(estimate.low, 0)} to {points(estimate.high, 0)})"


def _head(answer: Answer) -> str:
    factor = answer.recorded.study.factor
    return word(factor) if factor else "model"


def _reference(answer: Answer) -> frozenset[int]:
    return frozenset(i for i, level in enumerate(answer.levels) if level.is_reference and len(answer.levels) > 1)


def _number(spread: object) -> str:
    mean = getattr(spread, "mean", None)
    return MISSING if mean is None else f"{mean:,.0f}"
