"""Fixtures that tests of stores and of the controller share."""

from __future__ import annotations

import pytest


@pytest.fixture
def quick_to_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Optuna's look at the schema's version, which takes longer than most of the tests that ask for this."""
    manager = "optuna.storages._rdb.storage._VersionManager.check_table_schema_compatibility"
    monkeypatch.setattr(manager, lambda self: None)
