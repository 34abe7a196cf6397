"""What Optuna and MLflow know of a run, read from their databases: a check that a measured run did its work."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path


def optuna_trials(database: Path) -> Counter[str]:
    """Finished trials in Optuna, by the level of `pooling`."""
    query = """
        select p.param_value, p.distribution_json from trial_params p join trials t on t.trial_id = p.trial_id
        where t.state = 'COMPLETE' and p.param_name = 'pooling'
    """
    found: Counter[str] = Counter()
    for value, distribution in _rows(database, query):
        found[_choices(str(distribution))[int(float(str(value)))]] += 1
    return found


def mlflow_trials(database: Path) -> Counter[str]:
    """Finished runs in MLflow that have a test accuracy, by the level of `pooling`."""
    query = """
        select p.value from params p join runs r on r.run_uuid = p.run_uuid
        where r.status = 'FINISHED' and p.key = 'pooling'
        and exists (select 1 from latest_metrics m where m.run_uuid = r.run_uuid and m.key = 'test_accuracy')
    """
    return Counter(str(value) for (value,) in _rows(database, query))


def _choices(distribution: str) -> list[str]:
    return list(json.loads(distribution)["attributes"]["choices"])


def _rows(database: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return list(connection.execute(query))
