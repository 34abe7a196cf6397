"""`StudyAnswer`, which the functions of `search.api` return.

Shares and differences of shares are between -1 and 1, not in per cent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from search.api.results import EffectResult, LevelResult, Value

if TYPE_CHECKING:
    import pandas as pd

    from search.folder.record import TrialRecord


@dataclass(frozen=True)
class StudyAnswer:
    """What a study found so far.

    Attributes:
        name: the name that the study runs under, as "pooling-demo-quick".
        question: what is asked, in words.
        kind: "levels" for a question about one parameter, "factorial" for one about two, "reference" for the reference
            model alone, "search" for a search.
        factor: the one parameter that is asked about; None for the other kinds.
        measure: what decides, as "accuracy".
        sentence: the answer in plain English, with what it must not be taken for.
        caveats: what must be said beside every figure; empty for most studies of real images.
        is_demo: whether the images are the drawn cells of the demo set.
        trials: how many trials the study has in the end; at most, while levels may still leave at looks.
        trials_over: how many of them have ended, with or without a result.
        levels: a result each, in the order of the study file; of a question about two parameters, of each combination
            of their levels; empty for a search.
        best_params: of a search, the parameters that it recommends: highest on validation, in `measure`, where
            `confirm` trained the best again on their new seeds; of a question, the level or the combination with the
            highest mean there. None where nothing was learnt.
        class_names: in the order of the model's outputs.
        folder: where the study's files lie: journals, models, figures.
        page: the page for a browser; None where it was not drawn.
        problems: what this run could not tell Optuna or MLflow, a sentence each. `python -m search.sync` tells it.
        factors: the parameters that are asked about: one, or two that are crossed; none for the other kinds.
        effects: of a question about two, the main effects of each and their interactions.
    """

    name: str
    question: str
    kind: Literal["levels", "factorial", "reference", "search"]
    factor: str | None
    measure: str
    sentence: str
    caveats: tuple[str, ...]
    is_demo: bool
    trials: int
    trials_over: int
    levels: tuple[LevelResult, ...]
    best_params: Mapping[str, Value] | None
    class_names: tuple[str, ...]
    folder: Path
    page: Path | None
    problems: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    effects: tuple[EffectResult, ...] = ()
    _records: tuple[TrialRecord, ...] = field(default=(), repr=False, compare=False)

    @property
    def reference(self) -> LevelResult | None:
        """The level that the others are compared with; None for a search."""
        return next((level for level in self.levels if level.is_reference), None)

    def level_table(self) -> pd.DataFrame:
        """The levels of a question or of the reference model, a row each, indexed by level; of a question about
        two parameters the combinations, indexed by both.

        Columns: `is_reference`, `n_seeds`, `n_learnt`, `n_failed`; of each split's `measure` and of `gap` the
        figure, as `test_accuracy`, with `_low` and `_high`; of each difference, as `test_difference`, the same with
        `_p` and `_verdict`; the mean of every cost, as `train_s`. What was not measured is missing (NaN or None).

        Raises:
            ValueError: a search has no levels.
        """
        import pandas as pd

        if not self.levels:
            raise ValueError(f"{self.name} is a search, which compares no levels; see trial_table")
        names = list(self.factors) or ["level"]
        rows = [{**(level.combination or {"level": level.level}), **_row(level, self.measure)} for level in self.levels]
        return pd.DataFrame(rows).set_index(names if len(names) > 1 else names[0])

    def trial_table(self) -> pd.DataFrame:
        """The trials that were begun, a row each, indexed by number.

        Columns: `state` (Optuna's names), `role`, the sampled parameters, `seed`, `fold`, `epochs_run`, every split's
        accuracy, loss and macro F1, as `test_accuracy`, every cost, `start_epoch`, `learnt`, `device_name` and
        `machine` that trained it, `started_at` (UTC), and `failure`: the kind of failure and its message. What was not
        measured is missing (NaN or None), as the `start_epoch` of a training that never left chance.
        """
        from search.api.tables import trial_table

        return trial_table(self._records)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Everything that was measured, a measurement a row, as `python -m search.export` writes it.

        Tables by name: "trials" (every setting and measure), "epochs", "predictions" (how the images of each photograph
        were classified), and for a study with levels "levels" (every figure with its interval) and "comparisons", or
        "effects" where two parameters are crossed. What
        the columns mean: `columns.csv` of an export.
        """
        from search.api.exported import tables_of

        return tables_of(self._records, self.class_names, self.factors, self.levels, self.measure, self.effects)

    def to_dict(self) -> dict[str, Any]:
        """The whole answer, fit for JSON, with the design, the images and the software; `version` is of its form."""
        from search.api.exported import document

        found = {name: value for name, value in asdict(self).items() if not name.startswith("_")}
        return document(found, self.folder)


def _row(level: LevelResult, measure: str) -> dict[str, object]:
    row: dict[str, object] = {
        "is_reference": level.is_reference,
        "n_seeds": len(level.seeds),
        "n_learnt": len(level.learnt_seeds),
        "n_failed": sum(level.failures.values()),
    }
    shares = {f"{split}_{measure}": share for split, share in level.accuracy.items()}
    if level.gap is not None:
        shares["gap"] = level.gap
    for name, share in shares.items():
        row |= {name: share.value, f"{name}_low": share.low, f"{name}_high": share.high}
    for what, one in level.differences.items():
        name = f"{what}_difference"
        row |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
        row |= {f"{name}_p": one.p, f"{name}_verdict": one.verdict}
    return row | {name: cost.mean for name, cost in level.costs.items()}
