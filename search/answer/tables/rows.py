"""The tables of an answer, as texts: the same for the page, Markdown and the terminal."""

from __future__ import annotations

from search.answer.answer import Answer
from search.answer.levels import LevelAnswer
from search.answer.measure_table import CLASS_MEASURES, MEASURES
from search.answer.search_result import SearchAnswer, val_value, value_on
from search.answer.starts import measured_when, start_text
from search.answer.tables.cells import MISSING, OVER, difference, gap, learnt, pairs, verdict, with_interval
from search.answer.tables.confirmed import confirmed_table
from search.answer.tables.effects import effects_table
from search.answer.tables.rungs import rungs
from search.answer.tables.table import Table as Table
from search.answer.words.sentence import subject
from search.answer.words.wording import p_text, percent, points_text, word
from search.folder.record import TrialRecord
from search.study.deciding import DECIDING
from search.study.factorial import TIMES
from search.study.objectives import OBJECTIVES
from search.text import first_upper, shown
from trainer.probabilities import BINS


def tables(answer: Answer) -> list[Table]:
    """All of an answer's; empty before a trial has finished."""
    if answer.search is not None:
        return _of_search(answer, answer.search)
    if not any(level.trials for level in answer.levels):
        return []
    found = [accuracies(answer)]
    if any(level.differences for level in answer.levels):
        found.append(differences(answer))
    if answer.factorial is not None:
        found.append(effects_table(answer.recorded.study, answer.factorial))
    others = other_measures(answer)
    return [*found, starts(answer), *([others] if others else []), *classes(answer), costs(answer)]


def _of_search(answer: Answer, search: SearchAnswer) -> list[Table]:
    found = [_trials(answer, search)] if answer.recorded.finished else []
    if search.confirmed is not None and search.confirmed.candidates:
        found.insert(0, confirmed_table(search.confirmed, answer.recorded.study.measure_words))
    stopped = rungs(answer.recorded)
    return [*found, *([stopped] if stopped else [])]


def name_of(answer: Answer, level: LevelAnswer) -> str:
    """A level's name in a table."""
    return subject(answer.recorded.study).removeprefix("the ") if level.level is None else shown(level.level)


def accuracies(answer: Answer) -> Table:
    """Of the measure that decides: test, train, validation, and the gap."""
    rows = [
        (
            name_of(answer, level),
            *(with_interval(level.accuracy.get(split)) for split in ("test", "train", "val")),
            gap(level.gap),
            learnt(level),
        )
        for level in answer.levels
    ]
    columns = (
        head(answer),
        "test",
        "train",
        "validation",
        "gap",
        "learnt at seeds",
    )
    measure = first_upper(answer.recorded.study.measure_words)
    note = f"{measure} in per cent, the gap (training less testing) in points; 95 % intervals in brackets."
    config = answer.recorded.study.base_config()
    if config.epochs_after_start is not None or config.evaluate_last > 1:
        note += f" Measured {measured_when(config)}, in inference mode: without augmentation and dropout."
    else:
        note += " Measured after the last epoch in inference mode: without augmentation and dropout."
    if any(level.learning.learnt < level.learning.seeds for level in answer.levels):
        note += (
            " Only trainings that learnt count; at a level where none did, all of them do. Where few learn, they are a "
            "selection: the figures describe a training that learns, not one that is merely started."
        )
    if any(trial.config.train_on_validation for level in answer.levels for trial in level.trials):
        note += " The validation photographs were trained on: their accuracy says nothing about others."
    return Table("accuracies", f"{measure} by level", columns, tuple(rows), _reference(answer), note)


def other_measures(answer: Answer) -> Table | None:
    """The measures of the test images beside the one that decides, those that were taken."""
    study = answer.recorded.study
    names = [n for n in MEASURES if n != study.measure and any(n in level.measures for level in answer.levels)]
    if not names:
        return None
    rows = [(name_of(answer, level), *(measure_text(level, name) for name in names)) for level in answer.levels]
    columns = (head(answer), *(f"{MEASURES[name].words} (test)" for name in names))
    note = "Of the test images; shares of images in per cent; 95 % intervals in brackets. They decide nothing."
    if "ece" in names:
        note += f" Calibration error: expected, {BINS} bins; from few photographs it comes out too high."
    return Table("measures", "Other measures", columns, tuple(rows), _reference(answer), note)


def measure_text(level: LevelAnswer, name: str) -> str:
    """A measure of the test images, as text."""
    entry, estimate = MEASURES[name], level.measures.get(name)
    text = with_interval(estimate, share=entry.unit == "%")
    return text if entry.has_interval or estimate is None else text.partition(" ")[0]


def differences(answer: Answer) -> Table:
    """Rows of differences to the reference level."""
    rows, compared = [], []
    for level in answer.levels:
        if level.differences:
            found = level.differences["test"]
            others = [difference(level.differences[what].estimate) for what in ("train", "val", "gap")]
            p = p_text(found.p) if found.may_claim else MISSING
            at = [_look(answer, level)] if answer.course else []
            rows.append(
                (
                    name_of(answer, level),
                    difference(found.estimate),
                    p,
                    verdict(found),
                    *others,
                    str(pairs(level)),
                    *at,
                )
            )
            compared.append(level)
    look = ("look",) if answer.course else ()
    columns = (head(answer), "test", "p", "verdict", "train", "validation", "gap", "pairs", *look)
    marked = frozenset(i for i, level in enumerate(compared) if level.differences["test"].is_clear)
    margin = points_text(answer.recorded.study.margin)
    note = (
        "In points, paired by seed and photograph, over pairs in which both trainings learnt; 95 % intervals in "
        f"brackets, simultaneous over the levels. Only test {answer.recorded.study.measure_words} is decided on: p is "
        f'corrected for the number of levels (Holm), and "as well" means within {margin} (two one-sided tests). The '
        "other columns are descriptive. Highlighted: higher or lower than the reference level."
    )
    if answer.course:
        note += (
            " The look, by its replicates, is the one that the row is of; p and intervals hold at all looks at once."
        )
    return Table("differences", "Differences to the reference level", columns, tuple(rows), marked, note)


def starts(answer: Answer) -> Table:
    """At how many seeds each level learns, and when it starts."""
    rows = []
    for level in answer.levels:
        known, (low, high) = level.learning, level.learning.interval
        at = f"{known.learnt} of {known.seeds} ({100 * low:.0f}–{100 * high:.0f} %)" if known.seeds else MISSING
        at += f", {level.failed} failed" if level.failed else ""
        p = MISSING if level.start_p is None else p_text(level.start_p)
        rows.append((name_of(answer, level), at, start_text(known) or MISSING, *([p] if _compares(answer) else [])))
    columns = (head(answer), "learns at seeds", "starts in epoch", *(("p",) if _compares(answer) else ()))
    note = (
        "Of the seeds, with exact 95 % intervals of their share. Starts are median and range over seeds; > N: not in N "
        "epochs."
    )
    if _compares(answer):
        note += (
            " p: of starting as the reference level does (log-rank test, censored, corrected for the number of levels);"
            " it describes, and decides nothing."
        )
    return Table("starts", "Whether it learns, and when", columns, tuple(rows), _reference(answer), note)


def _look(answer: Answer, level: LevelAnswer) -> str:
    """When a level left, in words: `after 8`; `after 8, goes on`."""
    assert answer.course is not None
    goes_on = "" if level.level in answer.course.left else ", goes on"
    return f"after {answer.course.seen_at(level.level)}{goes_on}"


def classes(answer: Answer) -> list[Table]:
    """Recall by class, and the other measures of a class."""
    names = [name.capitalize() for name in answer.recorded.class_names]
    found = []
    for measure, entry in CLASS_MEASURES.items():
        if not any(measure in level.by_class for level in answer.levels):
            continue
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
        found.append(Table(key, title, (head(answer), *names), tuple(rows), _reference(answer), entry.explained))
    return found


def costs(answer: Answer) -> Table:
    """Rows of what each level costs: VRAM, parameters, time."""
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
    columns = (head(answer), *vram_columns, "parameters", "MFLOP per image", "training (s)", "images/s")
    note = "Means over seeds." + ("" if answer.vram_measured else " VRAM was not measured: no GPU.")
    return Table("costs", "What it costs", columns, tuple(rows), _reference(answer), note)


def _trials(answer: Answer, search: SearchAnswer, limit: int = 15) -> Table:
    study, words = answer.recorded.study, answer.recorded.study.measure_words
    on_front = {record.number for record in search.front}
    done = sorted(answer.recorded.searched, key=lambda record: (-val_value(record, study.measure), record.number))
    chosen = [r for place, r in enumerate(done) if place < limit or r.number in on_front or r is search.reference]
    rows = [_trial(record, answer, search) for record in chosen]
    columns = (
        "trial",
        *(word(name) for name in study.scientific),
        *("validation", "test", "train", *(OBJECTIVES[name].axis for name in _costs_of(answer, search))),
    )
    marked = frozenset(i for i, record in enumerate(chosen) if record.number in on_front)
    note = (
        f"The best by validation {words}, the Pareto front (highlighted) and the reference model. Each trial is a "
        f"single training, so its test {words} includes the luck of its seed; it played no part in the choice."
    )
    return Table("trials", "Best trials", columns, tuple(rows), marked, note)


def _trial(record: TrialRecord, answer: Answer, search: SearchAnswer) -> tuple[str, ...]:
    end, study = record.finished, answer.recorded.study
    assert end is not None
    notes = ["reference"] if record is search.reference else []
    notes += [] if answer.recorded.keeps(record) else [OVER]
    costs = [(OBJECTIVES[name], value_on(record, name)) for name in _costs_of(answer, search)]
    return (
        str(record.number) + (f" ({', '.join(notes)})" if notes else ""),
        *(shown(record.params[name]) if name in record.params else MISSING for name in study.scientific),
        *(percent(DECIDING[study.measure].of(end.splits[split])) for split in ("val", "test", "train")),
        *(MISSING if value is None else cost.shown(value).removesuffix(f" {cost.unit}") for cost, value in costs),
    )


def _costs_of(answer: Answer, search: SearchAnswer) -> list[str]:
    """What a table of trials has beside accuracies: what was looked for or limited, the parameters, the time."""
    wanted = {search.cost, *search.axes, *answer.recorded.study.constraints, "parameters", "train_s"}
    return [name for name in OBJECTIVES if name in wanted and name != f"val_{answer.recorded.study.measure}"]


def head(answer: Answer) -> str:
    """What the rows of a table by level are of: `pooling`, `pooling x dropout`."""
    return TIMES.join(map(word, answer.recorded.study.factors)) or "model"


def _compares(answer: Answer) -> bool:
    return any(level.start_p is not None for level in answer.levels)


def _reference(answer: Answer) -> frozenset[int]:
    return frozenset(i for i, level in enumerate(answer.levels) if level.is_reference and len(answer.levels) > 1)


def _number(spread: object) -> str:
    mean = getattr(spread, "mean", None)
    return MISSING if mean is None else f"{mean:,.0f}"
