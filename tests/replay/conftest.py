"""Made-up tables as replayed searches meet them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.replay_world import World, read
from tests.replay.table import by_depth, table


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(read(table(tmp_path / "table.csv", by_depth)))


@pytest.fixture
def learners(tmp_path: Path) -> World:
    """Every model learns."""
    return World(read(table(tmp_path / "learners.csv", lambda params: by_depth(params) or 0.35)))
