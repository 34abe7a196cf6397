"""Studies that cross pooling and dropout, for tests; photographs are right or wrong as a test says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search.answer import StoredStudy
from search.folder.record import TrialRecord
from search.study import Study
from tests.search.answer.made import trial
from tests.search.fabricate import data_info

COMMAND = "python -m search.run --study pooling_dropout.toml"
SIZES: Any = {"train": (3,) * 4, "val": (3,) * 4, "test": (40,) * 4}
POOLINGS, DROPOUTS = ("max", "average"), (0.0, 0.5)
Shares = Mapping[tuple[str, float], float]


def crossed(seeds: int = 5, **changes: Any) -> Study:
    spec = {
        "pooling": {"levels": list(POOLINGS), "reference": "max"},
        "dropout_rate": {"levels": list(DROPOUTS), "reference": 0.0},
    }
    data = {"name": "pooling_dropout", "question": "Do pooling and dropout interact?", "seeds": seeds}
    return Study.model_validate({**data, "scientific": spec, "fixed": {"epochs": 10}, **changes})


def trained(
    tests: Shares, seeds: int = 5, spread: float = 0.03, shares_of_training: float = 0.9, **of_trial: Any
) -> list[TrialRecord]:
    """A training of each combination at each seed, with about these test accuracies."""
    found = []
    for seed in range(seeds):
        for (pooling, rate), share in tests.items():
            params = {"pooling": pooling, "dropout_rate": rate, "seed": seed}
            made = trial(
                len(found), params, seed, (shares_of_training, 0.7, share), spread=spread, sizes=SIZES, **of_trial
            )
            found.append(made)
    return found


def recorded(
    tests: Shares,
    seeds: int = 5,
    study: Study | None = None,
    records: Sequence[TrialRecord] | None = None,
    folder: Path | None = None,
    **of_trial: Any,
) -> StoredStudy:
    """A study with these test accuracies, or with these records."""
    there = tuple(records) if records is not None else tuple(trained(tests, seeds, **of_trial))
    return StoredStudy("pooling_dropout", study or crossed(seeds), data_info(), COMMAND, there, folder=folder)
