"""What the command line changes in a study: `--seeds`, `--epochs`, `--n-trials`, `--margin`, `--measure`, `--tune`,
`--quick` and `--set name=value`.

On the plain data of a study; the rules are checked by whoever builds the study again.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping
from typing import Any

from search.study.diagnostics import Path, shown_path
from search.study.space import ParamValue
from trainer.config import TrainConfig

# `--quick` is a few minutes on two cores. The first size is a quarter of 240x320, which a JPEG decodes to at little
# cost; the second is for six blocks, which halve 60 pixels to nothing.
QUICK_SIZES = ((60, 80), (64, 80))
QUICK_BATCH_SIZE, QUICK_EPOCHS, QUICK_EPOCHS_AFTER_START = 16, 40, 10
QUICK_SEEDS, QUICK_TRIALS, QUICK_TRIALS_PER_LEVEL = 5, 8, 2  # fewer seeds claim nothing

OFF = "none"  # of a setting that may be off, which TOML has no word for


def scalar(text: ParamValue) -> ParamValue:
    """A setting's value: what TOML makes of the text (3, 1e-4, true, "quoted"), else the text itself."""
    if not isinstance(text, str):
        return text
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    value = table.get("value")
    return value if len(table) == 1 and isinstance(value, str | int | float) else text


def overridden(
    data: Mapping[str, Any],
    seeds: int | str | None,
    epochs: int | None,
    n_trials: int | None,
    fixed: Mapping[str, ParamValue],
    margin: float | None = None,
    measure: str | None = None,
    *,
    tune: bool = False,
) -> tuple[dict[str, Any], dict[Path, str]]:
    """The data with the changes, and which flag set which path."""
    changed, flags = copy.deepcopy(dict(data)), dict[Path, str]()

    def change(path: tuple[str, ...], value: ParamValue, flag: str) -> None:
        table = changed if len(path) == 1 else changed.setdefault(path[0], {})
        table[path[-1]], flags[path] = value, flag

    for name, text in fixed.items():
        if text == OFF and _may_be_off(changed, name):
            changed.get("fixed", {}).pop(name, None)
            continue
        change(("fixed", name), scalar(text), f"--set {shown_path((name,))}")
    if epochs is not None:
        change(("fixed", "epochs"), epochs, "--epochs")
    if seeds is not None:
        change(("seeds",), seeds, "--seeds")
        changed.pop("looks", None)
    if tune:
        change(("tune",), True, "--tune")
    if margin is not None:
        change(("margin",), margin, "--margin")
    if measure is not None:
        search, before = changed.get("search"), f"val_{changed.get('measure')}"
        if search and f"val_{measure}" not in search.get("objectives", [f"val_{measure}"]):  # it looks for what decides
            search["objectives"] = [f"val_{measure}" if name == before else name for name in search["objectives"]]
        change(("measure",), measure, "--measure")
    if n_trials is not None:
        change(("search", "n_trials"), n_trials, "--n-trials")
    return changed, flags


def _may_be_off(data: Mapping[str, Any], name: str) -> bool:
    field = TrainConfig.model_fields.get(name)
    varied = name in data.get("scientific", {}) or name in data.get("nuisance", {})
    return field is not None and field.default is None and not varied


def quickened(data: Mapping[str, Any], base: Mapping[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    """The data with smaller images (height, width) and batches, fewer epochs and trials; never more than there are.

    Args:
        base: the value of every parameter where the study does not vary it.
    """
    changed = copy.deepcopy(dict(data))
    changed["seeds"] = min(changed["seeds"], QUICK_SEEDS)
    changed.pop("looks", None)  # the first is after as many
    if search := changed.get("search"):
        search["n_trials"] = min(search["n_trials"], QUICK_TRIALS)
        search.pop("confirm", None)
    if tuning := changed.get("tuning"):
        tuning["trials_per_level"] = min(tuning["trials_per_level"], QUICK_TRIALS_PER_LEVEL)
    quick = {"image_height": size[0], "image_width": size[1], "batch_size": QUICK_BATCH_SIZE, "epochs": QUICK_EPOCHS}
    if after := base["epochs_after_start"]:
        quick["epochs_after_start"] = min(after, QUICK_EPOCHS_AFTER_START)
    if base["evaluate_last"] > 1:
        quick["evaluate_last"] = quick.get("epochs_after_start", QUICK_EPOCHS)
    for name, value in quick.items():
        if name not in changed["scientific"] and name not in changed["nuisance"]:
            changed["fixed"][name] = min(base[name], value)
    return changed
