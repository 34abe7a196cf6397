"""Levels compared: at how many seeds each learns, how accurate it is where it learnt, its costs, and its differences to
the reference level.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from search.answer.learning import Learning, has_learnt
from search.answer.measure_table import CLASS_MEASURES, MEASURES
from search.answer.measures import Measure, Predictions, accuracy
from search.answer.statistics.intervals import Estimate
from search.answer.statistics.simultaneous import SEEDS_TO_CLAIM, SIGNIFICANT, Difference, decided, holm
from search.folder.record import TrialRecord
from search.study import Study
from search.study.space import ParamValue
from trainer.events import Failed, Finished, SplitName

SPLITS: tuple[SplitName, ...] = ("train", "val", "test")
Compared = Literal["train", "val", "test", "gap"]
COMPARED: tuple[Compared, ...] = ("train", "val", "test", "gap")
SEEDS_TO_COMPARE = 2


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
        measured: those of them that figures of accuracy are of: the trials that learnt; all where none did.
        learning: at how many seeds it learns.
        failures: how many ended otherwise, by the kind of failure (a `FailureKind`, or `stopped`).
        accuracy: by split.
        gap: training less testing accuracy.
        measures: on the test images, by the names of `MEASURES`.
        by_class: on the test images, by the names of `CLASS_MEASURES`, a class each; None for a class without images.
        differences: to the reference level, at the seeds where both learnt; empty for the reference level, where the
            two have fewer than two such seeds, and where one of the two learns too rarely to be ranked.
        disagrees: whether validation and test differ in sign by more than chance explains.
    """

    level: ParamValue | None
    is_reference: bool
    trials: tuple[TrialRecord, ...]
    measured: tuple[TrialRecord, ...] = ()
    learning: Learning = field(default_factory=Learning)
    failures: Mapping[str, int] = field(default_factory=dict)
    accuracy: dict[SplitName, Estimate] = field(default_factory=dict)
    gap: Estimate | None = None
    measures: Mapping[str, Estimate] = field(default_factory=dict)
    by_class: Mapping[str, tuple[Estimate | None, ...]] = field(default_factory=dict)
    differences: dict[Compared, Difference] = field(default_factory=dict)
    disagrees: bool = False

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
        found.append(_measured(LevelAnswer(level, level == study.reference, done, failures=failures)))
    return _with_differences(found, study.margin)


def _measured(level: LevelAnswer) -> LevelAnswer:
    learnt = tuple(filter(has_learnt, level.trials))
    # A training that diverged is one that did not learn; what else fails says nothing of the level.
    learning = Learning(len(learnt), len(level.trials) + level.failures.get("not_finite", 0))
    if not level.trials:
        return replace(level, learning=learning)
    measured = learnt or level.trials
    measures = _measures(measured)
    test = Predictions.of(measured, "test")
    labels = range(test.counts.shape[-1])
    by_class = {name: [entry.of(test, label) for label in labels] for name, entry in CLASS_MEASURES.items()}
    return replace(
        level,
        measured=measured,
        learning=learning,
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


def _with_differences(levels: list[LevelAnswer], margin: float) -> list[LevelAnswer]:
    reference = next((level for level in levels if level.is_reference), None)
    if reference is None or not reference.learning.is_reliable:
        return levels
    raw: dict[int, Paired] = {}
    for place, level in enumerate(levels):
        if level is not reference and level.learning.is_reliable and (pair := paired(level, reference)):
            raw[place] = pair
    levels = list(levels)
    together = {what: decided([pair.of[what] for pair in raw.values()], margin) for what in COMPARED}
    drifts = holm([pair.drift.p for pair in raw.values()])
    for rank, (place, pair) in enumerate(raw.items()):
        differences = {what: together[what][rank] for what in COMPARED}
        opposed = pair.of["val"].value * pair.of["test"].value < 0
        certain = drifts[rank] < SIGNIFICANT and pair.drift.n_seeds >= SEEDS_TO_CLAIM
        levels[place] = replace(levels[place], differences=differences, disagrees=opposed and certain)
    return levels


class Paired(NamedTuple):
    """A level less another, at the seeds where both learnt.

    Attributes:
        of: accuracies and the gap.
        drift: the difference in validation accuracy less that in test accuracy.
    """

    of: dict[Compared, Estimate]
    drift: Estimate


def paired(level: LevelAnswer, other: LevelAnswer) -> Paired | None:
    """The differences of `level` less `other`; None with fewer than two seeds at which both learnt: one says nothing of
    the luck of the seed.
    """
    seeds = {t.config.seed for t in level.measured} & {t.config.seed for t in other.measured}
    if len(seeds) < SEEDS_TO_COMPARE:
        return None
    mine, theirs = (_measures([t for t in group.measured if t.config.seed in seeds]) for group in (level, other))
    raw = {what: mine[what].minus(theirs[what]) for what in COMPARED}
    differences = {what: raw[what].difference(_room(theirs[what], what)) for what in COMPARED}
    return Paired(differences, raw["val"].minus(raw["test"]).difference((-2.0, 2.0)))


def _room(reference: Measure, what: Compared) -> tuple[float, float]:
    """The least and greatest difference to a reference level's figure: accuracies end at 0 and 1, gaps at -1 and 1."""
    value = float(reference.by_seed.mean())
    return (-1.0 if what == "gap" else 0.0) - value, 1.0 - value
