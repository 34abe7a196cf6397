"""Fixtures of studies with no-op trainers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.search import workshop


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Optuna's database with its tables, to be copied: they take seconds to make."""
    return workshop.template(tmp_path_factory.mktemp("storage"))
