"""Files that appear whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.whole_file import whole_file


def test_the_file_is_there_when_the_block_is_over_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "a model.keras"
    path.write_text("old")
    with whole_file(path) as partial:
        assert partial.parent == tmp_path
        assert partial.suffix == ".keras"
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_of_a_block_that_raises(tmp_path: Path) -> None:
    path = tmp_path / "record.json"

    def fail() -> None:
        with whole_file(path) as partial:
            partial.write_text("half of")
            raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail()
    assert not list(tmp_path.iterdir())
