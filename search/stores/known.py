"""A study as a store knows it, whoever ran it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownStudy:
    """A study in Optuna's storage, or in MLflow.

    Attributes:
        key: its number in Optuna's storage, or its experiment's id in MLflow.
        name: that it has there now; people rename studies.
        study: the name of its folder of runs; where that is not noted, `name`.
        uid: the id of its folder; empty: it was begun before there were ids, or by another program.
        owner: who ran it, as `ada@lab1`; empty: not noted.
        place: where its folder is, as `lab1:/data/runs/studies/pooling`; empty: not noted.
        question: in plain English; empty: not noted.
        state: `running`, `stopped`, `finished`, or `deleted` of one that MLflow hides.
        trials: how many it has there.
        complete: how many of them are COMPLETE; None: not known.
        failed: how many are FAIL or PRUNED; None: not known.
    """

    key: str
    name: str
    study: str
    uid: str = ""
    owner: str = ""
    place: str = ""
    question: str = ""
    state: str = ""
    trials: int = 0
    complete: int | None = None
    failed: int | None = None
