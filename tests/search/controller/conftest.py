"""Fixtures of studies with no-op trainers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.search import workshop
from tests.search.workshop import Workshop


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Optuna's database with its tables, to be copied: they take seconds to make."""
    return workshop.template(tmp_path_factory.mktemp("storage"))


@pytest.fixture
def shop(tmp_path: Path, storage: Path) -> Workshop:
    """A folder of runs, whose name is hard on paths."""
    return workshop.workshop(tmp_path / 'Ada\'s "runs"', storage)
