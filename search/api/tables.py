"""Trials as a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from search.answer.learning import start_of
from search.folder.record import TrialRecord
from trainer.events import Failed, Finished, Stopped

# What a finished training says of its cost, by the name that it has there; the unit is the end of the name.
COSTS: dict[str, Callable[[Finished], float | None]] = {
    "parameters": lambda end: end.parameters,
    "flops_per_image": lambda end: end.flops_per_image,
    "train_s": lambda end: end.train_s,
    "vram_peak_mib": lambda end: end.vram_peak_mib,
    "vram_process_mib": lambda end: end.vram_process_mib,
}


def trial_table(records: Sequence[TrialRecord]) -> pd.DataFrame:
    """A row a trial, indexed by number; the columns stand in `StudyAnswer.trial_table`."""
    rows = [_trial(record) for record in records]
    return pd.DataFrame(rows).set_index("number") if rows else pd.DataFrame()


def _trial(record: TrialRecord) -> dict[str, object]:
    row: dict[str, object] = {"number": record.number, "state": record.state, "role": record.role, **record.params}
    row |= {"seed": record.config.seed, "fold": record.config.fold}
    row |= {"device_name": record.ready.device_name, "machine": record.ready.machine or None}
    row["started_at"] = pd.Timestamp(record.started_at, unit="s", tz="UTC")
    end = record.terminal
    if isinstance(end, Finished):
        row["epochs_run"] = end.epochs_run
        for split, found in end.splits.items():
            measures = {"accuracy": found.accuracy, "loss": found.loss, "macro_f1": found.macro_f1}
            row |= {f"{split}_{name}": value for name, value in measures.items()}
        row |= {name: cost(end) for name, cost in COSTS.items()}
        row["start_epoch"] = start_of(record)
        row["learnt"] = row["start_epoch"] is not None
    elif isinstance(end, Failed):
        row["failure"] = f"{end.kind}: {end.message}"
    elif isinstance(end, Stopped):
        row["failure"] = f"stopped after epoch {end.epoch}"
    return row
