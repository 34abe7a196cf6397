"""What the functions of `search.api` return: plain, frozen data.

Shares and differences of shares are between -1 and 1, not in per cent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

    from search.folder.record import TrialRecord

Value = str | int | float | bool


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval over photographs and trained models.

    Attributes:
        value: the mean over the trained models.
        low: the lower end of the interval.
        high: the upper end of the interval.
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
        p: the p-value of no difference, corrected for the number of levels (Holm).
        p_equivalent: the p-value of a difference of `margin` or more in either direction, corrected likewise.
        p_non_inferior: the p-value of the level being worse by `margin` or more, corrected likewise.
        margin: the difference that counts as small.
        verdict: what may be claimed: "higher", "lower", "equivalent" (within the margin), "cannot tell", or
            "too few seeds" to claim anything.
    """

    value: float
    low: float
    high: float
    p: float
    p_equivalent: float
    p_non_inferior: float
    margin: float
    verdict: Literal["higher", "lower", "equivalent", "cannot tell", "too few seeds"]


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
        level: the value of the parameter that is asked about; None for the reference model alone.
        is_reference: whether the other levels are compared with this one.
        seeds: the seeds of the finished trials, one each.
        learnt_seeds: those of them whose model does better on the training images than guessing.
        failures: how many trials ended without a result, by the kind of failure.
        accuracy: by split: "train", "val" and "test".
        gap: the training accuracy less the testing accuracy.
        measures: of the test images, by the measure's name, as "macro_f1".
        by_class: of the test images, by the measure's name, as "recall", then by class; classes without test images
            are left out.
        differences: to the reference level, by "train", "val", "test" and "gap"; empty for the reference level.
        costs: by name: "parameters", "flops_per_image", "train_s", and where they were measured "vram_peak_mib" and
            "vram_process_mib".
    """

    level: Value | None
    is_reference: bool
    seeds: tuple[int, ...] = ()
    learnt_seeds: tuple[int, ...] = ()
    failures: Mapping[str, int] = field(default_factory=dict)
    accuracy: Mapping[str, Interval] = field(default_factory=dict)
    gap: Interval | None = None
    measures: Mapping[str, Interval] = field(default_factory=dict)
    by_class: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    differences: Mapping[str, LevelDifference] = field(default_factory=dict)
    costs: Mapping[str, MeanCost] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyAnswer:
    """What a study found so far.

    Attributes:
        name: the name that the study runs under, as "pooling-demo-quick".
        question: what is asked, in words.
        kind: "levels" for a question, "reference" for the reference model alone, "search" for a search.
        factor: the parameter that is asked about; None for the other kinds.
        sentence: the answer in plain English, with what it must not be taken for.
        caveats: what must be said beside every figure; empty for most studies of real images.
        is_demo: whether the images are the drawn cells of the demo set.
        trials: how many trials the study has in the end.
        trials_over: how many of them have ended, with or without a result.
        levels: a result each, in the order of the study file; empty for a search.
        best_params: of a search, the parameters of the trial with the highest validation accuracy; of a question, the
            level with the highest mean validation accuracy. None where nothing was learnt.
        folder: where the study's files lie: journals, models, figures.
        page: the page for a browser; None where it was not drawn.
        problems: what this run could not tell Optuna or MLflow, a sentence each. `python -m search.sync` tells it.
    """

    name: str
    question: str
    kind: Literal["levels", "reference", "search"]
    factor: str | None
    sentence: str
    caveats: tuple[str, ...]
    is_demo: bool
    trials: int
    trials_over: int
    levels: tuple[LevelResult, ...]
    best_params: Mapping[str, Value] | None
    folder: Path
    page: Path | None
    problems: tuple[str, ...] = ()
    _records: tuple[TrialRecord, ...] = field(default=(), repr=False, compare=False)

    @property
    def reference(self) -> LevelResult | None:
        """The level that the others are compared with; None for a search."""
        return next((level for level in self.levels if level.is_reference), None)

    def level_table(self) -> pd.DataFrame:
        """The levels of a question or of the reference model, a row each, indexed by level.

        Columns: `is_reference`, `n_seeds`, `n_learnt`, `n_failed`; of each split's accuracy and of `gap` the figure, as
        `test_accuracy`, with `_low` and `_high`; of each difference, as `test_difference`, the same with `_p` and
        `_verdict`; the mean of every cost, as `train_s`. What was not measured is missing (NaN or None).

        Raises:
            ValueError: a search has no levels.
        """
        import pandas as pd

        if not self.levels:
            raise ValueError(f"{self.name} is a search, which compares no levels; see trial_table")
        name = self.factor or "level"
        return pd.DataFrame([{name: level.level, **_row(level)} for level in self.levels]).set_index(name)

    def trial_table(self) -> pd.DataFrame:
        """The trials that were begun, a row each, indexed by number.

        Columns: `state` (Optuna's names), `role`, the sampled parameters, `seed`, `fold`, `epochs_run`, every split's
        accuracy, loss and macro F1, as `test_accuracy`, every cost, `learnt`, `device` and `machine` that trained it,
        `started_at` (UTC), and `failure`: the kind of failure and its message. What was not measured is missing (NaN or
        None).
        """
        from search.api.tables import trial_table

        return trial_table(self._records)


def _row(level: LevelResult) -> dict[str, object]:
    row: dict[str, object] = {
        "is_reference": level.is_reference,
        "n_seeds": len(level.seeds),
        "n_learnt": len(level.learnt_seeds),
        "n_failed": sum(level.failures.values()),
    }
    shares = {f"{split}_accuracy": accuracy for split, accuracy in level.accuracy.items()}
    if level.gap is not None:
        shares["gap"] = level.gap
    for name, share in shares.items():
        row |= {name: share.value, f"{name}_low": share.low, f"{name}_high": share.high}
    for what, one in level.differences.items():
        name = f"{what}_difference"
        row |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
        row |= {f"{name}_p": one.p, f"{name}_verdict": one.verdict}
    return row | {name: cost.mean for name, cost in level.costs.items()}
