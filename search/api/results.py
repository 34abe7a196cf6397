"""What a `StudyAnswer` is made of: plain, frozen data.

Shares and differences of shares are between -1 and 1, not in per cent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Value = str | int | float | bool


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval over photographs and trained models.

    Attributes:
        value: the mean over the trained models.
        low: the lower end of the interval; NaN for a measure without one, as the calibration error.
        high: the upper end of the interval, likewise.
        by_model: the figure of each trained model, in the order of `LevelResult.seeds`.
    """

    value: float
    low: float
    high: float
    by_model: tuple[float, ...]


@dataclass(frozen=True)
class LevelDifference:
    """How a level differs from the reference level, paired by seed and photograph.

    Attributes:
        value: the level's figure less the reference level's.
        low: the lower end of an interval that holds, in 95 % of studies, for all levels at once.
        high: its upper end.
        p: the p-value of no difference, corrected for the number of levels (Holm); of a study with looks, it holds at
            all of them at once, as do all that follow and the interval.
        p_equivalent: the p-value of a difference of `margin` or more in either direction, corrected likewise.
        p_non_inferior: the p-value of the level being worse by `margin` or more, corrected likewise.
        margin: the difference that counts as small.
        verdict: what may be claimed: "higher", "lower", "equivalent" (within the margin), "cannot tell", or
            "too few seeds" to claim anything.
        n_pairs: the seeds at which both levels learnt; of a study with looks, up to the look of this level.
    """

    value: float
    low: float
    high: float
    p: float
    p_equivalent: float
    p_non_inferior: float
    margin: float
    verdict: Literal["higher", "lower", "equivalent", "cannot tell", "too few seeds"]
    n_pairs: int


@dataclass(frozen=True)
class MeanCost:
    """A cost over the trained models of a level.

    Attributes:
        mean: their mean, in the unit that the cost's name ends in.
        sd: their sample standard deviation; None for one model.
        n: how many models it was measured on.
    """

    mean: float
    sd: float | None
    n: int


@dataclass(frozen=True)
class LevelResult:
    """What was found at one level of a question, or of the reference model alone.

    The mappings are empty, and `gap` is None, until a trial of the level has finished.

    Attributes:
        level: the value of the parameter that is asked about; of a question with two the name of the combination, as
            "max x 0.5"; None for the reference model alone.
        is_reference: whether the other levels are compared with this one.
        seeds: the seeds of the finished trials, one each.
        learnt_seeds: those of them whose training left chance.
        start_epochs: the epoch in which each of `learnt_seeds` did.
        failures: how many trials ended without a result, by the kind of failure.
        accuracy: by split, "train", "val" and "test", in the measure that decides in the study: accuracy, unless the
            study names another one.
        gap: the same, training less testing.
        measures: of the test images, by the measure's name, as "macro_f1".
        by_class: of the test images, by the measure's name, as "recall", then by class; classes without test images
            are left out.
        differences: to the reference level, by "train", "val", "test" and "gap"; empty for the reference level.
        costs: by name: "parameters", "flops_per_image", "train_s", and where they were measured "vram_peak_mib" and
            "vram_process_mib".
        combination: the value of each parameter that is asked about; empty for the reference model alone.
    """

    level: Value | None
    is_reference: bool
    seeds: tuple[int, ...] = ()
    learnt_seeds: tuple[int, ...] = ()
    start_epochs: tuple[int, ...] = ()
    failures: Mapping[str, int] = field(default_factory=dict)
    accuracy: Mapping[str, Interval] = field(default_factory=dict)
    gap: Interval | None = None
    measures: Mapping[str, Interval] = field(default_factory=dict)
    by_class: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    differences: Mapping[str, LevelDifference] = field(default_factory=dict)
    costs: Mapping[str, MeanCost] = field(default_factory=dict)
    combination: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class EffectResult:
    """A main effect or an interaction in a question with two parameters.

    Attributes:
        levels: by parameter, the level that is compared with the reference level: one of a main effect, which is
            averaged over all levels of the other parameter; two of an interaction, which is by how much the effect of
            the first is higher at that level of the second than at its reference level.
        differences: by "train", "val", "test" and "gap"; p-values are corrected for the number of effects and intervals
            hold for all of them at once. `n_pairs` are the seeds at which all combinations in the effect learnt. Empty
            where it could not be estimated.
    """

    levels: Mapping[str, Value]
    differences: Mapping[str, LevelDifference] = field(default_factory=dict)

    @property
    def is_interaction(self) -> bool:
        """Whether it is one, and no main effect."""
        return len(self.levels) > 1
