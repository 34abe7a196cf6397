"""Levels compared: at how many seeds each learns, how accurate it is where it learnt, its costs, and its differences to
the reference level.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from search.answer.learning import Learning, has_learnt, start_of
from search.answer.measure_table import CLASS_MEASURES, MEASURES, deciding
from search.answer.measures import Measure, Predictions
from search.answer.starts import differences_in_start
from search.answer.statistics.intervals import Estimate
from search.answer.statistics.luck import CHOICES, Choice
from search.answer.statistics.simultaneous import SEEDS_TO_CLAIM, SIGNIFICANT, Difference, decided, holm
from search.folder.record import TrialRecord
from search.study import Study
from search.study.factorial import Cell, cell_name, cells, reference_cell
from search.study.space import ParamValue
from search.study.tune import RATE
from trainer.clock import last_start
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
        level: the factor's value; of a combination of two its name; None for the reference model alone.
        is_reference: whether the others are compared with it.
        trials: those finished, by seed.
        measured: those of them that figures of accuracy are of: the trials that learnt; all where none did.
        learning: at how many seeds it learns, and when it starts.
        start_p: the p-value that it starts to learn as the reference level does (`differences_in_start`); None for the
            reference level, and without trials to compare.
        failures: how many ended otherwise, by the kind of failure (a `FailureKind`, or `stopped`).
        accuracy: by split, of the measure that decides in the study: accuracy, unless the study names another one.
        gap: the same in training less testing.
        measures: on the test images, by the names of `MEASURES`; without those that were not measured.
        by_class: on the test images, by the names of `CLASS_MEASURES`, a class each; None for a class without images.
        differences: to the reference level, at the seeds where both learnt; empty for the reference level, where the
            two have fewer than two such seeds, and where one of the two learns too rarely to be ranked.
        disagrees: whether validation and test differ in sign by more than chance explains.
        choice: whether its learning rate was chosen by halves of the seeds, see `statistics.luck`.
        cell: the value of each parameter that is asked about; empty for the reference model alone.
    """

    level: ParamValue | None
    is_reference: bool
    trials: tuple[TrialRecord, ...]
    measured: tuple[TrialRecord, ...] = ()
    learning: Learning = field(default_factory=Learning)
    start_p: float | None = None
    failures: Mapping[str, int] = field(default_factory=dict)
    accuracy: dict[SplitName, Estimate] = field(default_factory=dict)
    gap: Estimate | None = None
    measures: Mapping[str, Estimate] = field(default_factory=dict)
    by_class: Mapping[str, tuple[Estimate | None, ...]] = field(default_factory=dict)
    differences: dict[Compared, Difference] = field(default_factory=dict)
    disagrees: bool = False
    choice: Choice = "none"
    cell: Cell = field(default_factory=dict)

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
    """Every level, in the study's order, with its differences. A reference study has one, whose level is None.

    Of a study with looks, see `search.answer.looks.course`.
    """
    return _with_differences(with_starts(levels_of(study, records)), study.margin, study.measure)


def levels_of(study: Study, records: Iterable[TrialRecord]) -> list[LevelAnswer]:
    """The same without differences, and without a comparison of starts."""
    replicates = [record for record in records if record.role == "replicate"]
    found = []
    reference = reference_cell(study)
    for cell in cells(study):
        mine = [r for r in replicates if all(r.params[name] == value for name, value in cell.items())]
        rates = {record.params[RATE] for record in mine} if study.tune else set()
        choice: Choice = CHOICES[min(len(rates), 2)]
        level = _level(cell_name(cell), mine, study.measure, choice, is_reference=cell == reference)
        found.append(replace(level, cell=cell))
    return found


def compare_groups(
    groups: Sequence[tuple[bool, Sequence[TrialRecord]]], margin: float, measure: str
) -> list[LevelAnswer]:
    """Trainings of several configurations at the same seeds, compared as levels are; `level` is None in all of them.

    Args:
        groups: of each configuration whether it is the reference, and its trainings.
        margin: the difference that counts as none, a share.
        measure: that decides, a name of `DECIDING`.
    """
    levels = [_level(None, mine, measure, "none", is_reference=reference) for reference, mine in groups]
    return _with_differences(with_starts(levels), margin, measure)


def _level(
    level: ParamValue | None, mine: Sequence[TrialRecord], measure: str, choice: Choice, *, is_reference: bool
) -> LevelAnswer:
    done = tuple(sorted((r for r in mine if r.finished), key=lambda r: r.config.seed))
    lost = [r.terminal for r in mine if r.terminal is not None and not r.finished]
    failures = Counter(end.kind if isinstance(end, Failed) else "stopped" for end in lost)
    one = LevelAnswer(level, is_reference, done, (), _learning(mine), failures=failures, choice=choice)
    return _measured(one, measure)


def _learning(trials: Iterable[TrialRecord]) -> Learning:
    """A training that diverged is one that did not learn; what else fails says nothing of the level."""
    known = [t for t in trials if t.finished or (isinstance(t.terminal, Failed) and t.terminal.kind == "not_finite")]
    starts = [start_of(trial) for trial in known]
    waited = tuple(last_start(t.config) for t, start in zip(known, starts, strict=True) if start is None)
    learnt = tuple(sorted(start for start in starts if start is not None))
    return Learning(len(learnt), len(known), learnt, waited)


def with_starts(levels: list[LevelAnswer]) -> list[LevelAnswer]:
    """The levels, their starts compared with the reference level's."""
    reference = next((level for level in levels if level.is_reference and level.learning.seeds), None)
    others = [level for level in levels if level is not reference and level.learning.seeds] if reference else []
    if reference is None or not others:
        return levels
    found = differences_in_start([level.learning for level in others], reference.learning)
    p = {id(level): value for level, value in zip(others, found, strict=True)}
    return [replace(level, start_p=p.get(id(level))) for level in levels]


def _measured(level: LevelAnswer, measure: str) -> LevelAnswer:
    if not level.trials:
        return level
    measured = tuple(filter(has_learnt, level.trials)) or level.trials
    measures = compared_measures(measured, measure, level.choice)
    test = Predictions.of(measured, "test", level.choice)
    labels = range(test.counts.shape[-1])
    by_class = {name: [entry.of(test, label) for label in labels] for name, entry in CLASS_MEASURES.items()}
    return replace(
        level,
        measured=measured,
        accuracy={split: measures[split].share() for split in SPLITS},
        gap=measures["gap"].difference(),
        measures={name: found for name, entry in MEASURES.items() if (found := entry.estimate(test)) is not None},
        by_class={
            name: tuple(one.share() if one else None for one in found) for name, found in by_class.items() if any(found)
        },
    )


def compared_measures(trials: Sequence[TrialRecord], measure: str, choice: Choice) -> dict[Compared, Measure]:
    """The measure that decides, of finished trials of one level, by what is compared."""
    splits = {split: deciding(measure, Predictions.of(trials, split, choice)) for split in SPLITS}
    gap = splits["train"].minus(splits["test"])
    return {"train": splits["train"], "val": splits["val"], "test": splits["test"], "gap": gap}


def _with_differences(levels: list[LevelAnswer], margin: float, measure: str) -> list[LevelAnswer]:
    reference = next((level for level in levels if level.is_reference), None)
    raw: dict[int, Paired] = {}
    for place, level in enumerate(levels):
        if reference is not None and level is not reference and (pair := rankable(level, reference, measure)):
            raw[place] = pair
    levels = list(levels)
    together = {what: decided([pair.of[what] for pair in raw.values()], margin) for what in COMPARED}
    disagrees = disagreeing(list(raw.values()))
    for rank, place in enumerate(raw):
        differences = {what: together[what][rank] for what in COMPARED}
        levels[place] = replace(levels[place], differences=differences, disagrees=disagrees[rank])
    return levels


def disagreeing(pairs: Sequence[Paired]) -> list[bool]:
    """Whether validation and test differ in sign by more than chance explains, for levels taken together."""
    drifts = holm([pair.drift.p for pair in pairs])
    opposed = [pair.of["val"].value * pair.of["test"].value < 0 for pair in pairs]
    certain = [p < SIGNIFICANT and pair.drift.n_seeds >= SEEDS_TO_CLAIM for p, pair in zip(drifts, pairs, strict=True)]
    return [a and b for a, b in zip(opposed, certain, strict=True)]


class Paired(NamedTuple):
    """A level less another, at the seeds where both learnt.

    Attributes:
        of: accuracies and the gap.
        drift: the difference in validation accuracy less that in test accuracy.
    """

    of: dict[Compared, Estimate]
    drift: Estimate


def rankable(level: LevelAnswer, reference: LevelAnswer, measure: str) -> Paired | None:
    """The differences to the reference level; None where one of the two learns too rarely to be ranked, too."""
    both = level.learning.is_reliable and reference.learning.is_reliable
    return paired(level, reference, measure) if both else None


def paired(level: LevelAnswer, other: LevelAnswer, measure: str) -> Paired | None:
    """The differences of `level` less `other` in a measure that may decide; None with fewer than two seeds at which
    both learnt: one says nothing of the luck of the seed.
    """
    seeds = {t.config.seed for t in level.measured} & {t.config.seed for t in other.measured}
    if len(seeds) < SEEDS_TO_COMPARE:
        return None
    mine, theirs = (
        compared_measures([t for t in group.measured if t.config.seed in seeds], measure, group.choice)
        for group in (level, other)
    )
    raw = {what: mine[what].minus(theirs[what]) for what in COMPARED}
    differences = {what: raw[what].difference(_room(theirs[what], what)) for what in COMPARED}
    return Paired(differences, raw["val"].minus(raw["test"]).difference((-2.0, 2.0)))


def _room(reference: Measure, what: Compared) -> tuple[float, float]:
    """The least and greatest difference to a reference level's figure: accuracies end at 0 and 1, gaps at -1 and 1."""
    value = float(reference.by_seed.mean())
    return (-1.0 if what == "gap" else 0.0) - value, 1.0 - value
