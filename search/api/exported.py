"""What a study found as tables of plain rows, one measurement a row, and as one document.

Tables: trials, epochs, predictions, levels, and comparisons or, where two parameters are crossed, effects. The words
for their columns stand in `dictionary.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from search.answer.learning import has_learnt
from search.answer.measure_table import MEASURES, class_values, split_values
from search.api.tables import COSTS
from search.folder.manifest import read_manifest
from search.folder.record import TrialRecord
from search.text import plain
from trainer.config import TrainConfig
from trainer.events import Failed, SplitName, Stopped

if TYPE_CHECKING:
    from pathlib import Path

    from search.api.results import EffectResult, Interval, LevelDifference, LevelResult

FORMAT, VERSION = "blood-cell-search answer", 1  # the version is raised when a reader of the old would misread the new
SETTINGS = tuple(name for name in TrainConfig.model_fields if name != "trial")
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")
# Of these two every column is always there, in this order; those of the others depend on measures and classes.
LEVELS = (
    *("level", "is_reference", "n_seeds", "n_learnt", "n_failed"),
    *("measure", "split", "class", "value", "low", "high", "sd", "n_models"),
)
COMPARISONS = (
    *("level", "reference", "outcome", "is_decided", "difference", "low", "high", "n_pairs"),
    *("p", "p_equivalent", "p_non_inferior", "margin", "verdict"),
)
EFFECTS = (
    *("effect", "outcome", "is_decided", "difference", "low", "high", "n_pairs"),
    *("p", "p_equivalent", "p_non_inferior", "margin", "verdict"),
)
# The types of columns in which nothing was seen; of all others, float64.
UNSEEN = {
    **dict.fromkeys(("failure", "failure_message", "machine", "level", "reference"), "string"),
    **dict.fromkeys(("split", "class", "verdict"), "string"),
    "early_stopping_patience": "Int64",
}

Row = dict[str, Any]


def tables_of(
    records: Sequence[TrialRecord],
    class_names: Sequence[str],
    factors: Sequence[str],
    levels: Sequence[LevelResult],
    measure: str,
    effects: Sequence[EffectResult] = (),
) -> dict[str, pd.DataFrame]:
    """The tables by name; those of levels only where a study compares levels or measures the reference model alone.
    `measure` is the one that decides. Where two parameters are crossed, there are `effects` in place of comparisons.
    """
    found = {
        "trials": frame(trial_rows(records, class_names)),
        "epochs": frame(epoch_rows(records)),
        "predictions": frame(prediction_rows(records, class_names, factors)),
    }
    if len(factors) > 1:
        found["levels"] = frame(level_rows(levels, measure, factors), (*LEVELS[:1], *factors, *LEVELS[1:]))
        found["effects"] = frame(effect_rows(effects, measure, factors), (*EFFECTS[:1], *factors, *EFFECTS[1:]))
    elif levels:
        found["levels"] = frame(level_rows(levels, measure), LEVELS)
        found["comparisons"] = frame(comparison_rows(levels, measure), COMPARISONS)
    return found


def frame(rows: Iterator[Row], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """A table in which a column's type follows from what is in it: whole numbers stay whole where some are missing."""
    table = pd.DataFrame(list(rows), columns=list(columns) if columns else None, dtype=object)
    return table.astype({name: _dtype(str(name), table[name]) for name in table.columns})


def _dtype(name: str, values: pd.Series[Any]) -> str:
    kinds = {type(value) for value in values if value is not None and value == value}
    if not kinds:
        return UNSEEN.get(name, "float64")
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "Int64"
    if kinds <= {int, float}:
        return "float64"
    return "datetime64[ns, UTC]" if kinds == {pd.Timestamp} else "string"


def trial_rows(records: Sequence[TrialRecord], class_names: Sequence[str]) -> Iterator[Row]:
    """A trial a row: how it ended, every setting, every measure of every split, costs, machine."""
    for record in records:
        end, wall_s = record.finished, None
        if record.finished_at is not None:
            wall_s = record.finished_at - record.started_at
        row: Row = {"trial": record.number, "state": record.state, "role": record.role, **_failure(record)}
        row["learnt"] = has_learnt(record) if end else None
        row |= {name: getattr(record.config, name) for name in SETTINGS} | (record.config.model_extra or {})
        row["epochs_run"] = end.epochs_run if end else len(record.epochs)
        if end is not None:
            for split in SPLITS:
                row |= {f"{split}_{name}": value for name, value in split_values(record, split).items()}
                row[f"{split}_loss"] = end.splits[split].loss
                for name, values in class_values(record, split):
                    row |= {f"{split}_{name}_{label}": value for label, value in zip(class_names, values, strict=True)}
        row |= {name: cost(end) if end else None for name, cost in COSTS.items()}
        row |= {"images_per_s": end.images_per_s if end else None, "wall_s": wall_s}
        row["started_at"] = pd.Timestamp(record.started_at, unit="s", tz="UTC")
        ready = record.ready
        row |= {"slot": record.slot, "device": ready.device, "device_name": ready.device_name}
        row |= {"machine": ready.machine or None, "backend": ready.backend, "threads": ready.threads}
        row["software"] = ", ".join(f"{name} {version}" for name, version in ready.versions.items())
        yield row


def _failure(record: TrialRecord) -> Row:
    match record.terminal:
        case Failed(kind=kind, message=message, requested_mib=requested):
            return {"failure": kind, "failure_message": message, "requested_mib": requested}
        case Stopped(epoch=epoch):
            return {"failure": "stopped", "failure_message": f"after epoch {epoch}", "requested_mib": None}
        case _:
            return {"failure": None, "failure_message": None, "requested_mib": None}


def epoch_rows(records: Sequence[TrialRecord]) -> Iterator[Row]:
    """One row for each epoch of each trial."""
    for record in records:
        for epoch in record.epochs:
            values = epoch.model_dump(exclude={"event", "trial"})
            yield {"trial": record.number, "seed": record.config.seed, **values}


def prediction_rows(
    records: Sequence[TrialRecord], class_names: Sequence[str], factors: Sequence[str]
) -> Iterator[Row]:
    """A photograph, in one class and one split of one finished trial, a row: its images by predicted class."""
    for record in records:
        if record.finished is None:
            continue
        level = {factor: getattr(record.config, factor) for factor in factors}
        for split in SPLITS:
            for photo in record.finished.splits[split].photos:
                row: Row = {"trial": record.number, **level, "seed": record.config.seed, "fold": record.config.fold}
                row |= {"split": split, "photograph": photo.photo, "true_class": class_names[photo.label]}
                row |= {"images": sum(photo.predicted), "correct": photo.predicted[photo.label]}
                yield row | {f"predicted_{n}": k for n, k in zip(class_names, photo.predicted, strict=True)}


def level_rows(levels: Sequence[LevelResult], measure: str, factors: Sequence[str] = ()) -> Iterator[Row]:
    """A figure of a level a row, with its interval; of a cost its standard deviation."""
    for level in levels:
        head: Row = {"level": level.level, **{name: level.combination[name] for name in factors}}
        head |= {"is_reference": level.is_reference, "n_seeds": len(level.seeds)}
        head |= {"n_learnt": len(level.learnt_seeds), "n_failed": sum(level.failures.values())}
        found: list[tuple[str, str | None, str | None, Interval]] = []
        found += [(measure, split, None, one) for split, one in level.accuracy.items()]
        found += [("gap", None, None, level.gap)] if level.gap else []
        found += [(name, "test", None, one) for name, one in level.measures.items() if name != measure]
        found += [(name, "test", label, one) for name, of in level.by_class.items() for label, one in of.items()]
        for name, split, label, one in found:
            row = {"measure": name, "split": split, "class": label, "n_models": len(one.by_model)}
            yield head | row | {"value": one.value, "low": one.low, "high": one.high}
        for name, cost in level.costs.items():
            yield head | {"measure": name, "value": cost.mean, "sd": cost.sd, "n_models": cost.n}


def comparison_rows(levels: Sequence[LevelResult], measure: str) -> Iterator[Row]:
    """A level's difference to the reference level in one outcome a row."""
    reference = next((level for level in levels if level.is_reference), None)
    if reference is None:
        return
    for level in levels:
        for what, one in level.differences.items():
            yield {
                "level": level.level,
                "reference": reference.level,
                **_difference(what, one, measure),
            }


def effect_rows(effects: Sequence[EffectResult], measure: str, factors: Sequence[str]) -> Iterator[Row]:
    """A main effect or an interaction in one outcome a row."""
    for effect in effects:
        head: Row = {"effect": "interaction" if effect.is_interaction else "main"}
        head |= {name: effect.levels.get(name) for name in factors}
        for what, one in effect.differences.items():
            yield head | _difference(what, one, measure)


def _difference(what: str, one: LevelDifference, measure: str) -> Row:
    return {
        "outcome": "gap" if what == "gap" else f"{what}_{measure}",
        "is_decided": what == "test",
        "difference": one.value,
        "n_pairs": one.n_pairs,
        **{name: getattr(one, name) for name in ("low", "high", "p", "p_equivalent", "p_non_inferior")},
        "margin": one.margin,
        "verdict": one.verdict if what == "test" else None,
    }


def document(found: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The whole answer, fit for JSON: what was asked, on which images, with which software, and what was found.

    Shares and differences of shares are between -1 and 1; what is not known is None.

    Args:
        found: what was found, by the names of `StudyAnswer`.
        folder: of the study.
    """
    manifest = read_manifest(folder)
    asked: Mapping[str, Any] = {}
    if manifest is not None:
        record = manifest.record
        asked = {
            "design": manifest.study.model_dump(mode="json"),
            "data": asdict(record.data),
            "command": record.command,
            "versions": dict(record.versions),
            "git_commit": record.git_commit,
        }
    units = {
        "accuracy": f"share: {MEASURES[found['measure']].words}",
        "measures": {name: "share" if entry.is_share else "number" for name, entry in MEASURES.items()},
        "costs": "as the name ends: s seconds, mib MiB",
    }
    whole = {"format": FORMAT, "version": VERSION, **found, **asked, "units": units}
    fit: dict[str, Any] = _fit(whole)
    return fit


def _fit(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _fit(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_fit(one) for one in value]
    return value if isinstance(value, int | bool | None) else plain(str(value))
