"""Levels compared: each level's accuracies, costs, and its differences to the reference level."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from search.answer.intervals import Estimate
from search.answer.measure_table import CLASS_MEASURES, MEASURES
from search.answer.measures import Measure, Predictions, accuracy
from search.answer.simultaneous import Difference, decided
from search.folder.record import TrialRecord
from search.study import Study
from search.study.space import ParamValue
from trainer.events import Failed, Finished, SplitName

SPLITS: tuple[SplitName, ...] = ("train", "val", "test")
Compared = Literal["train", "val", "test", "gap"]
COMPARED: tuple[Compared, ...] = ("train", "val", "test", "gap")


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation over seeds; the latter is None for one seed."""

    mean: float
    sd: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """The spread of these values; None where there are none."""
        if not values:
            return None
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


@dataclass(frozen=True)
class LevelAnswer:
    """One level. Estimates are None where no trial has finished.

    Attributes:
        level: the factor's value; None for the reference model alone.
        is_reference: whether the others are compared with it.
        trials: those finished, by seed.
        failures: how many ended otherwise, by the kind of failure (a `FailureKind`, or `stopped`).
        accuracy: by split.
        gap: training less testing accuracy.
        measures: on the test images, by the names of `MEASURES`.
        by_class: on the test images, by the names of `CLASS_MEASURES`, a class each; None for a class without images.
        differences: to the reference level; those of the reference level are empty.
    """

    level: ParamValue | None
    is_reference: bool
    trials: tuple[TrialRecord, ...]
    failures: Mapping[str, int] = field(default_factory=dict)
    accuracy: dict[SplitName, Estimate] = field(default_factory=dict)
    gap: Estimate | None = None
    measures: Mapping[str, Estimate] = field(default_factory=dict)
    by_class: Mapping[str, tuple[Estimate | None, ...]] = field(default_factory=dict)
    differences: dict[Compared, Difference] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """How many of its trials did not finish."""
        return sum(self.failures.values())

    def cost(self, measure: Callable[[Finished], float | None]) -> Spread | None:
        """Of a cost over the seeds; None where it was not measured."""
        found = [measure(trial.finished) for trial in self.trials if trial.finished]
        return Spread.of([value for value in found if value is not None])

    @property
    def parameters(self) -> Spread | None:
        """How many parameters the model has."""
        return self.cost(lambda end: end.parameters)

    @property
    def vram_mib(self) -> Spread | None:
        """The peak of the GPU memory allocator, in MiB."""
        return self.cost(lambda end: end.vram_peak_mib)

    @property
    def train_s(self) -> Spread | None:
        """How many seconds a training took."""
        return self.cost(lambda end: end.train_s)


def compare(study: Study, records: Iterable[TrialRecord]) -> list[LevelAnswer]:
    """Every level, in the study's order. A reference study has one, whose level is None."""
    replicates = [record for record in records if record.role == "replicate"]
    found = []
    for level in study.levels or (None,):
        mine = [r for r in replicates if study.factor is None or r.params[study.factor] == level]
        done = tuple(sorted((r for r in mine if r.finished), key=lambda r: r.config.seed))
        lost = [r.terminal for r in mine if r.terminal is not None and not r.finished]
        failures = Counter(end.kind if isinstance(end, Failed) else "stopped" for end in lost)
        found.append(_measured(LevelAnswer(level, level == study.reference, done, failures)))
    return _with_differences(found)


def _measured(level: LevelAnswer) -> LevelAnswer:
    if not level.trials:
        return level
    measures = _measures(level.trials)
    test = Predictions.of(level.trials, "test")
    labels = range(test.counts.shape[-1])
    by_class = {name: [entry.of(test, label) for label in labels] for name, entry in CLASS_MEASURES.items()}
    return replace(
        level,
        accuracy={split: measures[split].share() for split in SPLITS},
        gap=measures["gap"].difference(),
        measures={name: entry.estimate(test) for name, entry in MEASURES.items()},
        by_class={
            name: tuple(measure.share() if measure else None for measure in found) for name, found in by_class.items()
        },
    )


def _measures(trials: Sequence[TrialRecord]) -> dict[Compared, Measure]:
    splits = {split: accuracy(Predictions.of(trials, split)) for split in SPLITS}
    gap = splits["train"].minus(splits["test"])
    return {"train": splits["train"], "val": splits["val"], "test": splits["test"], "gap": gap}


def _with_differences(levels: list[LevelAnswer]) -> list[LevelAnswer]:
    reference = next((level for level in levels if level.is_reference), None)
    if reference is None or not reference.trials:
        return levels
    raw: dict[int, dict[Compared, Estimate]] = {}
    for place, level in enumerate(levels):
        if level is not reference and (pair := paired(level.trials, reference.trials)):
            raw[place] = pair
    levels = list(levels)
    together = {what: decided([pair[what] for pair in raw.values()]) for what in COMPARED}
    for rank, place in enumerate(raw):
        levels[place] = replace(levels[place], differences={what: together[what][rank] for what in COMPARED})
    return levels


def paired(trials: Sequence[TrialRecord], others: Sequence[TrialRecord]) -> dict[Compared, Estimate]:
    """The differences of `trials` less `others` at the seeds that both have; empty where there is none."""
    seeds = {t.config.seed for t in trials} & {t.config.seed for t in others}
    if not seeds:
        return {}
    mine, theirs = (_measures([t for t in group if t.config.seed in seeds]) for group in (trials, others))
    return {what: mine[what].minus(theirs[what]).difference(_room(theirs[what], what)) for what in COMPARED}


def _room(reference: Measure, what: Compared) -> tuple[float, float]:
    """The least and greatest difference to a reference level's figure: accuracies end at 0 and 1, gaps at -1 and 1."""
    value = float(reference.by_seed.mean())
    return (-1.0 if what == "gap" else 0.0) - value, 1.0 - value


def chance_of(trial: TrialRecord) -> float:
    """The training accuracy of a model that learnt nothing but which class is the most frequent."""
    if trial.finished is None:
        return math.nan
    totals = [sum(row) for row in trial.finished.splits["train"].confusion]
    return max(max(totals) / max(sum(totals), 1), 1 / len(totals))
