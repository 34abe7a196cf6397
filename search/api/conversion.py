"""Makes a `StudyAnswer` of what `search.answer` computes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from search.answer import Answer
from search.answer.learning import start_of
from search.answer.levels import LevelAnswer
from search.answer.measure_table import MEASURES
from search.answer.statistics.intervals import Estimate
from search.answer.statistics.simultaneous import Difference
from search.api.answer import StudyAnswer
from search.api.results import EffectResult, Interval, LevelDifference, LevelResult, MeanCost, Value
from search.api.tables import COSTS
from search.pages.publish import PAGE


def study_answer(answer: Answer, problems: Sequence[str] = ()) -> StudyAnswer:
    """The answer as plain data.

    Args:
        answer: of a study that lies in a folder.
        problems: what could not be recorded, a sentence each.

    Raises:
        ValueError: the study lies in no folder.
    """
    recorded = answer.recorded
    if recorded.folder is None:
        raise ValueError(f"the study {recorded.name} lies in no folder")
    page = recorded.folder / PAGE
    return StudyAnswer(
        name=recorded.name,
        question=recorded.study.question,
        kind=recorded.study.kind,
        factor=recorded.study.factor,
        measure=recorded.study.measure,
        sentence=answer.sentence,
        caveats=tuple(answer.caveats),
        is_demo=answer.is_demo,
        trials=recorded.total,
        trials_over=recorded.over,
        levels=tuple(_level(level, recorded.class_names) for level in answer.levels),
        best_params=_best_params(answer),
        class_names=recorded.class_names,
        folder=recorded.folder,
        page=page if page.exists() else None,
        problems=tuple(problems),
        factors=recorded.study.factors,
        effects=tuple(
            EffectResult(dict(effect.levels), {what: _difference(one) for what, one in effect.differences.items()})
            for effect in (answer.factorial.effects if answer.factorial else ())
        ),
        _records=tuple(recorded.records),
    )


def _best_params(answer: Answer) -> Mapping[str, Value] | None:
    if answer.search is not None:
        best = answer.search.recommended
        return dict(best.params) if best is not None and answer.search.words.ranks else None
    return dict(answer.best.cell) if answer.best is not None and answer.best.cell else None


def _level(level: LevelAnswer, class_names: Sequence[str]) -> LevelResult:
    starts = [(trial.config.seed, start) for trial in level.trials if (start := start_of(trial)) is not None]
    costs = {name: level.cost(measure) for name, measure in COSTS.items()}
    return LevelResult(
        level=level.level,
        is_reference=level.is_reference,
        seeds=tuple(trial.config.seed for trial in level.trials),
        learnt_seeds=tuple(seed for seed, _ in starts),
        start_epochs=tuple(start for _, start in starts),
        failures=dict(level.failures),
        accuracy={split: _interval(estimate) for split, estimate in level.accuracy.items()},
        gap=_interval(level.gap) if level.gap else None,
        measures={name: _measure(name, estimate) for name, estimate in level.measures.items()},
        by_class={
            name: {label: _interval(one) for label, one in zip(class_names, found, strict=True) if one is not None}
            for name, found in level.by_class.items()
        },
        differences={what: _difference(one) for what, one in level.differences.items()},
        costs={name: MeanCost(cost.mean, cost.sd, cost.n) for name, cost in costs.items() if cost is not None},
        combination=dict(level.cell),
    )


def _measure(name: str, estimate: Estimate) -> Interval:
    found = _interval(estimate)
    return found if MEASURES[name].has_interval else replace(found, low=math.nan, high=math.nan)


def _interval(estimate: Estimate) -> Interval:
    return Interval(estimate.value, estimate.low, estimate.high, tuple(estimate.by_seed))


def _difference(difference: Difference) -> LevelDifference:
    estimate = difference.estimate
    return LevelDifference(
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        p=difference.p,
        p_equivalent=difference.p_equivalent,
        p_non_inferior=difference.p_non_inferior,
        margin=difference.margin,
        verdict=difference.verdict,
        n_pairs=estimate.n_seeds,
    )
