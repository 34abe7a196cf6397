"""How a trial that is over reads in Optuna: its state, values, constraint and attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import TrialState

from search.folder.figure import stayed_at_chance
from search.folder.record import TrialRecord
from search.study import Study
from search.study.constraints import excess
from search.study.objectives import OBJECTIVES
from search.study.samplers import SAMPLERS
from trainer.events import Failed

MEMORY = "vram"  # the constraint that every search has: that the device's memory is enough; in MiB
SLOT = "slot"
FAILURE = "failure"  # why a trial failed
LINK = "mlflow_run"  # the page of a trial's MLflow run


@dataclass(frozen=True)
class Ending:
    """What Optuna is told at the end of a trial.

    With several objectives a training of a search that finished at chance is PRUNED too, where the sampler learns from
    that: it would else take the smallest such model for one of the best.

    Attributes:
        state: COMPLETE, PRUNED or FAIL.
        values: of the objectives, where it is COMPLETE.
        constraints: of a search, by name: 0 or less where the trial kept it. One of which nothing is known is left out.
            TPE ignores FAIL, and learns from a constraint that is broken in a trial that was stopped; for what else
            learns, `search.study.infeasible`.
    """

    state: TrialState
    values: list[float] | None = None
    constraints: Mapping[str, float] = field(default_factory=dict)


def ending(record: TrialRecord, study: Study, objectives: Sequence[str], cost_metric: str) -> Ending:
    """The ending of a trial that is over.

    Args:
        record: of the trial.
        study: the design.
        objectives: of the study.
        cost_metric: what the objective `cost` is.
    """
    broken = excess(study.constraints, record.events)
    finished, terminal = record.finished, record.terminal
    if finished is not None:
        if record.role == "search" and stayed_at_chance(finished) and _chance_is_worst(study, objectives):
            return Ending(TrialState.PRUNED, constraints={MEMORY: 0.0, **broken})
        values = [OBJECTIVES[name].value(finished, cost_metric) for name in objectives]
        if any(value is None for value in values):
            return Ending(TrialState.FAIL, constraints={MEMORY: 0.0, **broken})
        found = [float(value) for value in values if value is not None]
        return Ending(TrialState.COMPLETE, found, {MEMORY: 0.0, **broken})
    if isinstance(terminal, Failed) and terminal.kind == "out_of_memory":
        return Ending(TrialState.PRUNED, constraints={MEMORY: terminal.requested_mib or 1.0, **broken})
    return Ending(TrialState.PRUNED if record.state == "PRUNED" else TrialState.FAIL, constraints=broken)


def _chance_is_worst(study: Study, objectives: Sequence[str]) -> bool:
    return study.search is not None and len(objectives) > 1 and SAMPLERS[study.search.sampler].learns_from_pruned


def attributes(record: TrialRecord, link: str | None) -> dict[str, Any]:
    """A trial's user attributes. A database gives them by name; on the dashboard `search.stack.tidied` orders them."""
    found: dict[str, Any] = {"seed": record.config.seed, "fold": record.config.fold}
    finished, terminal = record.finished, record.terminal
    if finished is not None:
        from search.answer.learning import start_of
        from search.answer.measure_table import split_values  # NumPy: not while slots start

        for split, measures in finished.splits.items():
            found[f"{split}_accuracy"] = measures.accuracy
        found |= {f"test_{name}": value for name, value in split_values(record, "test").items()}
        if (start := start_of(record)) is not None:
            found["start_epoch"] = start
        for key in ("parameters", "train_s", "vram_peak_mib", "vram_process_mib"):
            if getattr(finished, key) is not None:
                found[key] = getattr(finished, key)
    elif isinstance(terminal, Failed):
        found[FAILURE] = f"{terminal.kind}: {terminal.message}"[:2000]
    if record.finished_at is not None:
        found["wall_s"] = round(record.finished_at - record.started_at, 2)
    return found | {SLOT: record.slot} | ({LINK: link} if link else {})
