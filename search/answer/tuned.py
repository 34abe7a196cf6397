"""Levels at learning rates of their own, cross-fitted: no level is measured on the trainings that chose its rate.

The best of several rates was lucky, too: whoever chooses it and measures it by the same trainings finds more than it
holds (benchmarks/tuned.py). So the replicates are two halves, by turns. Each half chooses a rate for each level, the
one of the best mean validation result over its replicates, and the other half measures at that rate. The answer rests
on the measurements of both halves, a training for each replicate (Chernozhukov et al. 2018, "Double/Debiased Machine
Learning for Treatment and Structural Parameters", The Econometrics Journal 21, C1-C68, section 3). What it is about is
the level with its rate chosen by half as many replicates.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from search.folder.record import TrialRecord
from search.study import Study
from search.study.deciding import DECIDING
from search.study.factorial import cell_name, cells
from search.study.space import ParamValue
from search.study.tune import RATE

HALVES = (0, 1)  # of the replicates: even ones and odd ones, each over the folds in turn


@dataclass(frozen=True)
class CrossFit:
    """Which trainings measure the levels of a study.

    Attributes:
        records: a training for each replicate of each level, at the rate that the other half chose; those of a half
            whose rate is not chosen yet are left out. A combination of two crossed parameters is a level, by its name.
        rates: by level, the rate at which each half is measured; None where it is not chosen yet.
        by_rate: by level and rate, every training that has finished.
    """

    records: tuple[TrialRecord, ...]
    rates: Mapping[ParamValue, tuple[float | None, ...]]
    by_rate: Mapping[tuple[ParamValue, float], tuple[TrialRecord, ...]]


def half_of(record: TrialRecord) -> int:
    """Which half a replicate is in."""
    return record.config.seed % len(HALVES)


def cross_fitted(study: Study, records: Iterable[TrialRecord]) -> CrossFit:
    """The trainings that measure, of a study with `tune`."""
    replicates = [record for record in records if record.role == "replicate"]
    rates: dict[ParamValue, tuple[float | None, ...]] = {}
    measured: list[TrialRecord] = []
    by_rate: dict[tuple[ParamValue, float], tuple[TrialRecord, ...]] = {}
    for cell in cells(study):
        level = cell_name(cell)
        assert level is not None
        mine = [record for record in replicates if all(record.params[name] == value for name, value in cell.items())]
        chosen = {half: _chosen(study, [record for record in mine if half_of(record) == half]) for half in HALVES}
        rates[level] = tuple(chosen[1 - half] for half in HALVES)
        measured += [record for record in mine if record.params[RATE] == rates[level][half_of(record)]]
        for rate in study.rates:
            by_rate[level, rate] = tuple(r for r in mine if r.params[RATE] == rate and r.finished)
    return CrossFit(tuple(measured), rates, by_rate)


def _chosen(study: Study, records: Sequence[TrialRecord]) -> float | None:
    """The rate of the best mean validation result over the replicates that are over at all rates; of equals the one
    next to the reference's. None where no replicate is over at all of them. A training that failed counts 0.
    """
    of = DECIDING[study.measure].of
    over = [r for r in records if r.terminal]
    scores = {(r.params[RATE], r.config.seed): of(r.finished.splits["val"]) if r.finished else 0.0 for r in over}
    seeds = {seed for _, seed in scores}
    common = [seed for seed in seeds if all((rate, seed) in scores for rate in study.rates)]
    if not common:
        return None
    middle = study.rates[len(study.rates) // 2]
    by_closeness = sorted(study.rates, key=lambda rate: max(rate / middle, middle / rate))
    return max(by_closeness, key=lambda rate: statistics.fmean(scores[rate, seed] for seed in common))


def level_words(study: Study) -> dict[ParamValue, str]:
    """What each level is called: `average pooling`; of a combination `average pooling and dropout 0.5`."""
    from search.answer.words.wording import listed, named

    found = {}
    for cell in cells(study):
        name = cell_name(cell)
        assert name is not None
        found[name] = listed([named(factor, level) for factor, level in cell.items()])
    return found


def tuned_text(study: Study, found: CrossFit) -> str:
    """Which rate each level got in each half."""
    from search.answer.words.wording import listed
    from search.text import shown

    words, parts = level_words(study), []
    for level, rates in found.rates.items():
        known = [shown(rate) if rate is not None else "not chosen yet" for rate in rates]
        got = (
            f"{known[0]} in both halves" if known[0] == known[1] else f"{known[0]} in one half, {known[1]} in the other"
        )
        parts.append(f"{words[level]} {got}")
    each = "level" if study.factor else "combination"
    grid = listed([shown(rate) for rate in study.rates], "or")
    return (
        f"The learning rate, {grid}, was chosen for each {each} by validation {study.measure_words} in one half of the "
        f"replicates and measured in the other, then the other way round: {'; '.join(parts)}."
    )
