"""Whether a study still means what its finished trials were made with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from search.study.deciding import DEFAULT
from search.study.diagnostics import shown
from trainer.config import TrainConfig

ABSENT = "none"


def meaning_diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The changes of meaning from one `Study.canonical()` to another, a line each: "fixed.epochs: 60 -> 30".

    No change of meaning: levels or seeds added to a question, levels in another order there, another `n_trials`, as a
    smaller budget but ends a search sooner, and another margin, which changes what is said of trials. In a search every
    change of the space is one, as Optuna compares no trials of two spaces. A parameter that the old record does not
    know and the new one leaves at its default came with a newer version of the project: no change either; nor is
    accuracy as the measure that decides. Another measure is one: it would be chosen after results were seen, and Optuna
    has the values of the first.
    """
    before, after = dict(_flat(old)), dict(_flat(new))
    question = old.get("kind") == new.get("kind") in ("levels", "factorial")
    lines = []
    for path in [*before, *(path for path in after if path not in before)]:
        was, now = before.get(path), after.get(path)
        if was == now or _only_more(path, was, now, question) or _new_parameter(path, was, now):
            continue
        lines.append(f"{path}: {_shown(path, was)} -> {_shown(path, now)}")
    return lines


def _shown(path: str, value: Any) -> str:
    if value is None:
        return ABSENT
    return f"SHA-256 {str(value)[:12]}" if path.startswith("code.") else shown(value)


def _flat(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _only_more(path: str, was: Any, now: Any, question: bool) -> bool:
    if path == "margin" or (path.startswith("code.") and was is None):  # a file added: what uses it says so itself
        return True
    if was is None or now is None:
        return False
    if path == "search.n_trials":  # a budget: with fewer than there are, the search is over
        return True
    if path == "seeds":
        return bool(now >= was)
    compared = question and path.startswith("scientific.") and path.endswith(".levels")
    return compared and all(level in now for level in was)


def _new_parameter(path: str, was: Any, now: Any) -> bool:
    if path == "measure":
        return was is None and bool(now == DEFAULT)
    role, _, name = path.partition(".")
    field = TrainConfig.model_fields.get(name)
    return role == "fixed" and was is None and field is not None and bool(now == field.default)
