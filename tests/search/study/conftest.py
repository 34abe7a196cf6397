"""Study files of the tests' own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from search.study import Study
from search.study.toml_file import load_study


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Study]:
    """Reads a study from its text, as of a file `pooling.toml`."""

    def read(text: str) -> Study:
        path = tmp_path / "pooling.toml"
        path.write_text(text)
        return load_study(str(path))

    return read
